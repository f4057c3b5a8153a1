"""`django-stack promote`: runs the version of one stack on another one, without a build."""

import sys

import click

from infra import fixes
from infra.commands import stack
from infra.commands.operations import move, platform_of, read_settings
from infra.commands.operations.versions import Version, setting, versions_of


@click.command
@click.argument("source", metavar="FROM", shell_complete=stack.complete)
@click.argument("target", metavar="TO", shell_complete=stack.complete)
@move.schema_ahead_option
@move.yes_option
def command(source: str, target: str, schema_ahead: bool, yes: bool) -> int:
    """Runs the very image that the stack FROM runs on the stack TO. Nothing is built, and its digest stays the same.

    It copies the image into TO's repository in ECR, or pushes it from this machine's Docker engine, sets `image` of TO
    to its hash, and runs `pulumi up`, whose exit status it has. Migrations that TO's database lacks are named; when it
    has some that the version lacks, it takes --schema-ahead.

    \b
    Example:
      django-stack promote staging production
      django-stack promote local cloud
    """
    if source == target:
        raise click.UsageError("FROM and TO are the same stack")
    wanted = _running(source)
    move.refuse_mounted_source(target)
    _check_platforms(source, target)
    versions = versions_of(target)
    running = next((one for one in versions.all() if one.runs), None) if versions.is_up() else None
    if running and running.hash == wanted.hash and move.pinned(target) == wanted.hash:
        click.echo(f"The stack {target} runs the version {wanted.hash} already.")
        return 0
    question = f"Run the version {wanted.hash} of the stack {source} on {target}"
    move.ask(f"{question}, which runs {running.hash}?" if running else f"{question}, which isn't up?", yes=yes)
    if running:
        there = versions.bring(wanted.hash)
        if wanted.id.startswith("sha256:") and platform_of(source) == platform_of(target) and there != wanted.id:
            sys.exit(
                f"The stack {target} has a build of its own of the version {wanted.hash}, {there}, and not "
                f"{wanted.id} of {source}; nothing was changed. A tag can't move. Fix: run that one, "
                f"{fixes.set_value(target, 'image', wanted.hash)}, then pulumi up -s {target}"
            )
        if running.hash != wanted.hash:
            copied = Version(wanted.hash, there, wanted.made, wanted.size)
            line = f"django-stack promote {source} {target}"
            move.check_schema(target, versions, copied, running, ahead=schema_ahead, command=line)
    status = move.up(target, wanted.hash)
    if status:
        click.echo(
            f"`pulumi up` failed; the setting image of {target} stays {wanted.hash}. Once that is mended: "
            f"pulumi up -s {target}",
            err=True,
        )
        return status
    click.echo(
        f"The stack {target} runs the version {wanted.hash}. {move.said_how_to_undo(target)}\n"
        f"How they differ otherwise: django-stack compare {source} {target}"
    )
    return 0


def _running(name: str) -> Version:
    """The version that the stack runs; ends the command when it runs none."""
    move.refuse_mounted_source(name)
    found = next((one for one in versions_of(name).all() if one.runs), None)
    if not found:
        sys.exit(f"The stack {name} runs no version. Fix: pulumi up -s {name}")
    return found


def _check_platforms(source: str, target: str) -> None:
    """Ends the command for an image that the other platform can't get, or can't run."""
    platforms = platform_of(source), platform_of(target)
    if platforms == ("cloud", "local"):
        sys.exit(
            f"The stack {target} runs images of this machine's Docker engine, and {source} is in the cloud. "
            f"Fix: check out that version's commit, then pulumi up -s {target}"
        )
    if platforms == ("local", "cloud"):
        wanted = setting(read_settings(target), "architecture") or fixes.default("architecture")
        here = "arm64" if stack.engine().info()["Architecture"] in {"aarch64", "arm64"} else "amd64"
        if here != wanted:
            sys.exit(
                f"The images of this machine are for {here}, and the tasks of {target} for {wanted}. "
                f"Fix: {fixes.set_value(target, 'architecture', here)}"
            )
