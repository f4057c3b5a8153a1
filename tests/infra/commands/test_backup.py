"""`backup check FILE` tells a bad backup, which is alarming, from a server that can't try it."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner, Result

from infra.commands import backup
from infra.commands.data import archive_reader, backup_check, dumping
from infra.commands.data.backup_check import MARK
from infra.commands.data.ends import Archive, BusyError, DatabaseFacts, DataError, Rows, ServerError
from tests.infra.commands.data.made_up import MadeUpArchive, MadeUpDatabase
from tests.infra.commands.named_pipe import named_pipe

FACTS = DatabaseFacts(version=17, name="app", size=10**6, free=10**12, available={"citext": "1.6"})
GOOD = MARK + json.dumps({"migrations": 20, "pending": 0, "tables": 1, "rows": 2})


class Contents(MadeUpArchive):
    @contextmanager
    def open(self, section: str) -> Iterator[Any]:
        yield (Path.cwd() / "empty").open("rb")


@dataclass
class Server(MadeUpDatabase):
    """`refuses` is the error of its restore, `leaves` the one that it answers with from then on."""

    known: DatabaseFacts = FACTS
    refuses: DataError | None = None
    leaves: DataError | None = None
    busy: DataError | None = None

    @contextmanager
    def lock(self) -> Iterator[None]:
        if self.busy:
            raise self.busy
        yield

    def facts(self) -> DatabaseFacts:
        if self.leaves and self.asked:
            raise self.leaves
        return self.known

    def restore(self, archive: Archive, into: str) -> Rows:
        found = super().restore(archive, into)
        if self.refuses:
            raise self.refuses
        return found

    def drop(self, databases: Any) -> None:
        super().drop(databases)
        if self.leaves:
            raise self.leaves


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., tuple[Result, list[bool]]]:
    """Checks a dump of an archive on a server, in the cloud; the result, and what was told to others."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").touch()
    monkeypatch.setattr(dumping, "migrations", lambda name: [])
    monkeypatch.setattr(backup, "platform_of", lambda name: "cloud")
    told: list[bool] = []
    monkeypatch.setattr(backup, "_note", lambda name, *, is_good, why="": told.append(is_good))

    def run(server: Server, output: tuple[int, str] = (0, GOOD), **source: Any) -> tuple[Result, list[bool]]:
        end: Any = SimpleNamespace(production=False, archive=lambda: _given(Contents(**source)))
        with Path("x.tar").open("wb") as out:
            dumping.dump("shop", "shop", out, end, None, [])
        monkeypatch.setattr(backup_check, "database_of", lambda name: server)
        monkeypatch.setattr(backup_check, "operations", lambda name: SimpleNamespace(output=lambda line: output))
        told.clear()
        return CliRunner().invoke(backup.command, ["check", "x.tar", "-s", "b"], standalone_mode=False), told

    return run


@contextmanager
def _given(archive: Archive) -> Iterator[Archive]:
    yield archive


def test_a_good_backup_is_restored_counted_and_removed(check: Callable[..., Any]) -> None:
    server = Server()
    result, told = check(server)
    assert (result.exit_code, told, server.asked) == (0, [True], ["restore app_new", "drop app_new"])
    assert "can be used: 1 table, 2 rows, 20 migrations." in result.output


@pytest.mark.parametrize(
    ("server", "more"),
    [
        (Server(found={"public.one": 1}), {}),
        (Server(refuses=DataError("pg_restore: error: no such type")), {}),
        (Server(), {"output": (1, "django.db.utils.ProgrammingError: no such column")}),
    ],
)
def test_a_backup_that_cannot_be_used_is_told(check: Callable[..., Any], server: Server, more: Any) -> None:
    result, told = check(server, **more)
    assert (result.exit_code, told, server.asked[-1]) == (1, [False], "drop app_new")
    assert "The backup can't be used: " in result.output


@pytest.mark.parametrize(
    ("server", "source", "said"),
    [
        (Server(known=replace(FACTS, free=1000)), {}, "the copy needs"),
        (Server(), {"version": 18}, "an older server can't read a newer one's database"),
        (Server(), {"extensions": ("postgis",)}, "lacks the extension postgis"),
        (Server(busy=BusyError("Another copy runs")), {}, "Another copy runs"),
        (Server(busy=DataError("The task can't be run")), {}, "The task can't be run"),
    ],
)
def test_a_server_that_the_backup_does_not_fit_makes_nothing_and_tells_nobody(
    check: Callable[..., Any], server: Server, source: dict[str, Any], said: str
) -> None:
    result, told = check(server, **source)
    assert (result.return_value, told, server.asked) == (backup.UNCHECKED, [], [])
    assert result.output.startswith("The backup can't be checked now: ")
    assert said in result.output


@pytest.mark.parametrize(
    "server",
    [
        Server(refuses=ServerError("its disk is nearly full")),
        Server(refuses=DataError("it broke off"), leaves=DataError("it isn't there")),
    ],
)
def test_a_server_that_fails_meanwhile_says_nothing_of_the_backup(check: Callable[..., Any], server: Server) -> None:
    result, told = check(server)
    assert (result.return_value, told, server.asked) == (backup.UNCHECKED, [], ["restore app_new", "drop app_new"])
    assert f"The backup can't be checked now: {server.refuses}" in result.output


def test_a_file_may_be_a_pipe(check: Callable[..., Any]) -> None:
    check(Server())
    with named_pipe(Path("x.tar").read_bytes()) as pipe:
        result = CliRunner().invoke(backup.command, ["check", str(pipe), "-s", "b"], standalone_mode=False)
    assert (result.return_value, "can be used: 1 table" in result.output) == (0, True), result.output


def test_no_room_for_what_comes_through_a_pipe_says_nothing_of_the_backup(
    check: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, told = check(Server())
    told.clear()
    monkeypatch.setattr(archive_reader, "spool_on_disk", lambda: Path("/dev/full").open("r+b"))  # noqa: SIM115
    with named_pipe(bytes(2**21)) as pipe:
        result = CliRunner().invoke(backup.command, ["check", str(pipe), "-s", "b"], standalone_mode=False)
    assert (result.return_value, told) == (backup.UNCHECKED, [])
    assert "The backup can't be checked now: There is no room in /" in result.output


@pytest.mark.parametrize(("given", "dumped"), [("none.tar", "none.tar"), (".", "b.tar")])
def test_a_file_that_is_not_there_can_be_made(monkeypatch: pytest.MonkeyPatch, given: str, dumped: str) -> None:
    monkeypatch.setattr(backup, "platform_of", lambda name: "local")
    result = CliRunner().invoke(backup.command, ["check", given, "-s", "b"])
    assert result.exit_code == 1
    assert f"Fix: django-stack dump {dumped} -s b" in result.output
