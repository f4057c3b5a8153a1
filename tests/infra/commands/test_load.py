"""`load` refuses before it changes anything what would lose data, show them, or not work."""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from infra.commands import load
from infra.commands.data import archive_reader, database_copy, dumping
from infra.commands.data.ends import DatabaseFacts
from tests.infra.commands.data.memory_media import MemoryMedia
from tests.infra.commands.named_pipe import named_pipe

FACTS = DatabaseFacts(version=17, name="app", size=10**6, free=10**12, available={"citext": "1.6"})


class Database:
    """The database's end, as far as it is asked; `put` is what was restored."""

    overhead = 1.0

    def __init__(self, version: int = 17, extensions: tuple[str, ...] = (), production: bool = False) -> None:
        self.name, self.production, self.version, self.size = "target", production, version, 1000
        self.extensions, self.rows, self.known = extensions, {"public.a": 1}, FACTS

    @contextmanager
    def archive(self) -> Iterator["Database"]:
        yield self

    @contextmanager
    def open(self, section: str) -> Iterator[io.BytesIO]:
        yield io.BytesIO(b"x")

    @contextmanager
    def lock(self) -> Iterator[None]:
        yield

    def facts(self) -> DatabaseFacts:
        return self.known


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Result]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(dumping, "migrations", lambda name: [])
    order: list[str] = []

    def run(
        *words: str, source: Database | None = None, target: Database | None = None, media: MemoryMedia | None = None
    ) -> Result:
        order.clear()
        origin, end = source or Database(), target or Database()
        given = media if media is not None else MemoryMedia("source", one=b"1")
        store = MemoryMedia("target", own=b"2")
        store.before = lambda verb, key: order.append(verb)
        with Path("x.tar").open("wb") as out:
            database: Any = origin if origin.version else None
            dumping.dump("cloud", "shop", out, database, given if given.kept else None, [])
        monkeypatch.setattr(load, "database_of", lambda name: end)
        monkeypatch.setattr(load, "media_of", lambda name: store)
        monkeypatch.setattr(database_copy, "put", lambda *given: order.append("swap") or "app_before_1")
        result = CliRunner().invoke(load.command, ["x.tar", "-s", "target", *words])
        result.order = list(order)  # type: ignore[attr-defined]
        return result

    return run


def test_media_come_before_the_database_that_shows_them_and_the_rest_goes_last(run: Callable[..., Any]) -> None:
    assert run("--yes").order == ["write", "swap"]
    assert run("--yes", "--delete").order == ["write", "swap", "remove"]
    assert run("--yes", "--media", "--delete").order == ["write", "remove"]


def test_with_a_scrub_nothing_arrives_before_that_has_succeeded(run: Callable[..., Any]) -> None:
    assert run("--yes", "--scrub", "true").order == ["swap", "write"]


@pytest.mark.parametrize(
    ("words", "ends", "message"),
    [
        ((), {"source": Database(version=18)}, "an older server can't read a newer"),
        ((), {"source": Database(extensions=("postgis",))}, "lacks the extension postgis"),
        ((), {"target": Database(production=True)}, "--into-production target"),
        (("--into-production", "other"), {"target": Database(production=True)}, "not other"),
        ((), {"source": Database(production=True)}, "--unscrubbed"),
        (("--media",), {"media": MemoryMedia("empty")}, "The archive has no media"),
        (("--database",), {"source": Database(version=0)}, "The archive has no database"),
        (("--scrub", "true"), {"source": Database(version=0)}, "no database, which --scrub is about"),
    ],
)
def test_what_does_not_fit_or_is_protected_changes_nothing(
    run: Callable[..., Any], words: tuple[str, ...], ends: dict[str, Any], message: str
) -> None:
    result = run("--yes", *words, **ends)
    assert result.exit_code == 1
    assert message in result.output
    assert "Fix: " in result.output
    assert result.order == []


@pytest.mark.parametrize(
    "words", [("--database", "--delete"), ("--database", "--names"), ("--media", "--scrub", "true"), ("--scrub", "'")]
)
def test_options_that_have_no_meaning_together_are_refused(run: Callable[..., Any], words: tuple[str, ...]) -> None:
    result = run("--yes", *words)
    assert (result.exit_code, result.order) == (2, [])


def test_a_newer_server_and_a_typed_name_are_enough(run: Callable[..., Any]) -> None:
    newer = Database(production=True)
    newer.known = replace(FACTS, version=18)
    assert run("--yes", "--into-production", "target", target=newer).order == ["write", "swap"]


def test_a_dry_run_shows_the_plan_and_nobody_is_asked_in_a_pipe(run: Callable[..., Any]) -> None:
    result = run("--dry-run")
    assert (result.exit_code, result.order) == (0, [])
    assert "of cloud, made 20" in result.output
    assert "others     1 object, 1 bytes in target alone: kept" in result.output
    result = run()
    assert (result.exit_code, result.order) == (1, [])
    assert "Replace the database and the media of target?" in result.output
    assert "Replace the media of target?" in run("--media").output
    for name in ("-", "/dev/stdin"):
        result = CliRunner().invoke(load.command, [name])
        assert (result.exit_code, f"With {name} nobody can be asked; add --yes" in result.output) == (2, True)


def test_an_archive_is_read_from_a_pipe_with_a_name_or_without(run: Callable[..., Any]) -> None:
    """The shell gives such a name for `<(…)`."""
    assert run("--dry-run").exit_code == 0
    words = ["-s", "target", "--dry-run"]
    content = Path("x.tar").read_bytes()
    with named_pipe(content) as pipe:
        results = [CliRunner().invoke(load.command, [str(pipe), *words])]
    results += [CliRunner().invoke(load.command, [name, *words], input=content) for name in ("-", "/dev/stdin")]
    for result in results:
        assert result.exit_code == 0, result.output
        assert "of cloud, made 20" in result.output


def test_a_disk_that_is_full_while_a_pipe_is_kept_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive_reader, "spool_on_disk", lambda: Path("/dev/full").open("r+b"))  # noqa: SIM115
    result = CliRunner().invoke(load.command, ["-", "-s", "target", "--yes"], input=bytes(2**21))
    assert result.exit_code == 1
    assert result.output.startswith("There is no room in /")
    assert "No space left on device" in result.output
    assert "Fix: make room, or the same with TMPDIR" in result.output
