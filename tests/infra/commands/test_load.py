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
from infra.commands.data import archive_reader, dumping
from infra.commands.data.ends import DatabaseFacts
from tests.infra.commands.data.made_up import MadeUpDatabase
from tests.infra.commands.data.memory_media import MemoryMedia
from tests.infra.commands.named_pipe import named_pipe

FACTS = DatabaseFacts(version=17, name="app", size=10**6, free=10**12, available={"citext": "1.6"})
WHOLE = ["lock", "restore", "run", "write", "swap"]


class Database:
    """The end of the database that is dumped, as far as it is asked."""

    def __init__(self, version: int = 17, extensions: tuple[str, ...] = (), production: bool = False) -> None:
        self.name, self.production, self.version, self.size = "target", production, version, 1000
        self.extensions, self.rows = extensions, {"public.one": 2}

    @contextmanager
    def archive(self) -> Iterator["Database"]:
        yield self

    @contextmanager
    def open(self, section: str) -> Iterator[io.BytesIO]:
        yield io.BytesIO(b"x")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Result]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(dumping, "migrations", lambda name: [])
    order: list[str] = []

    def run(
        *words: str,
        source: Database | None = None,
        target: MadeUpDatabase | None = None,
        media: MemoryMedia | None = None,
    ) -> Result:
        order.clear()
        origin, end = source or Database(), target or MadeUpDatabase("target", known=FACTS)
        end.asked = order
        given = media if media is not None else MemoryMedia("source", one=b"1")
        store = MemoryMedia("target", own=b"2")
        store.before = lambda verb, key: order.append(verb)
        with Path("x.tar").open("wb") as out:
            database: Any = origin if origin.version else None
            dumping.dump("cloud", "shop", out, database, given if given.kept else None, [])
        monkeypatch.setattr(load, "database_of", lambda name: end)
        monkeypatch.setattr(load, "media_of", lambda name: store)
        result = CliRunner().invoke(load.command, ["x.tar", "-s", "target", *words])
        result.order = [step.split()[0] for step in order]  # type: ignore[attr-defined]
        result.kept = store.contents()  # type: ignore[attr-defined]
        return result

    return run


@pytest.mark.parametrize(
    ("words", "order"),
    [
        ((), WHOLE),
        (("--delete",), [*WHOLE, "remove"]),
        (("--media", "--delete"), ["write", "remove"]),
        (("--database",), ["lock", "restore", "run", "swap"]),
        (("--scrub", "true"), ["lock", "restore", "run", "run", "write", "swap"]),
    ],
)
def test_media_come_when_only_the_swap_is_left_to_do_and_the_rest_goes_last(
    run: Callable[..., Any], words: tuple[str, ...], order: list[str]
) -> None:
    assert run("--yes", *words).order == order


@pytest.mark.parametrize(
    ("statuses", "words"),
    [([1], ()), ([3], ()), ([0, 7], ("--scrub", "true"))],
    ids=["migrations", "a schema that is ahead", "a scrub"],
)
def test_a_database_that_is_not_taken_leaves_the_media_as_they_were(
    run: Callable[..., Any], statuses: list[int], words: tuple[str, ...]
) -> None:
    target = MadeUpDatabase("target", known=FACTS, statuses=statuses)
    result = run("--yes", "--delete", *words, target=target)
    assert (result.exit_code, result.order[-1], result.kept) == (1, "drop", {"own": b"2"})
    assert "The copy was removed, and target serves what it served" in result.output


@pytest.mark.parametrize(
    ("words", "ends", "message"),
    [
        ((), {"source": Database(version=18)}, "an older server can't read a newer"),
        ((), {"source": Database(extensions=("postgis",))}, "lacks the extension postgis"),
        ((), {"target": MadeUpDatabase(production=True)}, "--into-production target"),
        (("--into-production", "other"), {"target": MadeUpDatabase(production=True)}, "not other"),
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
    newer = MadeUpDatabase("target", production=True, known=replace(FACTS, version=18))
    assert run("--yes", "--into-production", "target", target=newer).order == WHOLE


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
