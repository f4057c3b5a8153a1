"""`django-stack copy`: one stack's data into another one, on whichever platforms they are."""

import sys
from functools import partial

import click

from infra.commands import stack
from infra.commands.data import database_copy, media_copy, options, protection
from infra.commands.data.ends import DataError, database_of, media_of
from infra.commands.data.media import MediaEnd


@click.command
@click.argument("source", metavar="FROM", shell_complete=stack.complete)
@click.argument("target", metavar="TO", shell_complete=stack.complete)
@options.replacing("FROM", "TO")
def command(source: str, target: str, *, chosen: options.Chosen) -> int:
    """Replaces database and media of the stack TO with copies of those of FROM.

    The database's copy is made beside the one that serves, counted, migrated to the version that TO runs, and scrubbed.
    Then the media are copied, and the names are swapped in one transaction. TO serves its old database until then,
    whatever happens; that stays until `django-stack data drop-old`. FROM is only read, in one snapshot, and may be
    written to meanwhile.

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
    try:
        ends = database_of(source), database_of(target)
        stores = (media_of(source), media_of(target)) if chosen.media else None
        from_production, into_production = (
            end.production or bool(store and store.production)
            for end, store in zip(ends, stores or (None, None), strict=True)
        )
        protection.check(target, chosen.into_production, target_is_production=into_production)
        protection.check_scrub(
            source, source_is_production=from_production, scrub=chosen.scrub, unscrubbed=chosen.unscrubbed
        )
        plans = [database_copy.plan(*ends)] if chosen.database else []
        plans += [media_copy.plan(*stores, delete=chosen.delete)] if stores else []
        click.echo("\n".join(line for plan in plans for line in plan.lines))
        if faults := [fault for plan in plans for fault in plan.faults]:
            sys.exit("\n".join(["This can't be copied, nothing was changed.", *faults]))
        if chosen.dry_run:
            return 0
        options.ask(target, database=chosen.database, media=chosen.media, yes=chosen.yes)
        if chosen.database:
            bring = partial(_copy_media, stores, delete=False, names=chosen.names) if stores else None
            how = database_copy.Options(
                origin=source, scrub=chosen.scrub, schema_ahead=chosen.schema_ahead, bring_media=bring
            )
            database_copy.say_swapped(ends[1].name, "the copy", database_copy.copy(*ends, how))
        if stores:  # with a database, what came since; and what only the old one shows goes now
            _copy_media(stores, delete=chosen.delete, names=chosen.names)
    except DataError as error:
        sys.exit(str(error))
    return 0


def _copy_media(ends: tuple[MediaEnd, MediaEnd], *, delete: bool, names: bool) -> None:
    media_copy.timed(lambda: media_copy.copy(*ends, delete=delete, names=names))
