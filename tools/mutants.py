"""Changes the platforms' code in one place at a time, and says which changes no unit test notices (`make mutants`).

A sample has a quarter of each kind. Cosmic Ray finds the places and makes the changes, except for texts, which it
leaves alone. Each change is tried in a copy of the project, never in the project itself.
"""

import difflib
import random
import re
import shlex
import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from queue import Queue
from tempfile import TemporaryDirectory
from typing import Any

import click
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.operator import Operator
from cosmic_ray.operators.provider import OperatorProvider
from cosmic_ray.testing import run_tests
from cosmic_ray.work_item import TestOutcome

ROOT = Path(__file__).resolve().parents[1]
PLATFORMS = ("cloud", "local")
UNIT = "not docker and not pulumi and not browser"
AT_A_TIME = 2  # changes, each in a copy of its own
TIMEOUT = 300  # seconds for a run of tests; a change that makes them hang is noticed
LEAST = 0.9  # the share of changes that has to be noticed

_PROSE = re.compile(r"\b[a-z']+,? [a-z']+,? [a-z']+\b")  # three plain words in a row
_PROGRAM = re.compile(r"\bimport |\bSELECT |\$\(")  # in a text that Python, PostgreSQL or a shell runs
_DESCRIBING = ("comment", "description", "help")  # how the names of arguments and keys for people end


class AlterText(Operator):  # type: ignore[misc]  # Cosmic Ray's classes have no types
    """Appends a letter to a text, or to a piece of an f-string."""

    def mutation_positions(self, node: Any) -> Iterator[Any]:
        if node.type in {"string", "fstring_string"} and not is_for_people(node):
            yield node.start_pos, node.end_pos

    def mutate(self, node: Any, index: int) -> Any:  # noqa: ARG002  # a text has one change
        quotes = 0 if node.type == "fstring_string" else 3 if node.value.endswith(('"""', "'''")) else 1
        end = len(node.value) - quotes
        node.value = f"{node.value[:end]}X{node.value[end:]}"
        return node

    @classmethod
    def examples(cls) -> tuple[()]:
        return ()


_TURNED = ["Eq_NotEq", "NotEq_Eq", "Lt_LtE", "LtE_Lt", "Lt_GtE", "GtE_Lt", "Gt_GtE", "GtE_Gt", "Gt_LtE", "LtE_Gt"]
_TURNED += ["Is_IsNot", "IsNot_Is"]
_NEGATED = ["AddNot", "ReplaceUnaryOperator_Delete_Not", "ReplaceAndWithOr", "ReplaceOrWithAnd"]
_NEGATED += ["ReplaceTrueWithFalse", "ReplaceFalseWithTrue"]
KINDS: dict[str, list[Any]] = {
    "comparison": [OperatorProvider()[f"ReplaceComparisonOperator_{turned}"]() for turned in _TURNED],
    "condition": [OperatorProvider()[name]() for name in _NEGATED],
    "number": [OperatorProvider()["NumberReplacer"]()],
    "text": [AlterText()],
}


@dataclass(frozen=True)
class Change:
    """A change of a `kind` in line `line` of `file`, a path in the project, with the whole text before and after it."""

    file: str
    line: int
    kind: str
    before: str
    after: str

    @property
    def diff(self) -> str:
        lines = list(difflib.unified_diff(self.before.splitlines(), self.after.splitlines(), lineterm="", n=0))
        return "\n".join(f"    {line}" for line in lines[3:])


def is_for_people(text: Any) -> bool:
    """Whether a text, a node of parso, is mere words: a docstring, a type, an error, a description, or a sentence."""
    whole = text
    while whole.parent.type in {"fstring", "strings"}:
        whole = whole.parent
    if whole.parent.type in {"simple_stmt", "file_input"} or whole.search_ancestor("raise_stmt"):
        return True
    if (before := whole.get_previous_leaf()) is not None:
        if before.value == "->" or (before.value == ":" and whole.parent.type in {"annassign", "tfpdef"}):
            return True
        if before.value in {"=", ":"} and before.get_previous_leaf().value.strip("\"'").endswith(_DESCRIBING):
            return True
    code = whole.get_code(include_prefix=False)
    return bool(_PROSE.search(code)) and not _PROGRAM.search(code)


def draw(root: Path, count: int, seed: int) -> list[Change]:
    """A sample of `count` changes; the same seed draws the same from the same code."""
    chance = random.Random(seed)  # noqa: S311  # a sample, no secret
    files = sorted(file for platform in PLATFORMS for file in (root / "infra" / platform).rglob("*.py"))
    drawn: list[Change] = []
    for number, kind in enumerate(KINDS):
        share = (count + number) // len(KINDS)
        places = [place for file in files for place in _places(file, kind)]
        for file, line, operator, occurrence in chance.sample(places, min(share, len(places))):
            before = file.read_text()
            after = mutate_code(before, operator, occurrence)
            drawn.append(Change(file.relative_to(root).as_posix(), line, kind, before, after))
    return drawn


