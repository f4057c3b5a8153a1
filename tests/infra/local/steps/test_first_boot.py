"""The step says that a volume can go only if its cluster was certainly never used; tests/faults has real ones."""

from typing import Any

import pytest
from docker.errors import APIError, DockerException

from infra import endpoint
from infra.local.steps.first_boot import LOOK, is_a_beginning, next_step
from tests.infra.local.steps.engine import Container, Engine

FOLDERS = ["d base", "d base/1", "d global", "d pg_wal", "d pg_tblspc", "d pg_xact"]
SETTINGS = ["f PG_VERSION", "f postgresql.conf", "f postgresql.auto.conf", "f pg_hba.conf", "f pg_ident.conf"]
BOOTSTRAP = [*FOLDERS, *SETTINGS, "f global/pg_control", "f base/1/2619_fsm", "f pg_wal/000000010000000000000001"]
WHOLE = [*BOOTSTRAP, "d base/4", "d base/5"]


def given(number: int) -> list[str]:
    """What pg_controldata says among other things."""
    return ["pg_control version number:            1700", f"Latest checkpoint's NextOID:          {number}"]


@pytest.mark.parametrize(
    "seen",
    [
        FOLDERS[2:3],
        FOLDERS,
        FOLDERS + SETTINGS,
        [*FOLDERS, *SETTINGS, "f pg_wal/000000010000000000000001"],
        BOOTSTRAP + given(10000),
        [*BOOTSTRAP, "d base/16383", "f base/1/16383", *given(16383)],
        [*BOOTSTRAP, "d base/4", "f postmaster.pid", "f postmaster.opts", *given(13486)],
    ],
)
def test_what_initdb_has_begun_is_told_for_sure(seen: list[str]) -> None:
    assert is_a_beginning(seen)


def test_every_folder_and_file_of_an_unused_cluster_is_known() -> None:
    """What initdb and a first start leave at the top of a cluster, in any version from 14 to 18."""
    folders = ["base", "global", "pg_commit_ts", "pg_dynshmem", "pg_logical", "pg_multixact", "pg_notify"]
    folders += ["pg_replslot", "pg_serial", "pg_snapshots", "pg_stat", "pg_stat_tmp", "pg_subtrans", "pg_tblspc"]
    folders += ["pg_twophase", "pg_wal", "pg_xact"]
    settings = ["postgresql.conf", "postgresql.auto.conf", "pg_hba.conf", "pg_ident.conf"]
    for folder in folders:
        assert is_a_beginning([f"d {folder}"]), folder
        assert not is_a_beginning([f"f {folder}"]), f"{folder} is a folder"
    for file in ["PG_VERSION", "postmaster.opts", "postmaster.pid", *settings]:
        assert is_a_beginning([f"f {file}"]), file
        assert not is_a_beginning([f"d {file}"]), f"{file} is a file"
    assert is_a_beginning(["d pg_wal", "d pg_wal/archive_status"])


@pytest.mark.parametrize(
    "seen",
    [
        [],
        WHOLE + given(13486),
        WHOLE,
        BOOTSTRAP,
        BOOTSTRAP + given(16384),
        BOOTSTRAP + given(10000) + given(10000),
        [*BOOTSTRAP, "d base/16384", *given(10000)],
        [*BOOTSTRAP, "f base/1/16390", *given(10000)],
        [*BOOTSTRAP, "f base/1/16390_vm", *given(10000)],
        [*BOOTSTRAP, "l pg_tblspc/16400", *given(10000)],
        [*BOOTSTRAP, "f notes.txt", *given(10000)],
        [*BOOTSTRAP, "d 18", *given(10000)],
        [*FOLDERS, "f base/1/1259"],
        [*FOLDERS, "f pg_xact/0000"],
        ["d lost+found"],
        ["f pg_dump"],
        ["d pg_backup", "f pg_backup/app.dump"],
        [*BOOTSTRAP, "f pg_wal/000000010000000000000002", *given(10000)],
        [*FOLDERS[:3], "l pg_wal", *SETTINGS],
    ],
)
def test_anything_else_is_left_to_its_owner(seen: list[str]) -> None:
    assert not is_a_beginning(seen)


def nested(seen: list[str]) -> list[str]:
    """The same in the folder that PostgreSQL 18's image has in its volume."""
    files = [f"{line[0]} 18/docker/{line[2:]}" for line in seen if line[1] == " "]
    return ["d 18", "d 18/docker", *files, *(line for line in seen if line[1] != " ")]


def test_the_folder_of_a_version_in_the_volume_is_looked_into() -> None:
    begun = BOOTSTRAP + given(10000)
    assert is_a_beginning(nested(begun), "18/docker")
    assert not is_a_beginning(nested(WHOLE + given(13486)), "18/docker")
    assert not is_a_beginning(nested([*BOOTSTRAP, "d base/16384", *given(10000)]), "18/docker")
    assert not is_a_beginning(["d 18", "d 18/docker"], "18/docker")


