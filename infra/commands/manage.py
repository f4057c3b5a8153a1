"""`django-stack manage`: a Django management command in the stack's web container."""

import os
import sys

import click

from infra.commands import stack

WRITES_SOURCE = {"makemigrations", "makemessages", "compilemessages", "squashmigrations", "startapp"}


@click.command(context_settings={"allow_interspersed_args": False})
@stack.option
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[--] COMMAND [ARGUMENTS]...")
def command(name: str, arguments: tuple[str, ...]) -> None:
    """Runs a Django management command in the stack's web container. The exit status is the command's own.

    Over mounted source the container runs as this machine's user, so the files that makemigrations writes belong to
    you. `createsuperuser --noinput` finds DJANGO_SUPERUSER_PASSWORD and its like in your environment, as Django
    documents.

    \b
    Example:
      django-stack manage createsuperuser
      django-stack manage -s pr-12 migrate --plan
    """
    if not arguments:
        sys.exit("Which command? For example: make manage ARGS=createsuperuser")
    web = stack.web(stack.engine(), name)
    if arguments[0] in WRITES_SOURCE and not stack.has_source_mounted(web):
        sys.exit(
            f"{arguments[0]} writes source files, and the source isn't mounted into the container. "
            f"Fix: pulumi config set -s {name} mount-source true, then pulumi up -s {name}"
        )
    options = ["--interactive", *(["--tty"] if sys.stdin.isatty() and sys.stdout.isatty() else [])]
    # By name alone: docker takes the values, a password among them, from our environment.
    options += [f"--env={variable}" for variable in os.environ if variable.startswith("DJANGO_SUPERUSER_")]
    # It hands on the terminal and the exit status.
    os.execvp("docker", ["docker", "exec", *options, web.id or "", "python", "manage.py", *arguments])
