"""`django-stack copy`: one stack's data into another one, on whichever platforms they are."""

import shlex
import sys

import click

from infra.commands import stack
from infra.commands.data import database_copy, protection
from infra.commands.data.ends import DataError, database_of
from infra.commands.operations import move


@click.command
@click.argument("source", metavar="FROM", shell_complete=stack.complete)
@click.argument("target", metavar="TO", shell_complete=stack.complete)
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
    schema_ahead: bool,
    dry_run: bool,
    scrub: str,
    unscrubbed: bool,
    into_production: str,
    yes: bool,
) -> int:
    """Replaces the database of the stack TO with a copy of that of FROM.

    The copy is made beside the database that serves, counted, migrated to the version that TO runs, and scrubbed. Then
    the names are swapped in one transaction. TO serves what it served until then, whatever happens; the old database
    stays until `django-stack data drop-old`. FROM is only read, in one snapshot, and may be written to meanwhile.

    \b
    Example:
      django-stack copy staging local --dry-run
      django-stack copy cloud local --scrub "python manage.py anonymise"
    """
    if source == target:
        raise click.UsageError("FROM and TO are the same stack")
    if scrub:
        _check_words(scrub)
    try:
        from_, to = database_of(source), database_of(target)
        protection.check(target, into_production, target_is_production=to.production)
        protection.check_scrub(source, source_is_production=from_.production, scrub=scrub, unscrubbed=unscrubbed)
        plan = database_copy.plan(from_, to)
        click.echo("\n".join(plan.lines))
        if plan.faults:
            sys.exit("\n".join(["The database can't be copied, nothing was changed.", *plan.faults]))
        if dry_run:
            return 0
        move.ask(f"Replace the database of {target}?", yes=yes)
        options = database_copy.Options(origin=source, scrub=scrub, schema_ahead=schema_ahead)
        old = database_copy.copy(from_, to, options)
    except DataError as error:
        sys.exit(str(error))
    click.echo(
        f"The stack {target} serves the copy. Its former database is kept as {old}. "
        f"To remove it: django-stack data drop-old -s {shlex.quote(target)}"
    )
    return 0


def _check_words(text: str) -> None:
    try:
        if shlex.split(text):
            return
    except ValueError:
        pass
    raise click.UsageError(f"--scrub {text!r} is no command line; allowed: 'python manage.py COMMAND'")
