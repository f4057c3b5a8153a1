"""`django-stack rehearse`: the cloud stack on this machine. What it does is in tools/, which a project may delete."""

import sys
from importlib import import_module
from importlib.util import find_spec

import click

MODULE = "tools.rehearsal.commands"
WHAT = {
    "up": "Bring it up, or what has changed since.",
    "down": "Remove all of it.",
    "status": "Say what is there, and where.",
    "manage": "Run a management command in a task of the site.",
    "log": "Show the emulator's log.",
    "env": "Print what leads AWS's tools and pulumi to it, for a shell.",
}


class Commands(click.Group):
    """The commands of tools/rehearsal, imported when they are run."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        return list(WHAT)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if find_spec("tools") is None or find_spec("tools.rehearsal") is None:
            sys.exit(
                "The rehearsal is in the folder tools/, which isn't here; the stacks themselves do without. "
                "Fix: git checkout HEAD -- tools (or take the folder from django-stack)"
            )
        found: click.Command | None = import_module(MODULE).command.get_command(ctx, cmd_name)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(WHAT.items()))


@click.command(cls=Commands)
def command() -> None:
    """The cloud stack on this machine, against an emulator of AWS, without an account.

    \b
    Example:
      django-stack rehearse up
    """
