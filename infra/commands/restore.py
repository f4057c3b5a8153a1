"""`django-stack restore`: what a database can go back to, and back to it."""

import shlex
import sys
from collections.abc import Mapping
from datetime import UTC, datetime

import click

from infra import fixes
from infra.commands import stack
from infra.commands.data import names, options, protection
from infra.commands.data.ends import Backups, DatabaseEnd, DatabaseFacts, DataError, database_of, stamp
from infra.commands.operations import move
from infra.commands.operations.status import size

SHOWN = 10  # snapshots
MOMENT = "%Y-%m-%dT%H:%M:%SZ"


@click.command
@stack.option
@options.into_production_option("the stack")
@move.yes_option
@click.argument("which", required=False, metavar="[BACKUP]")
def command(name: str, into_production: str, yes: bool, which: str | None) -> int:
    """Lists what the stack's database can go back to; with BACKUP, goes back to it.

    A database that a copy replaced takes the place of the one that serves, in one transaction, and the one that served
    is kept in turn. In the cloud, BACKUP is also a snapshot of RDS, or a moment in UTC: the settings for it are set,
    and `pulumi up` makes another database from it, and moves the site there when it is ready. The former database stays
    (docs/data.md).

    \b
    Example:
      django-stack restore
      django-stack restore app_before_20260131_093000
      django-stack restore -s cloud 2026-01-31T09:30:00Z --into-production cloud
    """
    try:
        end = database_of(name)
        if not which:
            _list(name, end.facts(), end.backups())
            return 0
        protection.check(name, into_production, target_is_production=end.production)
        if settings := _settings(which, end.backups()):
            return _make_from_backup(name, which, settings, yes=yes)
        return _go_back(end, which, yes=yes)
    except DataError as error:
        sys.exit(str(error))


def _list(name: str, facts: DatabaseFacts, backups: Backups) -> None:
    line = f"django-stack restore -s {shlex.quote(name)}"
    for kept, bytes_ in sorted(facts.old.items(), reverse=True):
        click.echo(f"{kept}  {size(bytes_)}  {line} {kept}")
    for snapshot, moment, gib in backups.snapshots[:SHOWN]:
        click.echo(f"{snapshot}  {_at(moment)}  {gib} GiB  {line} {shlex.quote(snapshot)}")
    for window in backups.windows:
        of = f" of {window.source}" if window.source else ""
        click.echo(f"any moment from {_at(window.first)} to {_at(window.last)}{of}  {line} {window.last:{MOMENT}}")
    if not facts.old and not backups.snapshots and not backups.windows:
        click.echo(f"The database of the stack {name} has nothing to go back to: no copy has replaced it.")


def _settings(which: str, backups: Backups) -> dict[str, str]:
    """The settings by which the stack's database is made from a snapshot or as of a moment, empty for those that are
    taken away; none for what is neither. Raises DataError for a moment that can't be restored."""
    if which in [snapshot for snapshot, _, _ in backups.snapshots]:
        return {"database-restore-time": "", "database-restore-source": "", "database-snapshot": which}
    try:
        moment = datetime.fromisoformat(which)
    except ValueError:
        return {}
    if not backups.windows:
        raise DataError(f"There are no backups of moments, so {which} can't be restored. Fix: one from the list")
    source = next((one.source for one in backups.windows if moment.tzinfo and one.first <= moment <= one.last), None)
    if source is None:
        wanted = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        near = min(
            (sorted([one.first, wanted, one.last])[1] for one in backups.windows), key=lambda it: abs(it - wanted)
        )
        allowed = " or ".join(f"from {one.first:{MOMENT}} to {one.last:{MOMENT}}" for one in backups.windows)
        raise DataError(
            f"{which} can't be restored; allowed: a moment in UTC {allowed}. Fix: the same with {near:{MOMENT}}"
        )
    time = f"{moment.astimezone(UTC):{MOMENT}}"
    return {"database-snapshot": "", "database-restore-source": source, "database-restore-time": time}


def _make_from_backup(name: str, which: str, settings: Mapping[str, str], *, yes: bool) -> int:
    given = [key for key, value in settings.items() if value]
    chosen, without = given[-1], " && ".join(fixes.remove(name, key) for key in given)
    of = f" of {source}" if (source := settings["database-restore-source"]) else ""
    click.echo(
        f"This sets {chosen} to {settings[chosen]}{of}, and pulumi makes a database from that beside the present one, "
        "which serves until then; it takes ten minutes and more. What is written meanwhile is in the former database "
        "only, which stays, and is billed until you delete it."
    )
    move.ask(f"Serve {which} instead of the present database of {name}?", yes=yes)
    if status := move.set_and_up(name, settings):
        click.echo(
            f"The former database serves, unless pulumi says otherwise. To go on: pulumi up -s {shlex.quote(name)}. "
            f"To stay with it: {without}",
            err=True,
        )
        return status
    up = f"pulumi up -s {shlex.quote(name)}"
    click.echo(
        f"The stack {name} serves {which}. When all is well: {without} && {up}, which changes "
        "nothing but has Pulumi protect the database again; then delete the former one (docs/data.md)."
    )
    return 0


def _go_back(end: DatabaseEnd, which: str, *, yes: bool) -> int:
    with end.lock():
        facts = end.facts()
        if which not in facts.old:
            raise DataError(
                f"The stack {end.name} has kept nothing that is called {which}; there are: "
                f"{', '.join(facts.old) or 'none'}. Fix: django-stack restore -s {shlex.quote(end.name)}"
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
