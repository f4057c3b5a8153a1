"""`django-stack status`: says what runs of a stack, and how it is."""

import json
from datetime import UTC, datetime

import click

from infra.commands import stack
from infra.commands.operations import Status, operations


@click.command
@stack.option
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def command(name: str, as_json: bool) -> int:
    """Says what runs of the stack, and how it is. The exit status is 1 when something that should run doesn't.

    \b
    Example:
      django-stack status -s cloud
    """
    status = operations(name).status()
    click.echo(_as_json(status) if as_json else _for_people(status))
    return 0 if status.is_whole else 1


def _as_json(status: Status) -> str:
    processes = {
        one.name: {"running": one.running, "wanted": one.wanted, "health": one.health} for one in status.processes
    }
    since = status.since.isoformat(timespec="seconds") if status.since else None
    return json.dumps(
        {"url": status.url, "image": status.image, "since": since, "processes": processes, **status.details}, indent=2
    )


def _for_people(status: Status) -> str:
    rows = [("url", status.url), ("version", f"{status.image}{_since(status.since)}")]
    rows += [(one.name, f"{one.running} of {one.wanted} run, {one.health}") for one in status.processes]
    rows += status.details.items()
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in rows)


def _since(moment: datetime | None) -> str:
    if not moment:
        return ""
    seconds = int((datetime.now(UTC) - moment).total_seconds())
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= length:
            number = seconds // length
            return f", for {number} {unit}{'s' if number > 1 else ''}"
    return f", for {seconds} seconds"
