"""`django-stack tunnel`: the stack's database at a port of this machine."""

import click

from infra.commands import stack
from infra.commands.operations import operations


@click.command
@stack.option
@stack.limit_option
@click.option(
    "--port", type=click.IntRange(1024, 65535), default=15432, show_default=True, help="The port on 127.0.0.1."
)
def command(name: str, limit: float, port: int) -> int:
    """Leads the stack's database to a port of this machine, for any program, until Ctrl-C.

    In the cloud it goes through a task of its own and AWS's Systems Manager, so that no port of the stack is opened.
    The setting execute-command allows it, and it needs AWS's Session Manager plugin on this machine. On the local
    platform, where the database is on this machine already, it says where.

    \b
    Example:
      django-stack tunnel -s cloud --port 15432
    """
    return operations(name).tunnel(port, limit)