def _places(file: Path, kind: str) -> Iterator[tuple[Path, int, Any, int]]:
    nodes = list(ast_nodes(get_ast(file.read_text())))
    for operator in KINDS[kind]:
        positions = (position for node in nodes for position in operator.mutation_positions(node))
        for occurrence, (start, _) in enumerate(positions):
            yield file, start[0], operator, occurrence


def stages(root: Path, file: str) -> list[list[str]]:
    """The tests to run for a file, one stage after the other: its own, its folder's, those that name its platform."""
    platform, folder = Path(file).parts[1], root / "tests" / Path(file).parent
    own = folder.glob(f"test_{Path(file).stem}*.py")
    shared = [*root.glob("tests/infra/test_*.py"), *root.glob("tests/*/test_settings_reference.py")]
    naming = [test for test in shared if re.search(f"{platform}|PLATFORMS", test.read_text())]
    found = sorted(own), [folder], sorted(naming)
    return [[str(test.relative_to(root)) for test in stage] for stage in found if stage]


def first_failure(copy: Path, tests: list[str]) -> str:
    """Runs unit tests in a copy of the project until one fails; that test, or what else went wrong, or nothing."""
    pytest = [sys.executable, "-m", "pytest", "-q", "-x", "--tb=no", "-p", "no:cacheprovider", "--timeout=60"]
    run, place = shlex.join([*pytest, "-m", UNIT, *tests]), shlex.quote(str(copy))
    outcome, output = run_tests(shlex.join(["sh", "-c", f"cd {place} && PYTHONPATH={place} exec {run} 2>&1"]), TIMEOUT)
    if outcome == TestOutcome.SURVIVED or re.search(r"^\d+ deselected in|^no tests ran", output, re.MULTILINE):
        return ""
    failed = re.search(r"^(?:FAILED|ERROR) (.*?)(?: - .*)?$", output, re.MULTILINE)
    return failed[1] if failed else output.strip().rpartition("\n")[2] or "the end of pytest itself"


def noticed_by(copy: Path, change: Change) -> str:
    """Makes a change in a copy of the project, runs the tests and takes it back; the first that failed, or nothing."""
    file = copy / change.file
    file.write_text(change.after)
    test = next(filter(None, (first_failure(copy, tests) for tests in stages(copy, change.file))), "")
    file.write_text(change.before)
    return test


def try_out(root: Path, changes: list[Change]) -> Iterator[str]:
    """For each change the test that noticed it, or nothing. Raises ClickException if tests fail without a change."""
    with ExitStack() as stack, ThreadPoolExecutor(AT_A_TIME) as pool:
        copies: Queue[Path] = Queue()
        for _ in range(AT_A_TIME):
            copy = Path(stack.enter_context(TemporaryDirectory(prefix="mutants-")))
            ignore = shutil.ignore_patterns(".git", ".venv", "artifacts", "__pycache__", ".*_cache")
            shutil.copytree(root, copy, ignore=ignore, dirs_exist_ok=True)
            copies.put(copy)

        def in_a_copy(change: Change) -> str:
            copy = copies.get()
            test = noticed_by(copy, change)
            copies.put(copy)
            return test

        if failed := first_failure(copy, ["tests/infra"]):
            raise click.ClickException(f"Without any change, the tests fail: {failed}. Fix: make test-unit")
        try:
            yield from pool.map(in_a_copy, changes)
        finally:
            pool.shutdown(cancel_futures=True)


@click.command()
@click.option("--mutants", default=40, help="How many changes to try.")
@click.option("--seed", default=1, help="Which sample to draw.")
def main(mutants: int, seed: int) -> None:
    """Says of a sample of changes which ones the unit tests notice; fails when these are fewer than nine in ten."""
    changes = draw(ROOT, mutants, seed)
    noticed, drawn = Counter[str](), Counter(change.kind for change in changes)
    for change, test in zip(changes, try_out(ROOT, changes), strict=True):
        noticed[change.kind] += bool(test)
        click.echo(f"{change.file}:{change.line} {'noticed by ' + test if test else 'NOT NOTICED'}\n{change.diff}")
    share = noticed.total() / max(drawn.total(), 1)
    kinds = ", ".join(f"{kind} {noticed[kind]} of {drawn[kind]}" for kind in KINDS)
    click.echo(f"Noticed {noticed.total()} of {drawn.total()} changes with seed {seed} ({share:.0%}): {kinds}.")
    sys.exit(share < LEAST)


if __name__ == "__main__":
    main()
