"""Moves a stack to a version: looks whether the schema fits, sets the setting `image`, and runs `pulumi up`."""

import shlex
import sys
from collections.abc import Mapping

import click

from infra import fixes
from infra.commands import stack
from infra.commands.operations import read_settings, schema
from infra.commands.operations.versions import Version, Versions, setting
from infra.programs import completed

SHOWN = 5  # migrations that are named

schema_ahead_option = click.option(
    "--schema-ahead", is_flag=True, help="Also when the database has migrations that the version lacks."
)
yes_option = click.option("-y", "--yes", is_flag=True, help="Don't ask.")


def refuse_mounted_source(name: str) -> None:
    """Ends the command when the stack mounts its source: what it shows is not what its image has."""
    if setting(read_settings(name), "mount-source").lower() == "true":
        sys.exit(
            f"The stack {name} mounts the source, which hides the code of its image. "
            f"Fix: {fixes.set_value(name, 'mount-source', 'false')}"
        )


def check_schema(
    name: str, versions: Versions, version: Version, running: Version, *, ahead: bool, command: str
) -> None:
    """Says which migrations the version would apply, and which it lacks; then the command ends, unless `ahead`.

    `running` is the version that runs, `command` what the person ran.
    """
    click.echo(f"Asking the version {version.hash} for its migrations ...", err=True)
    try:
        found = schema.fit(versions, version, running)
    except RuntimeError as error:
        if ahead:
            click.echo(f"The version {version.hash} can't be asked for its migrations: {error}", err=True)
            return
        sys.exit(
            f"The version {version.hash} can't be asked for its migrations, nothing was changed: {error}\n"
            f"Fix: see why, or go without that: {command} --schema-ahead"
        )
    if found.unapplied:
        click.echo(f"Its release will apply {_some(found.unapplied)}.")
    if not found.surplus:
        return
    what = f"the database has {_some(found.surplus)}, which the version {version.hash} lacks"
    if ahead:
        click.echo(f"The schema is ahead: {what}.")
        return
    app, _, migration = found.surplus[0].partition(".")
    sys.exit(
        f"The schema is ahead, nothing was changed: {what}. Its code may fail on that schema. Fix: look whether it can "
        f"work with it, then {command} --schema-ahead; or reverse them first, while the code that has them runs: "
        f"django-stack manage -s {shlex.quote(name)} migrate {app} BEFORE_{migration}"
    )


def ask(question: str, *, yes: bool) -> None:
    """Asks on a terminal; ends the command when the answer is no, or when nobody is there who could give one."""
    if yes:
        return
    if not sys.stdin.isatty():
        sys.exit(f"{question} Nobody can be asked here, nothing was changed. Fix: the same with --yes")
    click.confirm(question, abort=True)


def up(name: str, image: str) -> int:
    """Sets `image`, or takes it away when it is empty, and runs `pulumi up`; its exit status."""
    return set_and_up(name, {"image": image})


def set_and_up(name: str, settings: Mapping[str, str]) -> int:
    """Sets settings, takes away those that are empty, and runs `pulumi up`; its exit status."""
    for key, value in settings.items():
        words = ["config", "set", "--stack", name, key, value] if value else ["config", "rm", "--stack", name, key]
        if done := _pulumi([*words, "--non-interactive"], shown=False):
            return done
    return pulumi(["up", "--stack", name, "--yes", "--skip-preview"])


def pulumi(arguments: list[str]) -> int:
    """Runs pulumi, its output shown; its exit status."""
    return _pulumi(arguments, shown=True)


def said_how_to_undo(name: str) -> str:
    """How the setting is taken away again, in one line."""
    quoted = shlex.quote(name)
    return (
        f"From now on `pulumi up` keeps that version. To build the app's folder again: "
        f"django-stack rollback -s {quoted} --undo ({fixes.remove(name, 'image')}, then pulumi up -s {quoted})"
    )


def pinned(name: str) -> str:
    """The setting `image` of the stack as its file has it; nothing without one."""
    return setting(read_settings(name), "image")


def marked(text: str, version: Version) -> str:
    return stack.coloured(text, "green") if version.runs else text


def _pulumi(arguments: list[str], *, shown: bool) -> int:
    try:
        done = completed(["pulumi", *arguments], shown=shown)
    except FileNotFoundError:
        sys.exit("There is no pulumi on PATH. Fix: source .venv/bin/activate")
    except KeyboardInterrupt:
        return 130
    if done.returncode and not shown:
        click.echo(done.stderr.strip(), err=True)
    return done.returncode


def _some(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"the migration{'s' if len(names) > 1 else ''} {', '.join(names[:SHOWN])}{more}"
