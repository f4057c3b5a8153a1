"""What is said of an image, a setting and a volume that don't fit. Real servers: tests/e2e/test_postgres.py."""

import asyncio
import io
import json
import re
import tarfile

import pytest
from docker.errors import DockerException, NotFound

from infra import endpoint
from infra.local import server_warnings
from infra.local.postgres import data_version, folders, misfit, understood
from infra.local.server_warnings import ask, warnings
from tests.infra.local.steps.engine import Container, Engine

VERSION = "pulumi config set -s local postgres-version"
IMAGE = "pulumi config rm -s local postgres-image"


@pytest.mark.report("postgis/docker-postgis#362")
@pytest.mark.parametrize(
    ("wanted", "image", "data", "fix"),
    [
        (17, 17, None, None),
        (17, 17, 17, None),
        (17, None, 17, None),
        (17, None, None, None),
        (17, 16, None, f"{VERSION} 16"),
        (17, 13, None, IMAGE),
        (17, 16, 16, f"{VERSION} 16"),
        (17, 16, 17, IMAGE),
        (17, 16, 15, f"{IMAGE} && {VERSION} 15"),
        (17, 17, 16, f"{VERSION} 16, or move the data by django-stack upgrade-database 17 -s local"),
        (17, None, 16, f"{VERSION} 16, or move the data by django-stack upgrade-database 17 -s local"),
    ],
)
def test_the_fix_never_leads_away_from_the_data(
    wanted: int, image: int | None, data: int | None, fix: str | None
) -> None:
    message = misfit("local", "me/postgis:1", wanted, image, data, "volume")
    assert message.partition("Fix: ")[2] == (fix or "")
    assert (f"data of PostgreSQL {data}" in message) is bool(fix and data)


@pytest.mark.parametrize(
    ("lines", "is_understood"),
    [
        (["postgres (PostgreSQL) 17.6 (Debian 17.6-1.pgdg13+1)"], (17, False)),
        (["postgres (PostgreSQL) 18beta1"], (18, False)),
        (["postgres (EnterpriseDB) 16.4.1"], (16, False)),
        (["postgres (PostgreSQL) 17.6", "musl"], (17, True)),
        (["sh: postgres: not found"], (None, False)),
        ([], (None, False)),
    ],
)
def test_what_a_server_says_of_itself(lines: list[str], is_understood: tuple[int | None, bool]) -> None:
    assert understood(lines) == is_understood


def test_each_version_since_18_has_a_folder_of_its_own() -> None:
    assert folders(17) == ("/var/lib/postgresql/data", "/var/lib/postgresql/data")
    assert folders(18) == ("/var/lib/postgresql", "/var/lib/postgresql/18/docker")


GLIBC = {
    "encoding": "UTF8",
    "collation": "en_US.utf8",
    "server": "PostgreSQL 17.6 (Debian 17.6-1) on x86_64-pc-linux-gnu, compiled by gcc",
}


def test_postgresql_14_knows_no_collations_of_databases() -> None:
    assert warnings("database", "app", "app", GLIBC) == []
    assert warnings("database", "app", "app", GLIBC | {"made": None, "now": "2.41"}) == []


def test_data_that_are_sorted_by_musl_are_told_of() -> None:
    alpine = "PostgreSQL 17.6 on x86_64-pc-linux-musl, compiled by gcc (Alpine 14.2.0) 14.2.0, 64-bit"
    (message,) = warnings("database", "app", "app", GLIBC | {"server": alpine})
    assert "The database sorts text by musl" in message


@pytest.mark.parametrize("differs", [{"collation": "C.UTF-8"}, {"collation": "de_DE.utf8"}, {"encoding": "SQL_ASCII"}])
def test_what_a_managed_postgresql_does_not_have_is_told_of(differs: dict[str, str]) -> None:
    (message,) = warnings("database", "app", "app", GLIBC | differs)
    assert next(iter(differs.values())) in message
    assert warnings("database", "app", "app", GLIBC | {"collation": "en_US.UTF-8"}) == []


def test_an_image_with_another_c_library_is_told_of_with_its_fix() -> None:
    known = GLIBC | {"made": "2.36", "now": "2.41"}
    (message,) = warnings("app-database", "me", "app", known)
    assert "with version 2.36 of the C library's collations, and the image has 2.41" in message
    assert message.endswith(
        "Fix: docker exec app-database reindexdb -U me --all && docker exec app-database psql -U me "
        "-c 'ALTER DATABASE app REFRESH COLLATION VERSION' -c 'ALTER DATABASE postgres REFRESH COLLATION VERSION' "
        "-c 'ALTER DATABASE template1 REFRESH COLLATION VERSION' app"
    )
    assert warnings("app-database", "me", "app", known | {"now": "2.36"}) == []


