"""In which order `copy` moves media and database, so that nobody sees pages without files, nor what isn't scrubbed."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest
from click.testing import CliRunner, Result

from infra.commands import copy
from infra.commands.data import database_copy
from infra.commands.data.ends import DataError
from infra.commands.data.plan import Plan
from tests.infra.commands.data.memory_media import MemoryMedia


@pytest.fixture
def order() -> list[str]:
    return []


@pytest.fixture
def stores() -> dict[str, MemoryMedia]:
    return {"a": MemoryMedia("a", one=b"1"), "b": MemoryMedia("b", old=b"2")}


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, order: list[str], stores: dict[str, MemoryMedia]) -> Callable[..., Result]:
    stores["b"].before = lambda verb, key: order.append(verb)

    def copied(source: object, target: object, options: database_copy.Options) -> str:
        order.append("database")
        if options.scrub == "false":
            raise DataError("The scrub command failed")
        return "app_before_1"

    monkeypatch.setattr(database_copy, "copy", copied)
    monkeypatch.setattr(database_copy, "plan", lambda source, target: Plan(["a plan"]))
    monkeypatch.setattr(copy, "database_of", lambda name: SimpleNamespace(name=name, production=False))
    monkeypatch.setattr(copy, "media_of", stores.__getitem__)
    return lambda *words: CliRunner().invoke(copy.command, ["a", "b", "--yes", *words])


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), ["write", "database"]),
        (("--delete",), ["write", "database", "remove"]),
        (("--database",), ["database"]),
        (("--media", "--delete"), ["write", "remove"]),
        (("--database", "--media"), ["write", "database"]),
        (("--scrub", "true"), ["database", "write"]),
        (("--scrub", "false"), ["database"]),  # a scrub that fails leaves nothing of the copy
        (("--dry-run",), []),
    ],
)
def test_media_come_first_unless_a_scrub_guards_them(
    run: Callable[..., Result], order: list[str], words: tuple[str, ...], expected: list[str]
) -> None:
    result = run(*words)
    assert (result.exit_code, order) == (int("false" in words), expected), result.output


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
    assert order == ["database", "write"]