@pytest.mark.parametrize("beside", ["f PG_VERSION", "d 17", "f 17/docker/PG_VERSION", "f 18/dump.sql", "d data"])
def test_what_is_beside_that_folder_may_be_somebodys(beside: str) -> None:
    assert not is_a_beginning([*nested(BOOTSTRAP + given(10000)), beside], "18/docker")
    assert not is_a_beginning([*BOOTSTRAP, *given(10000)], "18/docker")


DATA = "/var/lib/postgresql/data"


@pytest.fixture
def database() -> Container:
    """A container of the stack `local` that doesn't get ready, with its data in a volume."""
    container = Container("app-database")
    container.labels = {"django-stack.stack": "local", "maintainer": "somebody"}
    container.attrs["Image"] = "sha256:postgres"
    container.attrs["Mounts"] = [
        {"Type": "bind", "Destination": DATA, "Source": "/init.sql"},
        {"Type": "volume", "Destination": "/run", "Name": "sockets"},
        {"Type": "volume", "Destination": DATA, "Name": "app-database"},
    ]
    return container


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch, database: Container) -> Engine:
    engine = Engine(database)
    engine.printed = "\n".join(BOOTSTRAP + given(10000)).encode()
    monkeypatch.setattr(endpoint, "client", lambda: engine)
    return engine


def test_the_fix_names_container_volume_and_stack(engine: Engine, database: Container) -> None:
    assert next_step(database).endswith(
        "Fix: docker rm --force app-database && docker volume rm app-database, then pulumi up -s local --refresh"
    )
    database.labels = {}
    assert next_step(database).endswith("then pulumi up --refresh")


def test_the_volume_is_looked_into_read_only_by_the_databases_own_image(engine: Engine, database: Container) -> None:
    next_step(database)
    (ran,) = engine.ran
    assert (ran["image"], ran["command"], ran["entrypoint"], ran["user"]) == (
        "sha256:postgres",
        ["-c", LOOK],
        "sh",
        "0",
    )
    assert ran["volumes"] == {"app-database": {"bind": DATA, "mode": "ro"}}
    assert (ran["working_dir"], ran["environment"]) == (DATA, {"CLUSTER": DATA})
    assert (ran["network_mode"], ran["use_config_proxy"], ran["remove"]) == ("none", False, True)
    assert ran["log_config"]["Type"] == "json-file", "other logs can't be read back"
    assert ran["labels"] == {"django-stack.stack": "local"}, "repair finds it by those of the database, if it is killed"
    assert LOOK == "find . -mindepth 1 -printf '%y %P\\n' || exit 1; LC_ALL=C pg_controldata \"$CLUSTER\"; true"


def test_the_folder_of_the_data_is_the_containers_pgdata(engine: Engine, database: Container) -> None:
    database.attrs["Config"]["Env"] = ["LANG=C", "PGDATA=/var/lib/postgresql/18/docker"]
    database.attrs["Mounts"] = [{"Type": "volume", "Destination": "/var/lib/postgresql", "Name": "app-database"}]
    engine.printed = "\n".join(nested(BOOTSTRAP + given(10000))).encode()
    assert "docker volume rm app-database" in next_step(database)


def test_data_of_somebody_are_left_alone(engine: Engine, database: Container) -> None:
    engine.printed = "\n".join(WHOLE + given(16384)).encode()
    assert next_step(database) == ""


@pytest.mark.parametrize(("restarts", "waits"), [(0, True), (2, True), (3, False)])
def test_an_initdb_that_is_only_slow_may_go_on_until_it_restarts_again_and_again(
    engine: Engine, database: Container, restarts: int, waits: bool
) -> None:
    database.processes = ["docker-entrypoi", "initdb"]
    database.attrs["RestartCount"] = restarts
    assert (next_step(database) == "") is waits
    assert database.reloaded == 1


def test_a_container_that_does_not_run_is_looked_into(
    engine: Engine, database: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(ps_args: str) -> Any:
        raise APIError("409")

    monkeypatch.setattr(database, "top", stopped)
    assert "docker volume rm" in next_step(database)


def test_the_failure_itself_is_reported_when_nothing_can_be_looked_up(
    engine: Engine, database: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone() -> Any:
        raise DockerException("gone")

    database.attrs["Mounts"] = []
    assert next_step(database) == ""
    monkeypatch.setattr(endpoint, "client", gone)
    assert next_step(database) == ""


@pytest.mark.parametrize(("number", "told"), [(18191, False), (18192, True), (20192, True), (20193, False)])
def test_numbers_that_a_server_recovered_count_as_initdbs_if_it_has_nothing_of_a_user(number: int, told: bool) -> None:
    seen = [*WHOLE, *given(number)]
    assert is_a_beginning(seen, lacks_last=True) is told
    assert not is_a_beginning([*BOOTSTRAP, *given(number)])