@pytest.mark.parametrize(("version", "asks_for_versions"), [(14, False), (15, True), (18, True)])
def test_the_server_is_asked_what_its_version_knows(version: int, asks_for_versions: bool) -> None:
    """`datcollversion` came with PostgreSQL 15; what a server warns of itself, on standard error, is no answer."""
    server = Container("app-database", program=lambda command, environment: (0, json.dumps(GLIBC).encode()))
    assert ask(server, version, "me", "app") == []
    [(command, environment)] = server.executed
    assert command[:3] == ["psql", "-qAtX", "-c"]
    asked = re.findall(r"'(\w+)', (\w+)", command[3])
    assert asked[:2] == [("encoding", "pg_encoding_to_char"), ("collation", "datcollate")]
    assert ("server", "version") in asked
    assert (
        asked[-2:] == [("made", "datcollversion"), ("now", "pg_database_collation_actual_version")]
    ) is asks_for_versions
    assert command[3].endswith("\nFROM pg_database WHERE datname = current_database()\n")
    assert environment == {"PGUSER": "me", "PGDATABASE": "app"}


def test_warnings_reach_the_update_and_a_server_that_is_gone_causes_none(monkeypatch: pytest.MonkeyPatch) -> None:
    logged: list[str] = []
    server = Container(program=lambda command, environment: (0, json.dumps(GLIBC | {"encoding": "LATIN1"}).encode()))
    monkeypatch.setattr(server_warnings.pulumi.log, "warn", logged.append)
    monkeypatch.setattr(endpoint, "client", lambda: Engine(server))
    assert asyncio.run(server_warnings.say("one-id", 17, "app", "app")) == logged
    assert "encoding is LATIN1" in logged[0]

    def gone() -> Engine:
        raise DockerException("gone")

    monkeypatch.setattr(endpoint, "client", gone)
    assert asyncio.run(server_warnings.say("one-id", 17, "app", "app")) == []
    monkeypatch.setattr(endpoint, "client", lambda: Engine(Container(program=lambda *_: (0, b"psql: not found"))))
    assert asyncio.run(server_warnings.say("one-id", 17, "app", "app")) == []


@pytest.mark.parametrize("folder", ["", "18/docker/", "pgdata/"])
def test_data_are_found_wherever_an_image_keeps_them_below_the_mount(folder: str) -> None:
    """The old images at the mount itself, those since 18 in a folder of the version, some others in `pgdata`."""
    engine = Engine()
    engine.next = look = DataFolder(f"/django-stack-look/{folder}PG_VERSION")
    assert data_version(engine, "volume", "image", {}) == 16
    assert look.removed == [{"v": True}]


class DataFolder(Container):
    """A container with a file PG_VERSION at one place."""

    def __init__(self, place: str, *, status: str = "exited") -> None:
        super().__init__("look")
        self.place, self.status = place, status

    def get_archive(self, path: str) -> tuple[list[bytes], dict[str, str]]:
        if path != self.place:
            raise NotFound(path)
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            entry = tarfile.TarInfo("PG_VERSION")
            entry.size = 3
            tar.addfile(entry, io.BytesIO(b"16\n"))
        return [archive.getvalue()], {}


@pytest.mark.parametrize(("status", "restarts", "version"), [("running", 0, 17), ("running", 1, 16), ("exited", 0, 16)])
def test_a_server_that_runs_has_data_of_its_own_version_and_of_any_other_the_data_are_asked(
    status: str, restarts: int, version: int
) -> None:
    """One of another version than its data would restart again and again."""
    user = DataFolder("/data/PG_VERSION", status=status)
    user.attrs["Config"]["Env"] = ["PG_MAJOR=17"]
    user.attrs["RestartCount"] = restarts
    user.attrs["Mounts"] = [{"Name": "other", "Destination": "/other"}, {"Name": "volume", "Destination": "/data"}]
    engine = Engine(user)
    assert data_version(engine, "volume", "image", {}) == version
    assert engine.asked == [{"all": True, "filters": {"volume": "volume"}, "ignore_removed": True}]
    assert engine.made == []
