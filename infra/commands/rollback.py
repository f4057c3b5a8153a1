"""`django-stack rollback`: runs an earlier version again, without a build."""

import click

from infra.commands import stack
from infra.commands.operations import move
from infra.commands.operations.versions import chosen, versions_of


@click.command
@stack.option
@click.argument("version", required=False, default="", metavar="[HASH]")
@click.option("--undo", is_flag=True, help="Take the setting image away again, and run what the app's folder has.")
@move.schema_ahead_option
@move.yes_option
def command(name: str, version: str, undo: bool, schema_ahead: bool, yes: bool) -> int:
    """Runs an earlier version again; without HASH, the one before that which runs. Nothing is built.

    It sets `image` and runs `pulumi up`, with the release step; the exit status is that of `pulumi up`. Migrations
    don't go back: when the database has some that the version lacks, they are named, and it takes --schema-ahead.

    \b
    Example:
      django-stack rollback -s cloud
      django-stack rollback -s cloud --undo
    """
    if undo:
        if version or schema_ahead:
            raise click.UsageError("--undo goes with no HASH, and needs no --schema-ahead")
        return _undo(name, yes=yes)
    move.refuse_mounted_source(name)
    versions = versions_of(name)
    found = versions.all()
    wanted = chosen(found, version, name)
    running = next((one for one in found if one.runs), None)
    if wanted.runs and move.pinned(name) == wanted.hash:
        click.echo(f"The stack {name} runs the version {wanted.hash} already.")
        return 0
    if running and not wanted.runs:
        line = f"django-stack rollback -s {name} {wanted.hash}"
        move.check_schema(name, versions, wanted, running, ahead=schema_ahead, command=line)
    move.ask(f"Roll the stack {name} back{f' from {running.hash}' if running else ''} to {wanted.hash}?", yes=yes)
    status = move.up(name, wanted.hash)
    if status:
        click.echo(f"`pulumi up` failed; the setting image stays {wanted.hash}. {_again(name)}", err=True)
        return status
    click.echo(f"The stack {name} runs the version {wanted.hash}. {move.said_how_to_undo(name)}")
    return 0


def _undo(name: str, *, yes: bool) -> int:
    before = move.pinned(name)
    if not before:
        click.echo(f"The stack {name} has no setting image; `pulumi up` builds the app's folder.")
        return 0
    move.ask(f"Build the app's folder again for the stack {name}, which has image {before}?", yes=yes)
    status = move.up(name, "")
    if status:
        click.echo(f"`pulumi up` failed; the setting image is gone. {_again(name)}", err=True)
    return status


def _again(name: str) -> str:
    return f"Once that is mended: pulumi up -s {name}"
