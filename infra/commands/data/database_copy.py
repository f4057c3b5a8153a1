"""Puts a database beside the one that serves a stack, looks whether it is whole, and swaps the names.

Until the swap, which is one transaction, the stack serves what it served; whatever goes wrong before it removes the new
database. That of a killed copy is removed where it was made, or by the next one. Media, which replace what there was
at once, come when nothing but the swap is left to do.
"""

import shlex
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import click

from infra.commands.data import names
from infra.commands.data.ends import Archive, DatabaseEnd, DatabaseFacts, DataError, Rows, stamp
from infra.commands.data.inside import migrate
from infra.commands.data.plan import Plan, measured, of_database
from infra.commands.operations.status import size
from infra.together import together

AHEAD = 3  # exit status
SHOWN = 5  # tables that differ


@dataclass(frozen=True)
class Options:
    """What is done to the copy before it serves.

    `origin` says where the data came from, for the database's comment. `scrub` is a command line of the target's
    version, or nothing. With `schema_ahead` the copy may have migrations that this version lacks. `bring_media` is
    called when only the swap is left to do, so that the pages of the new database find their files; where it raises
    DataError, there is no swap.
    """

    origin: str
    scrub: str = ""
    schema_ahead: bool = False
    bring_media: Callable[[], None] | None = None


def plan(source: DatabaseEnd, target: DatabaseEnd) -> Plan:
    """What a copy will do; nothing is changed. Raises DataError where one of them doesn't answer."""
    from_, to = together(source.facts, target.facts)  # in the cloud each answer takes a task
    return of_database(source.name, from_, target.name, to, source.overhead + target.overhead)


def copy(source: DatabaseEnd, target: DatabaseEnd, options: Options) -> str:
    """Copies a database; the name under which the one that served is kept. Raises DataError."""
    with target.lock():
        facts = target.facts()
        remove_unfinished(target, facts)
        say(f"Reading the database of {source.name} ...")
        return put(target, facts, source.archive(), options)


def remove_unfinished(target: DatabaseEnd, facts: DatabaseFacts) -> None:
    """Removes what an interrupted copy left; the target's lock is held."""
    if facts.unfinished:
        say(f"Removing what an interrupted copy left: {', '.join(facts.unfinished)}")
        target.drop(facts.unfinished)


def put(target: DatabaseEnd, facts: DatabaseFacts, source: AbstractContextManager[Archive], options: Options) -> str:
    """Restores an archive beside the serving database and swaps them; the target's lock is held.

    The archive is closed as soon as it was read, since a snapshot is a burden to its server. Returns the name under
    which the database that served is kept. Raises DataError.
    """
    moment, began = stamp(), time.monotonic()
    taken = [*facts.old, *facts.unfinished]
    new, old = (names.beside(facts.name, kind, moment, taken) for kind in (names.NEW, names.BEFORE))
    try:
        with source as archive:
            say(f"Restoring {size(archive.size)} into {new} ...")
            found = target.restore(archive, new)
            compare(archive.rows, found)
        say(f"All {sum(found.values()):,} rows of {len(found)} tables are there.")
        if not target.has_migrations_of(new):
            _migrate(target, new, ahead=options.schema_ahead)
        if options.scrub:
            # After the migrations, since the command is of this version, and so are the tables that it knows.
            say(f"Scrubbing: {options.scrub}")
            _run(target, new, shlex.split(options.scrub), "The scrub command failed")
        spent = measured(archive.size, time.monotonic() - began)
        if options.bring_media:
            _bring(options.bring_media, target)
        say("Swapping the names ...")
        target.swap(new, old, f"Copied from {options.origin} at {moment} UTC by django-stack: {spent}")
    except BaseException:
        remove(target, new)
        raise
    if target.depth and (surplus := [*facts.old, old][: -target.depth]):
        say(f"Removing what was replaced before the last {target.depth} times: {', '.join(surplus)}")
        target.drop(surplus)
    return old


def say_swapped(name: str, what: str, old: str) -> None:
    """Says what the stack serves now, and where its former database is."""
    click.echo(
        f"The stack {name} serves {what}. Its former database is kept as {old}. "
        f"To remove it: django-stack data drop-old -s {shlex.quote(name)}"
    )


def compare(wanted: Rows, found: Rows) -> None:
    """Raises DataError where tables are missing, or have other numbers of rows."""
    differ = [name for name in sorted({*wanted, *found}) if wanted.get(name) != found.get(name)]
    if differ:
        named = ", ".join(f"{name} ({wanted.get(name)} rows, and {found.get(name)})" for name in differ[:SHOWN])
        more = f" and {len(differ) - SHOWN} more" if len(differ) > SHOWN else ""
        raise DataError(f"The copy isn't whole, nothing was changed: {named}{more}. Fix: the same again")


def _migrate(target: DatabaseEnd, new: str, *, ahead: bool) -> None:
    status = target.run(migrate(ahead=ahead), new)
    if status == AHEAD:
        raise DataError(
            f"The copy has migrations that the version of {target.name} lacks, so its code may fail on it. The copy "
            f"was removed, and {target.name} serves what it served. Fix: bring {target.name} to a version that has "
            "them, or the same with --schema-ahead"
        )
    if status:
        raise DataError(
            f"The migrations of {target.name}'s version failed on the copy. The copy was removed, and {target.name} "
            "serves what it served. Fix: see the reason above"
        )


def _run(target: DatabaseEnd, database: str, command: Sequence[str], what: str) -> None:
    status = target.run(list(command), database)
    if status:
        raise DataError(
            f"{what} with exit status {status}: {shlex.join(command)}. The copy was removed, and {target.name} serves "
            f"what it served"
        )


def _bring(media: Callable[[], None], target: DatabaseEnd) -> None:
    try:
        media()
    except DataError as error:
        raise DataError(
            f"The copy of the database was removed, and {target.name} serves the database that it served, with the "
            f"objects that were copied before this: {error}"
        ) from None


def remove(target: DatabaseEnd, new: str) -> None:
    """Removes a new database, so that nobody reaches it; says so when that can't be done now."""
    try:
        target.drop([new])
    except (DataError, SystemExit) as error:
        say(f"{new} can't be removed now: {error}. The next copy, or django-stack data drop-old, does it.")


def say(text: str) -> None:
    """Says what is being done, on standard error."""
    click.echo(text, err=True)
