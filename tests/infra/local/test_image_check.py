"""An image of PostgreSQL is compared with the settings and the data; the engine here is scripted."""

import asyncio
import io
import tarfile
from types import SimpleNamespace
from typing import Any

import pulumi
import pytest
from docker.errors import APIError, NotFound

from infra import endpoint
from infra.local import image_check
from infra.local.image_check import fitting, misfit
from tests.infra.local.steps.engine import Container, Engine

LABELS = {"django-stack.project": "django-stack", "django-stack.stack": "local", "django-stack.state": "0123456789ab"}
RM = "Fix: pulumi config rm -s local postgres-image"


class Volume(Container):
    """A container that says of which version its image is, and below which the volume's data are of another."""

    def __init__(self, *output: str, data: str = "", refuses: bool = False) -> None:
        super().__init__("look", output)
        self.data, self.refuses = data, refuses

    def start(self) -> None:
        if self.refuses:
            raise APIError("400", explanation='exec: "sh": not found')
        super().start()

    def get_archive(self, path: str) -> Any:
        if not self.data or not path.endswith("/PG_VERSION") or "docker" in path:
            raise NotFound(path)
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            entry = tarfile.TarInfo("PG_VERSION")
            entry.size = len(self.data)
            tar.addfile(entry, io.BytesIO(self.data.encode()))
        return [archive.getvalue()], {}


def engine(look: Volume, *, env: tuple[str, ...] = (), architecture: str = "amd64") -> Engine:
    attrs = {"Config": {"Env": list(env)}, "Architecture": architecture}
    image = SimpleNamespace(id="sha256:image", attrs=attrs)
    made = Engine(images={"sha256:image": image}, volumes=("app-database",) if look.data else ())
    made.next = look
    return made


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(image_check, "labels", lambda _: LABELS)
    return SimpleNamespace(stack="local", postgres_image="me/postgis:1", postgres_version=17)


def test_an_image_of_the_setting_passes_and_leaves_no_container(settings: Any) -> None:
    found = engine(Volume("postgres (PostgreSQL) 17.6", data="17\n"))
    assert misfit(found, "sha256:image", settings, "app-database") == ""
    looks, asks = found.made
    assert looks["command"] == ["true"], "it's never started; this is what every image has"
    assert looks["volumes"] == {"app-database": {"bind": "/django-stack-look", "mode": "ro"}}
    assert (looks["network_mode"], looks["labels"]) == ("none", LABELS)
    assert (asks["entrypoint"], asks["network_mode"], asks["labels"]) == ("sh", "none", LABELS)
    assert asks["use_config_proxy"] is looks["use_config_proxy"] is False
    assert [options["v"] for options in found.next.removed] == [True, True], "with the anonymous volumes"


def test_before_the_first_update_there_is_no_volume_to_look_into(settings: Any) -> None:
    found = engine(Volume("postgres (PostgreSQL) 17.6"))
    assert misfit(found, "sha256:image", settings, "app-database") == ""
    assert len(found.made) == 1


def served(image: str, data: str) -> Engine:
    """An engine with a container of an image, which has a volume with data of a version."""
    container = Volume(data=data)
    container.attrs |= {"Image": image, "Mounts": [{"Name": "app-database", "Destination": "/data"}]}
    found = engine(Volume("postgres (PostgreSQL) 17.6", data=data))
    found.there = [container]
    return found


@pytest.mark.parametrize(
    ("image", "data", "asked"), [("sha256:image", "17", 0), ("sha256:before", "17", 1), ("sha256:image", "", 1)]
)
def test_an_image_is_asked_once_for_the_data_that_its_server_made(
    settings: Any, image: str, data: str, asked: int
) -> None:
    found = served(image, data)
    found._volumes = ("app-database",)
    assert misfit(found, "sha256:image", settings, "app-database") == ""
    assert len(found.made) == asked


def test_an_image_that_is_in_use_does_not_pass_with_another_version(settings: Any) -> None:
    settings.postgres_version = 18
    error = misfit(served("sha256:image", "17"), "sha256:image", settings, "app-database")
    assert "which has PostgreSQL 17, and postgres-version is 18" in error


def test_an_image_that_is_gone_can_not_be_asked(settings: Any) -> None:
    assert misfit(engine(Volume()), "sha256:removed", settings, "app-database") == ""


def test_the_update_fails_with_what_does_not_match_or_goes_on_with_the_image(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoint, "client", lambda: engine(Volume("postgres (PostgreSQL) 17.6")))
    assert asyncio.run(fitting("sha256:image", settings, "app-database")) == "sha256:image"
    monkeypatch.setattr(endpoint, "client", lambda: engine(Volume("postgres (PostgreSQL) 16.4")))
    with pytest.raises(pulumi.RunError, match=r"^postgres-image is me/postgis:1, which has PostgreSQL 16.* Fix: "):
        asyncio.run(fitting("sha256:image", settings, "app-database"))


def test_an_engine_that_is_gone_meanwhile_is_said_in_one_line(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone() -> Any:
        raise ConnectionError

    monkeypatch.setattr(endpoint, "client", gone)
    with pytest.raises(pulumi.RunError, match=r"^The Docker engine no longer answers\."):
        asyncio.run(fitting("sha256:image", settings, "app-database"))


@pytest.mark.parametrize(
    ("look", "more", "message"),
    [
        (Volume("postgres (PostgreSQL) 16.4"), {}, "which has PostgreSQL 16, and postgres-version is 17"),
        (Volume("postgres (PostgreSQL) 17.6", data="16"), {}, "the volume app-database holds data of PostgreSQL 16"),
        (Volume("postgres (PostgreSQL) 17.6"), {"env": ("PGDATA=/elsewhere",)}, "PGDATA is /elsewhere"),
        (Volume("postgres (PostgreSQL) 17.6", "musl"), {}, f"sorts by glibc. {RM}"),
        (Volume("sh: not found"), {}, f"which has no program postgres. Its last lines:\n  | sh: not found\n{RM}"),
        (Volume(refuses=True), {"architecture": "s390x"}, "made for s390x and doesn't run on this machine's amd64."),
        (Volume(refuses=True), {"architecture": ""}, 'has no program postgres. Its last lines:\n  | exec: "sh"'),
    ],
)  # fmt: skip
def test_what_does_not_match_is_told_with_a_fix(
    settings: Any, look: Volume, more: dict[str, Any], message: str
) -> None:
    error = misfit(engine(look, **more), "sha256:image", settings, "app-database")
    assert message in error
    assert "me/postgis:1" in error or "app-database" in error
    assert "Fix: " in error


def test_data_that_were_sorted_by_musl_all_along_may_stay(settings: Any) -> None:
    """A warning says it in each update; a refusal would lock its owner out."""
    found = engine(Volume("postgres (PostgreSQL) 17.6", "musl", data="17"))
    assert misfit(found, "sha256:image", settings, "app-database") == ""
