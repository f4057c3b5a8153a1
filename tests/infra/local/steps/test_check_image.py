"""An image of PostgreSQL is compared with the settings before anything is made; the engine here is scripted."""

import io
import tarfile
from types import SimpleNamespace
from typing import Any

import pytest
from docker.errors import APIError, NotFound

from tests.infra.local.steps.conftest import Run
from tests.infra.local.steps.engine import Container, Engine

LABELS = {"django-stack.stack": "local"}
ASKED: dict[str, Any] = {
    "stack": "local",
    "image": "sha256:image",
    "name": "me/postgis:1",
    "version": 17,
    "volume": "app-database",
    "labels": LABELS,
}
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


def test_an_image_of_the_setting_passes_and_leaves_no_container(run: Run) -> None:
    found = engine(Volume("postgres (PostgreSQL) 17.6", data="17\n"))
    assert run("check_image", ASKED, found) == (0, "", "")
    asks, looks = found.made
    assert (asks["entrypoint"], asks["network_mode"], asks["labels"]) == ("sh", "none", LABELS)
    assert looks["command"] == ["true"], "it's never started; this is what every image has"
    assert looks["volumes"] == {"app-database": {"bind": "/django-stack-look", "mode": "ro"}}
    assert (looks["network_mode"], looks["labels"]) == ("none", LABELS)
    assert asks["use_config_proxy"] is looks["use_config_proxy"] is False
    assert [options["v"] for options in found.next.removed] == [True, True], "with the anonymous volumes"


def test_before_the_first_update_there_is_no_volume_to_look_into(run: Run) -> None:
    found = engine(Volume("postgres (PostgreSQL) 17.6"))
    assert run("check_image", ASKED, found) == (0, "", "")
    assert len(found.made) == 1


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
def test_what_does_not_match_is_told_with_a_fix(run: Run, look: Volume, more: dict[str, Any], message: str) -> None:
    status, _, error = run("check_image", ASKED, engine(look, **more))
    assert status == 1
    assert message in error
    assert "me/postgis:1" in error or "app-database" in error
    assert "Fix: " in error


def test_data_that_were_sorted_by_musl_all_along_may_stay(run: Run) -> None:
    """A warning says it in each update; a refusal would lock its owner out."""
    assert run("check_image", ASKED, engine(Volume("postgres (PostgreSQL) 17.6", "musl", data="17")))[0] == 0
