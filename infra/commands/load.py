"""`django-stack load`: the data in a file of `dump` into a stack."""

import shlex
import sys
import time
from pathlib import Path

import click

from infra.commands import stack
from infra.commands.copy import check_words
from infra.commands.data import database_copy, dumping, media_copy, protection
from infra.commands.data.archive import Manifest
from infra.commands.data.archive_reader import ArchiveReader, DatabaseArchive, opened
from infra.commands.data.encryption import identities
from infra.commands.data.ends import DatabaseEnd, DatabaseFacts, DataError, database_of, media_of
from infra.commands.data.media import MediaEnd
from infra.commands.data.media_plan import planned
from infra.commands.data.plan import of_database
from infra.commands.operations import move

PIPE = "-"


@click.command
@click.argument("file", metavar="FILE")
@stack.option
@click.option("--database", "only_database", is_flag=True, help="The database alone; without this and --media, all.")
@click.option("--media", "only_media", is_flag=True, help="The media alone.")
@click.option("--identity", "keys", multiple=True, metavar="FILE", type=Path, help="A private key of age or SSH.")
@click.option("--delete", is_flag=True, help="Remove from the stack what the media of FILE lack.")
@click.option("--names", is_flag=True, help="Name the objects that couldn't be written; names may be personal.")
@move.schema_ahead_option
@click.option("--dry-run", is_flag=True, help="Show the plan, and change nothing.")
@click.option("--scrub", default="", metavar="COMMAND", help="Run it on the copy before anybody gets to see that.")
@click.option("--unscrubbed", is_flag=True, help="Take the personal data of a protected stack as they are.")
@click.option("--into-production", default="", metavar="NAME", help="The stack's name, if it is a protected one.")
@move.yes_option
def command(
    file: str,
    name: str,
    *,
    only_database: bool,
    only_media: bool,
    keys: tuple[Path, ...],
    delete: bool,
    names: bool,
    schema_ahead: bool,
    dry_run: bool,
    scrub: str,
    unscrubbed: bool,
    into_production: str,
    yes: bool,
) -> int:
    """Replaces the stack's database and media with those in FILE, or from standard input as `-`.

    First it is read as a whole and compared with its checksums. The database is restored beside the one that serves,
    counted, migrated and scrubbed; then the names are swapped, and the old one stays until
    `django-stack data drop-old`. PostgreSQL of the same major version as in the
    archive, or of a newer one, takes it.

    \b
    Example:
      django-stack load backup.tar --dry-run
      django-stack load backup.tar.age --identity key.txt -s staging --scrub "python manage.py anonymise"
    """
    if scrub:
        check_words(scrub)
    if file == PIPE and not (yes or dry_run):
        raise click.UsageError("With - nobody can be asked; add --yes, or --dry-run")
    try:
        with opened(sys.stdin.buffer if file == PIPE else Path(file), identities(keys)) as reader:
            manifest = reader.manifest
            database, media = _parts(manifest, only_database=only_database, only_media=only_media)
            end, store = database_of(name) if database else None, media_of(name) if media else None
            ends = [one for one in (end, store) if one]
            protection.check(name, into_production, target_is_production=any(one.production for one in ends))
            protection.check_scrub(
                manifest.stack, source_is_production=manifest.production, scrub=scrub, unscrubbed=unscrubbed
            )
            lines, faults = _plan(reader, end, store, delete=delete)
            click.echo("\n".join([f"archive    of {manifest.stack}, made {manifest.made}", *lines]))
            if faults:
                sys.exit("\n".join(["This can't be loaded, nothing was changed.", *faults]))
            if dry_run:
                return 0
            move.ask(f"Replace the {'database' if database else 'media'} of {name}?", yes=yes)
            if store and not scrub:  # so that the pages of the new database find their files
                _load_media(reader, store, delete=delete and not database, names=names)
            if end:
                origin = f"an archive of {manifest.stack}, made {manifest.made}"
                options = database_copy.Options(origin=origin, scrub=scrub, schema_ahead=schema_ahead)
                _load_database(reader, end, options)
            if store and (scrub or (database and delete)):
                _load_media(reader, store, delete=delete, names=names)
    except DataError as error:
        sys.exit(str(error))
    return 0


def _parts(manifest: Manifest, *, only_database: bool, only_media: bool) -> tuple[bool, bool]:
    """Whether database and media are loaded: what is asked for, or all that there is. Raises DataError."""
    if only_database and not manifest.database:
        raise DataError("The archive has no database. Fix: the same without --database")
    if only_media and not manifest.media:
        raise DataError("The archive has no media. Fix: the same without --media")
    database, media = not only_media or only_database, not only_database or only_media
    return bool(database and manifest.database), bool(media and manifest.media)


def _plan(
    reader: ArchiveReader, end: DatabaseEnd | None, store: MediaEnd | None, *, delete: bool
) -> tuple[list[str], list[str]]:
    lines, faults = [], []
    part = reader.manifest.database
    if end and part:
        facts = DatabaseFacts(part.version, "in it", part.size, extensions=dict.fromkeys(part.extensions, ""))
        plan = of_database(reader.manifest.stack, facts, end.name, end.facts(), end.overhead)
        lines += plan.lines
        faults += plan.faults
    if store:
        with planned(reader, store) as found:
            difference = found.difference()
        lines += media_copy.lines_of(difference, "the archive", store, delete=delete)
        faults += media_copy.faults_of(difference, "The archive", store, delete=delete)
    return lines, faults


def _load_database(reader: ArchiveReader, end: DatabaseEnd, options: database_copy.Options) -> None:
    part = reader.manifest.database
    assert part  # noqa: S101  # as _parts has found
    with end.lock():
        facts = end.facts()
        database_copy.remove_unfinished(end, facts)
        old = database_copy.put(end, facts, DatabaseArchive(reader, part), options)
    click.echo(
        f"The stack {end.name} serves what was loaded. Its former database is kept as {old}. "
        f"To remove it: django-stack data drop-old -s {shlex.quote(end.name)}"
    )


def _load_media(reader: ArchiveReader, store: MediaEnd, *, delete: bool, names: bool) -> None:
    began = time.monotonic()
    outcome = dumping.load_media(reader, store, delete=delete, names=names)
    click.echo(media_copy.said(outcome, time.monotonic() - began))
