"""`django-stack psql`: PostgreSQL's own prompt on the stack's database."""

import click

from infra.commands import stack
from infra.commands.operations import operations


@click.command(context_settings={"allow_interspersed_args": False, "ignore_unknown_options": True})
@stack.option
@stack.limit_option
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[--] [ARGUMENTS]...")
def command(name: str, limit: float, arguments: tuple[str, ...]) -> int:
    """Opens psql on the stack's database, as the app's user, with psql's own ARGUMENTS. Input can be piped to it.

    On the local platform it runs in the database's container. In the cloud this machine's psql runs, through a tunnel
    that needs the setting execute-command and AWS's Session Manager plugin (see `django-stack tunnel`). The exit status
    is psql's own.

    \b
    Example:
      django-stack psql
      django-stack psql -s cloud -c "select count(*) from auth_user"
    """
    return operations(name).psql(arguments, limit)
