"""`django-stack compare`: how two running stacks differ."""

import json
import sys
from functools import partial

import click

from infra import fixes
from infra.commands import stack
from infra.commands.operations import operations, read_settings
from infra.commands.operations.comparison import SETTING, ComparisonError, Difference, differences, facts_of, meant
from infra.together import together

WIDTH = 60  # characters of a value that are shown


@click.command
@click.argument("one", metavar="STACK", shell_complete=stack.complete)
@click.argument("other", metavar="OTHER", shell_complete=stack.complete)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def command(one: str, other: str, as_json: bool) -> int:
    """Asks both running stacks, and says how they differ: version of the app, PostgreSQL with its collation and
    extensions, names of variables, and Django's settings. Values of secrets, and what each stack has of its own on
    purpose (addresses, keys), are left out.

    Differences that are meant have a reason in the setting meant-differences of one of the stacks. The exit status is 1
    when there is another one. In the cloud the app is asked in a one-off task, which takes a minute.

    \b
    Example:
      django-stack compare local cloud
      pulumi config set -s local --path meant-differences.setting-DEBUG "For tracebacks in the browser."
    """
    names = (one, other)
    reasons, stacks = meant(names), [operations(name) for name in names]
    print(f"Asking the stacks {one} and {other}…", file=sys.stderr, flush=True)
    try:
        first, second = together(*(partial(facts_of, *which) for which in zip(names, stacks, strict=True)))
    except ComparisonError as error:
        sys.exit(f"They can't be compared: {error}")
    found = differences(first, second, reasons)
    same = len(first.keys() | second.keys()) - len(found)
    click.echo(_as_json(names, found, same) if as_json else _for_people(names, found, same))
    return 1 if any(not difference.reason for difference in found) else 0


def _as_json(names: tuple[str, str], found: list[Difference], same: int) -> str:
    entries = [
        {"name": one.name, "values": list(one.values), "meant": bool(one.reason), "reason": one.reason or None}
        for one in found
    ]
    return json.dumps({"stacks": list(names), "same": same, "differences": entries}, indent=2)


def _for_people(names: tuple[str, str], found: list[Difference], same: int) -> str:
    lines = []
    for one in found:
        values = ", ".join(f"{name} {_shown(value)}" for name, value in zip(names, one.values, strict=True))
        label = f"{'meant':<7}" if one.reason else stack.coloured(f"{'differs':<7}", "red")
        lines.append(f"{label} {one.name}: {values}{f' ({one.reason})' if one.reason else ''}")
    wrong = [one for one in found if not one.reason]
    if wrong:
        has_file = next((name for name in names if read_settings(name)), names[0])
        path = fixes.path(SETTING, wrong[0].name)
        lines.append(f"If it is meant: {fixes.set_text(has_file, path, 'why')}")
    reasons = f", {len(wrong)} of them without a reason" if wrong else ", each with a reason" if found else ""
    lines.append(f"{same} things are the same, {len(found)} differ{reasons}.")
    return "\n".join(lines)


def _shown(value: str | None) -> str:
    if value is None:
        return "has none"
    return value if len(value) <= WIDTH else f"{value[:WIDTH]}…"
