"""`django-stack run`: runs a command in a one-off container of the running version."""

import os

import click

from infra.commands import stack
from infra.commands.operations import operations


@click.command(context_settings={"allow_interspersed_args": False})
@stack.option
@click.option(
    "--env", "variables", multiple=True, metavar="NAME[=VALUE]", help="One more variable; from here without a value."
)
@click.option("--timeout", type=click.FloatRange(min=1), metavar="SECONDS", help="End the command after this time.")
@click.option("--detach", is_flag=True, help="Don't wait for the end; says how to see the output.")
@click.option("--attach", "run", metavar="RUN", help="Show the output of a detached run, and wait for its end.")
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[--] COMMAND [ARGUMENTS]...")
def command(
    name: str, variables: tuple[str, ...], timeout: float | None, detach: bool, run: str | None, words: tuple[str, ...]
) -> int:
    """Runs a command in a one-off container of the running version, with its environment.

    The exit status is the command's own, 124 after --timeout, 130 after Ctrl-C, which ends the command. On the local
    platform the command has your terminal and input; in the cloud, where a task has neither, its output alone.

    \b
    Example:
      django-stack run -s cloud -- python manage.py showmigrations
      django-stack run -s cloud --detach -- python manage.py import_catalogue
    """
    if run:
        if words or detach or variables or timeout:
            raise click.UsageError("--attach takes a run's name and nothing else")
        return operations(name).attach(run)
    if not words:
        raise click.UsageError("Which command? For example: django-stack run -- python manage.py check --deploy")
    environment = dict(map(_variable, variables))
    return operations(name).run(words, environment, timeout=timeout, detach=detach)


def _variable(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or (not equals and name not in os.environ):
        raise click.UsageError(
            f"--env {name or text}: allowed is NAME=VALUE, or the NAME of a variable that is set here"
        )
    return name, value if equals else os.environ[name]
