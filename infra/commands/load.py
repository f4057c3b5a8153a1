"""`django-stack load`: the data in a file of `dump` into a stack."""

import sys
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import click

from infra.commands import stack
from infra.commands.data import database_copy, dumping, media_copy, options, protection
from infra.commands.data.archive import Manifest
from infra.commands.data.archive_reader import ArchiveReader, DatabaseArchive, opened
from infra.commands.data.encryption import identities
from infra.commands.data.ends import DatabaseEnd, DataError, database_of, media_of
from infra.commands.data.foreign import PAGE, ForeignError, way_into
from infra.commands.data.media import MediaEnd
from infra.commands.data.media_plan import planned
from infra.commands.data.plan import of_database
from infra.commands.data.spool import one_line_when_full

INPUT = ("-", "/dev/stdin", "/dev/fd/0")  # names of standard input


@click.command
@click.argument("file", metavar="FILE")
@stack.option
@click.option("--identity", "keys", multiple=True, metavar="FILE", type=Path, help="A private key of age or SSH.")
@options.replacing("FILE", "the stack")
def command(file: str, name: str, *, keys: tuple[Path, ...], chosen: options.Chosen) -> int:
    """Replaces the stack's database and media with those in FILE, or from standard input as `-`.

    First it is read as a whole and compared with its checksums. The database is restored beside the one that serves,
    counted, migrated and scrubbed; then the media are written, the names are swapped, and the old one stays until
    `django-stack data drop-old`. PostgreSQL of the same major version as in the
    archive, or of a newer one, takes it. A file of pg_dump has another way in, which is named.

    \b
    Example:
      django-stack load backup.tar --dry-run
      django-stack load backup.tar.age --identity key.txt -s staging --scrub "python manage.py anonymise"
    """
    if file in INPUT and not (chosen.yes or chosen.dry_run):
        raise click.UsageError(f"With {file} nobody can be asked; add --yes, or --dry-run")
    try:
        with (
            one_line_when_full(),
            opened(sys.stdin.buffer if file in INPUT else Path(file), identities(keys)) as reader,
        ):
            manifest = reader.manifest
            database, media = _parts(manifest, chosen)
            end, store = database_of(name) if database else None, media_of(name) if media else None
            ends = [one for one in (end, store) if one]
            protection.check(name, chosen.into_production, target_is_production=any(one.production for one in ends))
            protection.check_scrub(
                manifest.stack,
                source_is_production=manifest.production,
                scrub=chosen.scrub,
                unscrubbed=chosen.unscrubbed,
            )
            lines, faults = _plan(reader, end, store, delete=chosen.delete)
            click.echo("\n".join([f"archive    of {manifest.stack}, made {manifest.made}", *lines]))
            if faults:
                sys.exit("\n".join(["This can't be loaded, nothing was changed.", *faults]))
            if chosen.dry_run:
                return 0
            options.ask(name, database=database, media=media, yes=chosen.yes)
            if end:
                bring = partial(_load_media, reader, store, delete=False, names=chosen.names) if store else None
                how = database_copy.Options(
                    origin=f"an archive of {manifest.stack}, made {manifest.made}",
                    scrub=chosen.scrub,
                    schema_ahead=chosen.schema_ahead,
                    bring_media=bring,
                )
                _load_database(reader, end, how)
            if store and (chosen.delete or not end):  # with a database, what only the old one shows goes now
                _load_media(reader, store, delete=chosen.delete, names=chosen.names)
    except ForeignError as error:
        is_there = file not in INPUT and Path(file).is_file()  # a pipe is empty by then, and its name may be gone
        way = way_into(name, file if is_there else "FILE", error)
        sys.exit(f"{error}. Its own way in replaces all that the database has ({PAGE}). Fix: {way}")
    except DataError as error:
        sys.exit(str(error))
    return 0


def _parts(manifest: Manifest, chosen: options.Chosen) -> tuple[bool, bool]:
    """Whether database and media are loaded: what is asked for, or all that there is. Raises DataError."""
    if chosen.only_database and not manifest.database:
        raise DataError("The archive has no database. Fix: the same without --database")
    if chosen.only_media and not manifest.media:
        raise DataError("The archive has no media. Fix: the same without --media")
    if chosen.scrub and not manifest.database:
        raise DataError("The archive has no database, which --scrub is about. Fix: the same without --scrub")
    return bool(chosen.database and manifest.database), bool(chosen.media and manifest.media)


def _plan(
    reader: ArchiveReader, end: DatabaseEnd | None, store: MediaEnd | None, *, delete: bool
) -> tuple[list[str], list[str]]:
    lines, faults = [], []
    part = reader.manifest.database
    if end and part:
        plan = of_database(reader.manifest.stack, part.facts, end.name, end.facts(), end.overhead)
        lines += plan.lines
        faults += plan.faults
    if store:
        with planned(reader, store) as found:
            difference = found.difference()
        lines += media_copy.lines_of(difference, "the archive", store, delete=delete)
        faults += media_copy.faults_of(difference, "The archive", store, delete=delete)
    return lines, faults


def _load_database(reader: ArchiveReader, end: DatabaseEnd, how: database_copy.Options) -> None:
    part = reader.manifest.database
    assert part  # noqa: S101  # as _parts has found
    with end.lock():
        facts = end.facts()
        database_copy.remove_unfinished(end, facts)
        old = database_copy.put(end, facts, nullcontext(DatabaseArchive(reader, part)), how)
    database_copy.say_swapped(end.name, "what was loaded", old)


def _load_media(reader: ArchiveReader, store: MediaEnd, *, delete: bool, names: bool) -> None:
    media_copy.timed(lambda: dumping.load_media(reader, store, delete=delete, names=names))
