"""`django-stack status`: says what runs of a stack, and how it is."""

import json
import sys
import time
from datetime import UTC, datetime
from typing import NoReturn

import click

from infra.commands import stack
from infra.commands.operations import operations
from infra.commands.operations.status import ProcessStatus, Section, Status, duration

PAUSE = 5.0  # seconds between two looks with --watch


@click.command
@stack.option
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.option("--watch", is_flag=True, help=f"Look again every {PAUSE:g} seconds, until Ctrl-C.")
@click.option("--cost", is_flag=True, help="What this month has cost; AWS bills a cent for each such question.")
def command(name: str, as_json: bool, watch: bool, cost: bool) -> int:
    """Says what runs of the stack, and how it is. What can't be asked says so, without hiding the rest.

    The exit status is 1 when something that should run doesn't, or is known to be wrong: an alarm, a failed release.

    \b
    Example:
      django-stack status -s cloud
      django-stack status --watch
    """
    if watch and cost:
        raise click.UsageError("--cost isn't asked for again and again; leave --watch or --cost out")
    if not watch:
        status = operations(name).status(cost=cost)
        click.echo(_as_json(status, indent=2) if as_json else _for_people(status))
        return 0 if status.is_whole else 1
    try:
        _watch(name, as_json=as_json)
    except KeyboardInterrupt:
        return 130


def _watch(name: str, *, as_json: bool) -> NoReturn:
    """Shows the status again and again. That the stack isn't up just now is no end of it."""
    while True:
        try:
            status = operations(name).status(cost=False)
            shown = _as_json(status, indent=None) if as_json else _for_people(status)
        except SystemExit as error:
            shown = json.dumps({"error": str(error)}) if as_json else str(error)
        if sys.stdout.isatty():
            click.clear()
        click.echo(shown if as_json else f"{shown}\n")
        time.sleep(PAUSE)


def _as_json(status: Status, indent: int | None) -> str:
    processes = {
        one.name: {"running": one.running, "wanted": one.wanted, "health": one.health} for one in status.processes
    }
    since = status.since.isoformat(timespec="seconds") if status.since else None
    sections = {name: section.facts for name, section in status.sections.items()}
    return json.dumps(
        {"url": status.url, "image": status.image, "since": since, "processes": processes, **sections}, indent=indent
    )


def _for_people(status: Status) -> str:
    since = f", for {duration(datetime.now(UTC) - status.since)}" if status.since else ""
    rows = [("url", status.url), ("version", f"{status.image}{since}")]
    rows += [(one.name, _marked(_process(one), one)) for one in status.processes]
    rows += [(name.replace("_", " "), _marked(section.text, section)) for name, section in status.sections.items()]
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in rows)


def _process(process: ProcessStatus) -> str:
    return f"{process.running} of {process.wanted} run, {process.health}"


def _marked(text: str, one: ProcessStatus | Section) -> str:
    return text if one.is_well else stack.coloured(text, "red")
