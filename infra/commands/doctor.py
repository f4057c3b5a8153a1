"""`django-stack doctor`: looks at a running stack from outside and inside, and says what is wrong with it."""

import json
import sys
from importlib import import_module

import click

from infra.commands import stack
from infra.commands.diagnosis import Finding, Level, diagnose
from infra.commands.diagnosis.facts import collect
from infra.commands.operations import operations, platform_of

CHECKS = ("outside", "inside", "around")  # the modules that register checks, in the order in which these are shown
STATUS = {Level.ERROR: 1, Level.WARNING: 3}  # the exit status by the worst finding
COLOURS = {Level.ERROR: "red", Level.WARNING: "yellow", Level.UNKNOWN: "cyan"}


@click.command
@stack.option
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.option("--all", "shows_all", is_flag=True, help="Name the checks that were passed, too.")
def command(name: str, as_json: bool, shows_all: bool) -> int:
    """Looks at the running site from outside and inside, and says what is wrong and what to do about it.

    It visits the site as a browser does (a login of nobody included), has the app look at itself, which in the cloud is
    a one-off task, stores and removes one small file, and looks at the status. The exit status is 1 for an error, 3 for
    a warning at most, and 0 otherwise; a check that can't be made says so.

    \b
    Example:
      django-stack doctor -s cloud
    """
    for module in CHECKS:
        import_module(f"infra.commands.diagnosis.{module}")
    found = operations(name)
    print(f"Looking at the stack {name}…", file=sys.stderr, flush=True)
    findings = diagnose(collect(name, platform_of(name), found))
    click.echo(_as_json(findings) if as_json else _for_people(findings, shows_all=shows_all))
    return max((STATUS.get(one.level, 0) for one in findings), key=[0, 3, 1].index)


def _as_json(findings: list[Finding]) -> str:
    entries = [{"check": one.check, "level": one.level.value, "text": one.text, "fix": one.fix} for one in findings]
    return json.dumps({"findings": entries}, indent=2)


def _for_people(findings: list[Finding], *, shows_all: bool) -> str:
    lines = []
    for one in findings:
        if one.level is Level.OK and not one.text and not shows_all:
            continue
        word = one.level.value
        label = stack.coloured(f"{word:<8}", COLOURS[one.level]) if one.level in COLOURS else f"{word:<8}"
        lines.append(f"{label} {one.check}{f': {one.text}' if one.text else ''}")
        if one.fix:
            lines.append(f"         Fix: {one.fix}")
    passed = sum(one.level is Level.OK for one in findings)
    return "\n".join([*lines, f"{passed} of {len(findings)} checks are passed."])
