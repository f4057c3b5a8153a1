"""`django-stack manage`: runs a Django management command in the stack's web container."""

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

    While the source is mounted the container runs as your user, so the files that makemigrations writes belong to
    you. `createsuperuser --noinput` takes DJANGO_SUPERUSER_PASSWORD and the like from your environment, as Django
    documents.

    \b
    Example:
      django-stack manage createsuperuser
      django-stack manage -s pr-12 migrate --plan
    """
    if not arguments:
        sys.exit("Which management command? For example: make manage ARGS=createsuperuser")
    web = stack.web(stack.engine(), name)
    if arguments[0] in WRITES_SOURCE and not stack.has_source_mounted(web):
        sys.exit(
            f"{arguments[0]} writes source files, and the source isn't mounted into the container. "
            f"Fix: pulumi config set -s {name} mount-source true, then pulumi up -s {name}"
        )
    options = ["--interactive", *(["--tty"] if sys.stdin.isatty() and sys.stdout.isatty() else [])]
    # Only the names: docker takes the values, which include a password, from our environment.
    options += [f"--env={variable}" for variable in os.environ if variable.startswith("DJANGO_SUPERUSER_")]
    # exec, so that docker has the terminal, and its exit status is ours.
    os.execvp("docker", ["docker", "exec", *options, web.id or "", "python", "manage.py", *arguments])
