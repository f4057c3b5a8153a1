"""What `upgrade-database` refuses, before anything is changed, and how it goes on from where it failed."""

import json
import shlex
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from docker.errors import APIError, ContainerError, DockerException, ImageNotFound, NotFound

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
    monkeypatch.setattr(upgrade_database, "_psql", lambda *_: "[]")
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


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (APIError("500", explanation="no route to the registry"), "no route to the registry. Fix: --image NAME"),
        (DockerException("Credentials store error: StoreError('not installed')"), "Fix: remove `credsStore`"),
        (OSError("timed out"), "timed out. Fix: --image NAME"),
    ],
)
def test_an_image_that_cannot_be_pulled_is_one_line_with_a_fix(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: Exception, said: str
) -> None:
    def fails(name: str) -> None:
        raise ImageNotFound(name) if name == "here" else error

    monkeypatch.chdir(tmp_path)
    images = SimpleNamespace(get=lambda _: fails("here"), pull=fails)
    engine: Any = SimpleNamespace(volumes=Volumes(), images=images)
    upgrade = upgrade_database.Upgrade("local", 17, 18, "postgres:18", "", "c", "app", "app", 1000)
    with pytest.raises(SystemExit, match="postgres:18 can't be pulled, nothing was changed: ") as ended:
        upgrade_database._check(engine, upgrade)
    assert said in str(ended.value)


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


SETTING = "SELECT set_config('search_path', 'a b', false); ALTER ROLE app SET search_path FROM CURRENT"
LOADING = "django-stack load -s local shop-local-before-18.tar --database"
WHERE = "Its data are in shop-local-before-18.tar and in the volume shop-local-database-17. Fix: see above, then "
GOING_ON = (
    "pulumi config set -s local postgres-version 18 && pulumi up -s local && "
    f"django-stack psql -s local -c {shlex.quote(SETTING)} && {LOADING}"
)


@pytest.fixture
def upgrade(project: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[str, list[str]]]:
    """Upgrades a server with a setting; how it ended, and what was done. `load`, `up` and `remove` are what fails."""
    order: list[str] = []

    def run(load: str = "", up: int = 0, remove: str = "", refuses: bool = False) -> tuple[str, list[str]]:
        def psql(upgrade: upgrade_database.Upgrade, text: str) -> str:
            if text == SETTING:
                order.append(f"set in {upgrade.container}")
                if refuses:
                    raise DataError("unknown")
                return ""
            order.append(f"ask {upgrade.container}")
            return json.dumps([SETTING])

        def load_main(words: list[str], **_: Any) -> int:
            order.append("load")
            return sys.exit(load) if load else 0

        def removed() -> None:
            if remove:
                raise APIError("conflict", explanation=remove)

        def done(what: str, status: int = 0) -> int:
            order.append(what)
            return status

        engine: Any = SimpleNamespace(volumes=SimpleNamespace(get=lambda _: SimpleNamespace(remove=removed)))
        for name, value in {
            "stack.engine": lambda: engine,
            "stack.running": lambda *_: SimpleNamespace(id="new"),
            "_check": lambda *_: None,
            "_read_only": lambda _: nullcontext(),
            "_keep": lambda *_: None,
            "_psql": psql,
            "database_of": lambda _: None,
            "dumping.dump": lambda *_: None,
            "opened": lambda *_: nullcontext(),
            "move.pulumi": lambda _: done("destroy"),
            "move.set_and_up": lambda *_: done("up", up),
            "load.command.main": load_main,
        }.items():
            monkeypatch.setattr(f"infra.commands.upgrade_database.{name}", value)
        order.clear()
        try:
            upgrade_database._upgrade(
                upgrade_database.Upgrade("local", 17, 18, "postgres:18", "", "old", "app", "app", 1), yes=True
            )
        except SystemExit as end:
            return str(end), list(order)
        return "", list(order)

    return run


def test_settings_of_database_and_user_are_there_before_the_data(
    upgrade: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """With a search path the tables are in another schema, and `migrate` would make empty ones beside them."""
    whole = ["ask old", "destroy", "up", "set in new", "load"]
    assert upgrade() == ("", whole)
    assert upgrade(refuses=True) == ("", whole)
    assert "PostgreSQL 18 doesn't take a setting of 17: SELECT set_config('search_path'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("fails", "end"),
    [
        ({"up": 255}, f"The stack isn't up with PostgreSQL 18 (exit status 255). {WHERE}{GOING_ON}"),
        (
            {"remove": "in use"},
            "The volume shop-local-database can't be removed. "
            f"{WHERE}docker volume rm shop-local-database && {GOING_ON}",
        ),
        ({"load": "no room"}, f"The stack serves an empty database. {WHERE}{LOADING}"),
        (
            {"load": "the same with --schema-ahead"},
            f"The stack serves an empty database. {WHERE}{LOADING} --schema-ahead",
        ),
    ],
)
def test_what_fails_after_the_old_server_says_what_is_served_and_how_to_go_on(
    upgrade: Callable[..., Any], capsys: pytest.CaptureFixture[str], fails: dict[str, Any], end: str
) -> None:
    assert upgrade(**fails)[0] == end
    assert fails.get("load", "") in capsys.readouterr().err
