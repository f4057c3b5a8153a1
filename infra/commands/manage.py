"""`django-stack manage`: runs a Django management command of the running version."""

import os
import sys
from collections.abc import Mapping

import click

from infra.commands import stack
from infra.commands.operations import operations

PREFIX = "DJANGO_SUPERUSER_"


@click.command(context_settings={"allow_interspersed_args": False})
@stack.option
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[--] COMMAND [ARGUMENTS]...")
def command(name: str, arguments: tuple[str, ...]) -> int:
    """Runs a Django management command of the running version. The exit status is the command's own.

    On the local platform it runs in the web container. While the source is mounted that runs as your user, so the files
    that makemigrations writes belong to you. In the cloud it is a one-off task, which has no terminal: createsuperuser
    asks here. `createsuperuser --noinput` takes DJANGO_SUPERUSER_PASSWORD and the like from your environment, as Django
    documents; in the cloud, whoever may describe tasks can read them for an hour, so change the password after that.

    \b
    Example:
      django-stack manage createsuperuser
      django-stack manage -s cloud migrate --plan
    """
    if not arguments:
        sys.exit("Which management command? For example: make manage ARGS=createsuperuser")
    found = operations(name)
    environment = {variable: value for variable, value in os.environ.items() if variable.startswith(PREFIX)}
    if not found.has_terminal and arguments[0] == "createsuperuser" and "--noinput" not in arguments:
        environment |= _ask(environment)
        arguments = (*arguments, "--noinput")
    return found.manage(arguments, environment)


def _ask(known: Mapping[str, str]) -> dict[str, str]:
    """What createsuperuser asks for in a terminal, asked here."""
    if not sys.stdin.isatty():
        if missing := {f"{PREFIX}USERNAME", f"{PREFIX}PASSWORD"} - set(known):
            sys.exit(f"createsuperuser needs a terminal here, or {', '.join(sorted(missing))} in the environment.")
        return {}
    answers = {}
    for variable, question, hidden in (
        ("USERNAME", "Username", False),
        ("EMAIL", "Email address", False),
        ("PASSWORD", "Password", True),
    ):
        if f"{PREFIX}{variable}" not in known:
            answers[f"{PREFIX}{variable}"] = click.prompt(
                question, hide_input=hidden, confirmation_prompt=hidden, default="" if variable == "EMAIL" else None
            )
    return answers
