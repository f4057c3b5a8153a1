"""What `upgrade-database` refuses, before anything is changed."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from docker.errors import ContainerError, NotFound

from infra.commands import upgrade_database
from infra.commands.data.ends import DatabaseFacts, DataError
from infra.local.labels import STATE

CONTAINER = SimpleNamespace(id="c", attrs={"Config": {"Env": ["POSTGRES_USER=app"]}})


class Volumes:
    """Those of the engine, by their names."""

    def __init__(self, *names: str) -> None:
        self.names = names

    def get(self, name: str) -> None:
        if name not in self.names:
            raise NotFound(name)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "Pulumi.yaml").write_text("name: shop\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(
    project: Path, monkeypatch: pytest.MonkeyPatch, *words: str, version: int = 17, has: int = 18, **settings: Any
) -> Result:
    settings = {"platform": "local", **{key.replace("_", "-"): value for key, value in settings.items()}}
    config = {f"shop:{key}": value for key, value in settings.items()}
    (project / "Pulumi.local.yaml").write_text(yaml.safe_dump({"config": config}))
    image = SimpleNamespace(attrs={"Config": {"Env": [f"PG_MAJOR={has}"]}})
    engine = SimpleNamespace(volumes=Volumes("shop-local-database-16"), images=SimpleNamespace(get=lambda _: image))
    monkeypatch.setattr(upgrade_database.stack, "engine", lambda: engine)
    monkeypatch.setattr(upgrade_database.stack, "running", lambda *_: CONTAINER)
    end = SimpleNamespace(facts=lambda: DatabaseFacts(version, "app", 1000))
    monkeypatch.setattr(upgrade_database, "database_of", lambda _: end)
    return CliRunner().invoke(upgrade_database.command, list(words))


@pytest.mark.parametrize(
    ("words", "more", "said"),
    [
        (["18"], {"platform": "cloud"}, "pulumi config set -s local database-upgrade true && pulumi up -s local"),
        (["18"], {"keep_data": "false"}, "pulumi config set -s local keep-data true && pulumi up -s local"),
        (["18"], {"postgres_image": "me/postgis:17"}, "the same with --image NAME"),
        (["17"], {}, "has PostgreSQL 17; allowed: a newer version, up to 18"),
        (["16"], {}, "has PostgreSQL 17; allowed: a newer version, up to 18"),
        (["18", "--image", "me/postgis:17"], {"has": 17}, "me/postgis:17 has PostgreSQL 17, not 18"),
        (["18"], {"version": 16}, "docker volume rm shop-local-database-16, if nobody needs it"),
        (["18"], {}, "Nobody can be asked here, nothing was changed"),
    ],
)
def test_what_cannot_be_upgraded_is_one_line_with_a_fix(
    project: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], more: dict[str, Any], said: str
) -> None:
    done = run(project, monkeypatch, *words, **more)
    assert done.exit_code == 1
    assert said in done.output
    assert "Traceback" not in done.output


def test_a_file_that_is_there_stays(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "shop-local-before-18.tar").write_text("mine")
    done = run(project, monkeypatch, "18", "--yes")
    assert (done.exit_code, "is there already" in done.output) == (1, True)
    assert (project / "shop-local-before-18.tar").read_text() == "mine"


def test_a_copy_that_fails_is_said_and_leaves_no_half_of_a_volume(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a full disk, which is no refusal of the engine's."""
    removed: list[str] = []

    def fail(image: str, command: list[str], **options: Any) -> None:
        assert (options["entrypoint"], STATE in options["labels"]) == ("sh", True)
        raise ContainerError(None, 1, command, image, b"cp: error writing: No space left on device\n")

    volume = SimpleNamespace(remove=lambda force: removed.append("kept"))
    engine: Any = SimpleNamespace(
        containers=SimpleNamespace(
            get=lambda _: SimpleNamespace(attrs={"Image": "postgres:17"}, stop=lambda timeout: None), run=fail
        ),
        volumes=SimpleNamespace(create=lambda *_, **__: None, get=lambda _: volume),
    )
    monkeypatch.setattr(upgrade_database, "_psql", lambda *_: None)
    upgrade: Any = SimpleNamespace(
        name="local", database="app", container="shop-local-database", volume="shop-local-database", kept="kept"
    )
    with pytest.raises(
        DataError, match=r"nothing was changed: A container of postgres:17 failed with exit status 1\."
    ) as end:
        upgrade_database._keep(engine, upgrade)
    assert "| cp: error writing: No space left on device" in str(end.value)
    assert removed == ["kept"]
