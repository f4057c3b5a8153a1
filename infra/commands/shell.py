"""`django-stack shell`: a shell in a one-off container of the running version."""

import sys

import click

from infra.commands import stack
from infra.commands.operations import operations

# bash where the image has it.
SHELL = ("sh", "-c", "exec $(command -v bash || echo sh)")


@click.command(context_settings={"allow_interspersed_args": False})
@stack.option
@stack.limit_option
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[--] [COMMAND [ARGUMENTS]...]")
def command(name: str, limit: float, words: tuple[str, ...]) -> int:
    """Opens a shell, or another interactive COMMAND, in a one-off container of the running version.

    It has the app's environment; the container ends with the session. In the cloud that is a task of its own with a
    role of its own, where the shell is root's; the setting execute-command allows it, and it needs AWS's Session
    Manager plugin on this machine. For a command that asks nothing, `django-stack run` needs neither.

    \b
    Example:
      django-stack shell
      django-stack shell -s cloud -- python manage.py shell
    """
    if not sys.stdin.isatty():
        sys.exit("A shell needs a terminal. For a command without one: django-stack run -- COMMAND")
    return operations(name).shell(words or SHELL, limit)
