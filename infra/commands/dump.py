"""`django-stack dump`: one stack's data in one file."""

import shlex
import sys
from contextlib import nullcontext
from pathlib import Path

import click

from infra.commands import stack
from infra.commands.data import dumping, options
from infra.commands.data.encryption import recipients
from infra.commands.data.ends import DataError, database_of, media_of
from infra.commands.data.spool import one_line_when_full
from infra.commands.operations.status import counted, size

PIPE = "-"


@click.command
@click.argument("file", metavar="FILE")
@stack.option
@options.database_option
@options.media_option
@click.option("--recipient", "to", multiple=True, metavar="KEY", help="Encrypt it for a public key of age or SSH.")
@click.option("--overwrite", is_flag=True, help="Replace FILE if it is there.")
def command(
    file: str, name: str, *, only_database: bool, only_media: bool, to: tuple[str, ...], overwrite: bool
) -> int:
    """Writes the stack's database and media into FILE, or to standard output as `-`.

    It is a tar with checksums of all that is in it. The database is as it was at one moment, and may be written to
    meanwhile. FILE gets its name when it is whole, and only you may read it. Without --recipient it isn't encrypted.

    \b
    Example:
      django-stack dump backup.tar -s cloud
      django-stack dump backup.tar.age -s cloud --recipient age1...
    """
    database, media = not only_media or only_database, not only_database or only_media
    path = Path(file)
    if file == PIPE and sys.stdout.isatty():
        raise click.UsageError("- is for a pipe, and this is a terminal; for example: django-stack dump - > FILE")
    if file != PIPE and path.is_dir():
        within = shlex.quote(str(path / f"{name}.tar"))
        sys.exit(f"{file} is a folder, nothing was changed. Fix: django-stack dump {within} -s {shlex.quote(name)}")
    if file != PIPE and path.exists() and not path.is_file():
        piping = f"django-stack dump - -s {shlex.quote(name)} > {shlex.quote(file)}"
        sys.exit(f"{file} is no file, nothing was changed. Fix: {piping}")
    if file != PIPE and path.exists() and not overwrite:
        sys.exit(f"{file} is there already, nothing was changed. Fix: another name, or the same with --overwrite")
    try:
        keys = recipients(to)
        from_, store = database_of(name) if database else None, media_of(name) if media else None
        with (
            one_line_when_full(),
            dumping.written_whole(path) if file != PIPE else nullcontext(sys.stdout.buffer) as out,
        ):
            written = dumping.dump(name, stack.project_name(), out, from_, store, keys)
            out.flush()
    except DataError as error:
        sys.exit(str(error))
    except BrokenPipeError:
        sys.exit("Whatever reads this dump has ended before it was whole.")
    if file != PIPE:
        about = f"{counted(written.objects, 'object')}, {size(written.bytes)}" if media else "no media"
        click.echo(f"{file}: {size(path.stat().st_size)}, {'database and ' if database else ''}{about}")
    return 0
