"""`django-stack data`: what copies left; and the parts that `copy`, `dump`, `load` and `restore` share."""

import shlex
import sys

import click

from infra.commands import stack
from infra.commands.operations import move


@click.group(name="data")
def command() -> None:
    """Shows and removes what copies left behind.

    \b
    Example:
      django-stack data drop-old -s cloud --dry-run
    """


@command.command(name="drop-old")
@stack.option
@click.option("--keep", type=click.IntRange(min=0), default=0, metavar="NUMBER", help="Keep the newest ones.")
@click.option("--dry-run", is_flag=True, help="List them, and remove nothing.")
@click.option("-y", "--yes", is_flag=True, help="Don't ask.")
def drop_old(name: str, keep: int, dry_run: bool, yes: bool) -> int:
    """Removes the databases that copies into the stack replaced, and what an interrupted copy left.

    There is no way back to them then. The one that serves stays.

    \b
    Example:
      django-stack data drop-old --dry-run
      django-stack data drop-old -s cloud --keep 1
    """
    from infra.commands.data.ends import DataError, database_of  # noqa: PLC0415  # the parts import this package
    from infra.commands.operations.status import size  # noqa: PLC0415

    try:
        end = database_of(name)
        with end.lock():
            facts = end.facts()
            old = list(facts.old)
            names = [*facts.unfinished, *old[: len(old) - keep if keep < len(old) else 0]]
            for one in names:
                click.echo(f"{one}  {size(facts.old[one]) if one in facts.old else 'not finished'}")
            if not names:
                click.echo(f"Copies into the stack {name} left nothing.")
                return 0
            if dry_run:
                click.echo(f"To remove them: django-stack data drop-old -s {shlex.quote(name)}")
                return 0
            move.ask("Remove them for good?", yes=yes)
            end.drop(names)
    except DataError as error:
        sys.exit(str(error))
    click.echo("They are removed.")
    return 0
