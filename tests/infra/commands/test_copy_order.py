"""In which order `copy` moves media and database, so that nobody sees pages without files, nor what isn't scrubbed."""

from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result

from infra.commands import copy
from infra.commands.data.media import ObjectError
from tests.infra.commands.data.made_up import MadeUpDatabase
from tests.infra.commands.data.memory_media import MemoryMedia


@pytest.fixture
def order() -> list[str]:
    return []


@pytest.fixture
def stores() -> dict[str, MemoryMedia]:
    return {"a": MemoryMedia("a", one=b"1"), "b": MemoryMedia("b", old=b"2")}


@pytest.fixture
def target(order: list[str]) -> MadeUpDatabase:
    return MadeUpDatabase(asked=order)


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch, order: list[str], target: MadeUpDatabase, stores: dict[str, MemoryMedia]
) -> Callable[..., Result]:
    stores["b"].before = lambda verb, key: order.append(verb)
    databases = {"a": MadeUpDatabase("a"), "b": target}
    monkeypatch.setattr(copy, "database_of", databases.__getitem__)
    monkeypatch.setattr(copy, "media_of", stores.__getitem__)
    return lambda *words: CliRunner().invoke(copy.command, ["a", "b", "--yes", *words])


def steps(order: list[str]) -> list[str]:
    """The first words of what was asked."""
    return [step.split()[0] for step in order]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), ["lock", "restore", "run", "write", "swap"]),
        (("--delete",), ["lock", "restore", "run", "write", "swap", "remove"]),
        (("--database",), ["lock", "restore", "run", "swap"]),
        (("--media", "--delete"), ["write", "remove"]),
        (("--database", "--media"), ["lock", "restore", "run", "write", "swap"]),
        (("--scrub", "true"), ["lock", "restore", "run", "run", "write", "swap"]),
        (("--dry-run",), []),
    ],
)
def test_media_come_when_only_the_swap_is_left_to_do(
    run: Callable[..., Result], order: list[str], words: tuple[str, ...], expected: list[str]
) -> None:
    result = run(*words)
    assert (result.exit_code, steps(order)) == (0, expected), result.output


@pytest.mark.parametrize(
    ("statuses", "words"),
    [([1], ()), ([3], ()), ([0, 7], ("--scrub", "true"))],
    ids=["migrations", "a schema that is ahead", "a scrub"],
)
def test_a_database_that_is_not_taken_leaves_the_media_as_they_were(
    run: Callable[..., Result],
    target: MadeUpDatabase,
    stores: dict[str, MemoryMedia],
    statuses: list[int],
    words: tuple[str, ...],
) -> None:
    target.statuses = statuses
    result = run("--delete", *words)
    assert result.exit_code == 1, result.output
    assert "The copy was removed, and b serves what it served" in result.output
    assert stores["b"].contents() == {"old": b"2"}


def test_a_database_that_lacks_rows_leaves_the_media_as_they_were(
    run: Callable[..., Result], target: MadeUpDatabase, stores: dict[str, MemoryMedia]
) -> None:
    target.found = {}
    assert "The copy isn't whole, nothing was changed" in run().output
    assert stores["b"].contents() == {"old": b"2"}


def test_media_that_fail_keep_the_old_database(
    run: Callable[..., Result], order: list[str], stores: dict[str, MemoryMedia]
) -> None:
    def fail(verb: str, key: str) -> None:
        order.append(verb)
        raise ObjectError("no room")

    stores["b"].before = fail
    result = run()
    assert (result.exit_code, steps(order)) == (1, ["lock", "restore", "run", "write", "drop"])
    assert "b serves the database that it served, with the objects that were copied before this: 1 obj" in result.output


def test_what_came_meanwhile_is_copied_after_the_swap(
    run: Callable[..., Result], order: list[str], stores: dict[str, MemoryMedia]
) -> None:
    def come(verb: str, key: str) -> None:
        order.append(f"{verb} {key}")
        stores["a"].kept["two"] = stores["a"].kept["one"]

    stores["b"].before = come
    assert run().exit_code == 0
    assert order[-3:-2] == ["write one"]
    assert order[-1] == "write two"


@pytest.mark.parametrize("words", [("--database", "--delete"), ("--database", "--names"), ("--media", "--scrub", "x")])
def test_options_that_have_no_meaning_together_are_refused(run: Callable[..., Result], words: tuple[str, ...]) -> None:
    assert run(*words).exit_code == 2


@pytest.mark.parametrize(
    ("protected", "option", "without"),
    [("b", "--into-production b", "--database"), ("a", "--unscrubbed", "--database")],
)
def test_media_are_protected_by_themselves(
    run: Callable[..., Result],
    order: list[str],
    stores: dict[str, MemoryMedia],
    protected: str,
    option: str,
    without: str,
) -> None:
    """As those of a local stack whose bucket is production's."""
    stores[protected].production = True
    for words in ([], ["--media", "--delete"]):
        result = run(*words)
        assert (result.exit_code, order) == (1, [])
        assert f"The stack {protected} is protected" in result.output
        assert option in result.output
    assert run(without).exit_code == 0
    assert run("--media", *option.split()).exit_code == 0
    assert steps(order) == ["lock", "restore", "run", "swap", "write"]
