"""`django-stack copy`: one stack's data into another one, on whichever platforms they are."""

import shlex
import sys
import time

import click

from infra.commands import stack
from infra.commands.data import database_copy, media_copy, protection
from infra.commands.data.ends import DatabaseEnd, DataError, database_of, media_of
from infra.commands.data.media import MediaEnd
from infra.commands.operations import move


@click.command
@click.argument("source", metavar="FROM", shell_complete=stack.complete)
@click.argument("target", metavar="TO", shell_complete=stack.complete)
@click.option("--database", "only_database", is_flag=True, help="The database alone; without this and --media, both.")
@click.option("--media", "only_media", is_flag=True, help="The media alone.")
@click.option("--delete", is_flag=True, help="Remove from TO what the media of FROM lack.")
@click.option("--names", is_flag=True, help="Name the objects that couldn't be copied; names may be personal.")
@move.schema_ahead_option
@click.option("--dry-run", is_flag=True, help="Show the plan, and change nothing.")
@click.option("--scrub", default="", metavar="COMMAND", help="Run it on the copy before anybody gets to see that.")
@click.option("--unscrubbed", is_flag=True, help="Copy the personal data of a protected stack as they are.")
@click.option(
    "--into-production", default="", metavar="NAME", help="The name of TO, typed out, if TO is a protected stack."
)
@click.option("-y", "--yes", is_flag=True, help="Don't ask.")
def command(
    source: str,
    target: str,
    *,
    only_database: bool,
    only_media: bool,
    delete: bool,
    names: bool,
    schema_ahead: bool,
    dry_run: bool,
    scrub: str,
    unscrubbed: bool,
    into_production: str,
    yes: bool,
) -> int:
    """Replaces database and media of the stack TO with copies of those of FROM.

    The database's copy is made beside the one that serves, counted, migrated to the version that TO runs, and scrubbed.
    Then the names are swapped in one transaction. TO serves what it served until then, whatever happens; the old
    database stays until `django-stack data drop-old`. FROM is only read, in one snapshot, and may be written to
    meanwhile.

    Of the media, what TO lacks or has otherwise is copied; a bucket with versions keeps what was replaced. After an
    interruption the same command goes on with what is missing.

    \b
    Example:
      django-stack copy staging local --dry-run
      django-stack copy cloud local --scrub "python manage.py anonymise"
      django-stack copy cloud staging --media --delete --unscrubbed
    """
    if source == target:
        raise click.UsageError("FROM and TO are the same stack")
    database, media = not only_media or only_database, not only_database or only_media
    if (delete or names) and not media:
        raise click.UsageError("--delete and --names are about media, which --database leaves out")
    if scrub and not database:
        raise click.UsageError("--scrub is about the database, which --media leaves out")
    if scrub:
        check_words(scrub)
    try:
        ends = database_of(source), database_of(target)
        protection.check(target, into_production, target_is_production=ends[1].production)
        protection.check_scrub(source, source_is_production=ends[0].production, scrub=scrub, unscrubbed=unscrubbed)
        stores = (media_of(source), media_of(target)) if media else None
        plans = [database_copy.plan(*ends)] if database else []
        plans += [media_copy.plan(*stores, delete=delete)] if stores else []
        click.echo("\n".join(line for plan in plans for line in plan.lines))
        if faults := [fault for plan in plans for fault in plan.faults]:
            sys.exit("\n".join(["This can't be copied, nothing was changed.", *faults]))
        if dry_run:
            return 0
        move.ask(f"Replace {'the media' if not database else 'the database'} of {target}?", yes=yes)
        if stores and not scrub:
            # So that the pages of the new database find their files. What only the old one has stays until the end.
            _copy_media(stores, delete=delete and not database, names=names)
        if database:
            options = database_copy.Options(origin=source, scrub=scrub, schema_ahead=schema_ahead)
            _copy_database(ends, options)
        if stores and database:
            _copy_media(stores, delete=delete, names=names)  # with a scrub all, which it guards; else what came since
    except DataError as error:
        sys.exit(str(error))
    return 0


def _copy_database(ends: tuple[DatabaseEnd, DatabaseEnd], options: database_copy.Options) -> None:
    source, target = ends
    old = database_copy.copy(source, target, options)
    click.echo(
        f"The stack {target.name} serves the copy. Its former database is kept as {old}. "
        f"To remove it: django-stack data drop-old -s {shlex.quote(target.name)}"
    )


def _copy_media(ends: tuple[MediaEnd, MediaEnd], *, delete: bool, names: bool) -> None:
    source, target = ends
    began = time.monotonic()
    outcome = media_copy.copy(source, target, delete=delete, names=names)
    click.echo(media_copy.said(outcome, time.monotonic() - began))


def check_words(text: str) -> None:
    try:
        if shlex.split(text):
            return
    except ValueError:
        pass
    raise click.UsageError(f"--scrub {text!r} is no command line; allowed: 'python manage.py COMMAND'")
