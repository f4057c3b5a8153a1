"""The options that the commands about a stack's data share, and the rules about those of `copy` and `load`."""

import shlex
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import wraps
from typing import Any

import click

from infra.commands.operations import move

Function = Callable[..., Any]
Decorator = Callable[[Function], Function]

database_option = click.option(
    "--database", "only_database", is_flag=True, help="The database alone; without this and --media, both."
)
media_option = click.option("--media", "only_media", is_flag=True, help="The media alone.")


def into_production_option(target: str) -> Decorator:
    """`target` is what the help calls the stack."""
    return click.option(
        "--into-production", default="", metavar="NAME", help=f"The name of {target}, typed out, if it is protected."
    )


@dataclass(frozen=True)
class Chosen:
    """What the options of a command say that replaces a stack's data."""

    only_database: bool
    only_media: bool
    delete: bool
    names: bool
    schema_ahead: bool
    dry_run: bool
    scrub: str
    unscrubbed: bool
    into_production: str
    yes: bool

    @property
    def database(self) -> bool:
        return self.only_database or not self.only_media

    @property
    def media(self) -> bool:
        return self.only_media or not self.only_database

    def check(self) -> None:
        """Raises click.UsageError for options that mean nothing, or nothing together."""
        if (self.delete or self.names) and not self.media:
            raise click.UsageError("--delete and --names are about media, which --database leaves out")
        if self.scrub and not self.database:
            raise click.UsageError("--scrub is about the database, which --media leaves out")
        if self.scrub and not _words(self.scrub):
            raise click.UsageError(f"--scrub {self.scrub!r} is no command line; allowed: 'python manage.py COMMAND'")


def replacing(source: str, target: str) -> Decorator:
    """The options of a command that replaces a stack's data, which gets them as `chosen`, checked.

    `source` and `target` are what the help calls the two ends.
    """
    options = (
        database_option,
        media_option,
        click.option("--delete", is_flag=True, help=f"Remove from {target} what the media of {source} lack."),
        click.option("--names", is_flag=True, help="Name the objects that couldn't be copied; names may be personal."),
        move.schema_ahead_option,
        click.option("--dry-run", is_flag=True, help="Show the plan, and change nothing."),
        click.option(
            "--scrub", default="", metavar="COMMAND", help="Run it on the copy before anybody gets to see that."
        ),
        click.option("--unscrubbed", is_flag=True, help="Take the personal data of a protected stack as they are."),
        into_production_option(target),
        move.yes_option,
    )

    def decorate(function: Function) -> Function:
        @wraps(function)
        def command(**given: Any) -> Any:
            chosen = Chosen(**{field.name: given.pop(field.name) for field in fields(Chosen)})
            chosen.check()
            return function(**given, chosen=chosen)

        decorated: Function = command
        for option in reversed(options):
            decorated = option(decorated)
        return decorated

    return decorate


def ask(name: str, *, database: bool, media: bool, yes: bool) -> None:
    """Asks whether what the stack has may be replaced; ends the command unless it may."""
    what = " and ".join(["the database"] * database + ["the media"] * media)
    move.ask(f"Replace {what} of {name}?", yes=yes)


def _words(line: str) -> list[str]:
    """The words of a command line; none where a shell couldn't read it."""
    try:
        return shlex.split(line)
    except ValueError:
        return []
