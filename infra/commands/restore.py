"""`django-stack restore`: what a database can go back to; and back to what a copy replaced."""

import shlex
import sys
from datetime import datetime

import click

from infra import fixes
from infra.commands import stack
from infra.commands.data import names, options, protection
from infra.commands.data.ends import Backups, DatabaseEnd, DatabaseFacts, DataError, database_of, stamp
from infra.commands.operations import move
from infra.commands.operations.status import size


@click.command
@stack.option
@options.into_production_option("the stack")
@move.yes_option
@click.argument("which", required=False, metavar="[DATABASE]")
def command(name: str, into_production: str, yes: bool, which: str | None) -> int:
    """Lists what the stack's database can go back to; with DATABASE, goes back to one that a copy replaced.

    That database takes the place of the one that serves, in one transaction, and the one that served is kept in turn.
    Snapshots and moments, which RDS keeps in the cloud, come back by settings, whose commands the list has.

    \b
    Example:
      django-stack restore
      django-stack restore app_before_20260131_093000
    """
    try:
        end = database_of(name)
        if which:
            return _go_back(end, which, into_production, yes=yes)
        _list(name, end.facts(), end.backups())
    except DataError as error:
        sys.exit(str(error))
    return 0


def _list(name: str, facts: DatabaseFacts, backups: Backups) -> None:
    quoted = shlex.quote(name)
    for kept, bytes_ in sorted(facts.old.items(), reverse=True):
        click.echo(f"{kept}  {size(bytes_)}  django-stack restore -s {quoted} {kept}")
    up = f"pulumi up -s {quoted}"
    for snapshot, moment, gib in backups.snapshots:
        click.echo(
            f"{snapshot}  {_at(moment)}  {gib} GiB  {fixes.set_value(name, 'database-snapshot', snapshot)} && {up}"
        )
    if backups.window:
        first, last = map(_at, backups.window)
        click.echo(
            f"any moment from {first} to {last}  "
            f"{fixes.set_value(name, 'database-restore-time', f'{backups.window[1]:%Y-%m-%dT%H:%M:%SZ}')} && {up}"
        )
    if not facts.old and not backups.snapshots and not backups.window:
        click.echo(f"The database of the stack {name} has nothing to go back to: no copy has replaced it.")


def _go_back(end: DatabaseEnd, which: str, into_production: str, *, yes: bool) -> int:
    protection.check(end.name, into_production, target_is_production=end.production)
    with end.lock():
        facts = end.facts()
        if which not in facts.old:
            raise DataError(
                f"The stack {end.name} has kept no database {which}; there are: {', '.join(facts.old) or 'none'}. "
                f"Fix: django-stack restore -s {shlex.quote(end.name)}"
            )
        move.ask(f"Serve {which} instead of {facts.name}, which is kept?", yes=yes)
        old = names.beside(facts.name, names.BEFORE, stamp(), facts.old)
        end.swap(which, old)
    click.echo(
        f"The stack {end.name} serves {which} as {facts.name}. What it served is kept as {old}. If the version that "
        f"runs has newer migrations: django-stack manage -s {shlex.quote(end.name)} migrate"
    )
    return 0


def _at(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
