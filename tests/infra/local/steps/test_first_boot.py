"""The step says that a volume can go only if its cluster was certainly never used; tests/faults has real ones."""

import pytest

from infra.local.steps.first_boot import is_a_beginning

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
        [*BOOTSTRAP, "d base/4", "f postmaster.pid", "f postmaster.opts", *given(13486)],
    ],
)
def test_what_initdb_has_begun_is_told_for_sure(seen: list[str]) -> None:
    assert is_a_beginning(seen)


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
