"""`django-stack schedule`: the stack's schedules with their last runs, and a run by hand."""

import json
import sys
from datetime import UTC, datetime

import click

from infra.commands import stack
from infra.commands.operations import operations
from infra.commands.operations.schedules import StackSchedule
from infra.commands.operations.status import duration
from infra.redaction import redactor


@click.group(name="schedule")
def command() -> None:
    """Lists the stack's schedules, or runs one by hand.

    \b
    Example:
      django-stack schedule list -s cloud
      django-stack schedule run -s cloud clearsessions
    """


@command.command(name="list")
@stack.option
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.option("--lines", is_flag=True, help="Show the last lines of every last run, not only of failed ones.")
def list_(name: str, as_json: bool, lines: bool) -> int:
    """Lists the schedules: when they run next, and how their last runs ended, with the last lines of failed ones.

    The exit status is 1 when the last run of one failed.

    \b
    Example:
      django-stack schedule list
    """
    running = operations(name)
    found = running.schedules()
    if not found and not as_json:
        click.echo(
            f"The stack {name} has no schedules. One is made by: pulumi config set -s {name} --path "
            "schedules.clearsessions.command 'python manage.py clearsessions' && "
            f"pulumi config set -s {name} --path schedules.clearsessions.cron '15 3 * * *'"
        )
        return 0
    shown = json.dumps({one.name: one.facts() for one in found}, indent=2) if as_json else _for_people(found, lines)
    click.echo(redactor(running.secrets()).text(shown))
    return 0 if all(one.last.is_well for one in found if one.last) else 1


@command.command()
@stack.option
@click.argument("schedule", metavar="NAME")
@click.option("--detach", is_flag=True, help="Don't wait for the end; says how to see the output.")
def run(name: str, schedule: str, detach: bool) -> int:
    """Runs a schedule's command now, also of one that isn't enabled, unless a run of it is going on.

    The exit status is the command's own, 124 after its time-out, 75 when a run was going on already.

    \b
    Example:
      django-stack schedule run -s cloud clearsessions
    """
    running = operations(name)
    names = [one.name for one in running.schedules()]
    if schedule not in names:
        sys.exit(f"There is no schedule {schedule} of the stack {name}. There are: {', '.join(names) or 'none'}")
    return running.run_schedule(schedule, detach=detach)


def _for_people(schedules: list[StackSchedule], all_lines: bool) -> str:
    rows = [("NAME", "WHEN", "NEXT", "LAST RUN")]
    rows += [(one.name, f"{one.cron} {one.timezone}", _next(one), _last(one)) for one in schedules]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    text = []
    for row, one in zip(rows, [None, *schedules], strict=True):
        line = "  ".join([*(f"{word:<{width}}" for word, width in zip(row, widths, strict=False)), row[3]])
        failed = bool(one and one.last and not one.last.is_well)
        text.append(stack.coloured(line, "red") if failed else line)
        if one and one.last and (failed or all_lines):
            text += [f"  | {last}" for last in one.last.lines]
    return "\n".join(text)


def _next(schedule: StackSchedule) -> str:
    following = schedule.next()
    return f"in {duration(following - datetime.now(UTC))}" if following else "not enabled"


def _last(schedule: StackSchedule) -> str:
    return schedule.last.text if schedule.last else "not yet"
