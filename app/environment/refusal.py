"""Refuses to run half-configured: a server or a command that would guess a database or a key ends with a list instead.

Without DATABASE_URL and SECRET_KEY an image is built and tests run, on a database in memory and a key of the moment.
Nothing else may run so, or a site would start empty, or log everybody out at each restart. Four doors are watched:

- a management command that is not one of BUILD_COMMANDS (`AppConfig.ready`),
- a task worker, known by its program's name (`AppConfig.ready`),
- any server, whatever its name: they all build the chain of middleware (`Guard`),
- any other program, at its first use of the stand-in database (`connection_created`).
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NoReturn

from django.conf import settings
from django.core import mail
from django.core.exceptions import MiddlewareNotUsed

# Commands that only read code or write files. `shell` is not among them: it would show a database that is not there.
BUILD_COMMANDS = {
    "check", "collectstatic", "compilemessages", "diffsettings", "findstatic", "help", "makemessages", "makemigrations",
    "startapp", "startproject", "test", "version", "--help", "-h", "--version",
}  # fmt: skip
MANAGE_PROGRAMS = {"manage.py", "django-admin", "django-admin.py", "__main__.py"}
WORKERS = {"celery", "dramatiq", "huey_consumer", "huey_consumer.py", "rq", "rqworker", "procrastinate", "arq"}


def leave(headline: str, lines: Iterable[str]) -> NoReturn:
    """Ends the process with one line for each reason on stderr, without a traceback.

    Status 3 is what a gunicorn worker ends with when it cannot boot; at any other its master would start it again and
    again.
    """
    print("\n".join([headline, *(f"  - {line}" for line in lines)]), file=sys.stderr, flush=True)
    raise SystemExit(3)


def under_test() -> bool:
    """True between Django's `setup_test_environment` and its counterpart, whichever test runner called it."""
    return hasattr(mail, "outbox")


def refuse_command(argv: list[str]) -> None:
    """Ends the process if it is a management command or a worker that needs what is missing."""
    if not settings.ENVIRONMENT_MISSING:
        return
    program = Path(argv[0]).name
    command = argv[1] if len(argv) > 1 else "help"
    if program in WORKERS:
        leave(f"{program} needs a complete environment:", settings.ENVIRONMENT_MISSING)
    if is_django(argv[0]) and command not in BUILD_COMMANDS | set(settings.ENVIRONMENT_BUILD_COMMANDS):
        missing = settings.ENVIRONMENT_MISSING_FOR_SERVERS if command == "runserver" else settings.ENVIRONMENT_MISSING
        leave(f"`{command}` needs a complete environment:", missing)


def is_django(program: str) -> bool:
    """True for manage.py, django-admin and `python -m django`."""
    path = Path(program)
    return path.name in MANAGE_PROGRAMS and (path.name != "__main__.py" or path.parent.name == "django")


def refuse_stand_in(connection: Any, **_: Any) -> None:
    """Receiver of `connection_created`: nobody but build commands and tests may use the stand-in database."""
    if connection.settings_dict.get("NAME") != ":memory:" or under_test():
        return
    if not (is_django(sys.argv[0]) and sys.argv[1:2] and sys.argv[1] in BUILD_COMMANDS):
        leave("A database is needed here:", settings.ENVIRONMENT_MISSING)


class Guard:
    """A middleware that is only ever built, never called: building it is how every server begins."""

    def __init__(self, _: Any) -> None:
        if settings.ENVIRONMENT_MISSING_FOR_SERVERS and not under_test():
            leave("The server needs a complete environment:", settings.ENVIRONMENT_MISSING_FOR_SERVERS)
        if not settings.DEBUG and not under_test() and not (Path(settings.STATIC_ROOT) / "staticfiles.json").exists():
            leave(
                "The server needs its static files:",
                [f"{settings.STATIC_ROOT} holds none; the image's build collects them with `manage.py collectstatic`."],
            )
        raise MiddlewareNotUsed
