"""Stops programs that are not fully configured, with a list of what is missing, before they guess a database or a key.

Without DATABASE_URL and SECRET_KEY, only the build of an image and tests may run, with a database in memory and a
random key. Anything else would serve an empty site, or log everybody out at each restart. Three checks make sure of
that:

- when a program reads the settings and is neither a command of BUILD_COMMANDS nor a test runner (`refuse_program`);
- when a server starts, whatever its name, since all build the middleware (`guard.Guard`; for runserver
  `AppConfig.ready`);
- when a program uses the database in memory (`connection_created`).

A tool that reads code and serves nobody (a type checker, Sphinx, an editor) passes the first check with
DJANGO_BUILD=True; the other two still apply.
"""

from __future__ import annotations

import os
import re
import sys
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from django.apps import apps
from django.conf import settings
from django.core import mail
from django.core.files.storage import storages

from django_stack.variables import Environment, in_memory

# Commands that only read code or write files. `shell` is not among them, since it would show an empty database.
BUILD_COMMANDS = {
    "check", "collectstatic", "compilemessages", "diffsettings", "findstatic", "help", "makemessages", "makemigrations",
    "optimizemigration", "squashmigrations", "startapp", "startproject", "test", "version", "--help", "-h", "--version",
}  # fmt: skip
WORKERS = {"celery", "dramatiq", "huey_consumer", "huey_consumer.py", "rq", "rqworker", "procrastinate", "arq"}


def exit_with_problems(headline: str, lines: Iterable[str]) -> NoReturn:
    """Ends the process with one line for each problem on stderr, without a traceback.

    A gunicorn worker that cannot boot ends with status 3; with any other status its master would restart it for ever.
    Outside of the main thread SystemExit would end only the thread. That is so in runserver's reloader, which also
    takes status 3 for a request to restart, so there the process ends with 1.
    """
    print("\n".join([headline, *(f"  - {line}" for line in lines)]), file=sys.stderr, flush=True)
    if threading.current_thread() is not threading.main_thread():
        os._exit(1)
    raise SystemExit(3)


def under_test() -> bool:
    """True between Django's `setup_test_environment` and its counterpart, whichever test runner called it."""
    return hasattr(mail, "outbox")


def program_of(argv: Sequence[str]) -> str:
    """The program that runs: "celery" for /venv/bin/celery and for `python -m celery`."""
    path = Path(argv[0] if argv else "")
    return path.parent.name if path.name == "__main__.py" else path.name


def command_of(argv: Sequence[str]) -> str | None:
    """The management command of manage.py, django-admin or `python -m django`; None in any other program."""
    if program_of(argv) not in {"manage.py", "django-admin", "django"}:
        return None
    return argv[1] if len(argv) > 1 else "help"


def is_server(command: str | None) -> bool:
    """True for runserver and similar commands; other servers are not management commands."""
    return bool(re.fullmatch(r"run\w*server\w*|testserver", command or ""))


def builds_or_tests(argv: Sequence[str], build_commands: Iterable[str]) -> bool:
    """True for commands that need no environment, and for pytest."""
    command = command_of(argv)
    return command in {*BUILD_COMMANDS, *build_commands} if command else "pytest" in sys.modules


def refuse_program(argv: Sequence[str], environment: Environment, build_commands: Iterable[str] = ()) -> None:
    """Ends the process if it needs a variable that is missing."""
    if not environment.missing or environment.build or builds_or_tests(argv, build_commands):
        return
    command, program = command_of(argv), program_of(argv)
    name, hint, missing = f"`{command}`", "", environment.missing
    if is_server(command):
        missing = environment.missing_for_servers
    elif program in WORKERS:
        name = program
    elif not command:  # it may be a server
        name, missing = program or "This program", environment.missing_for_servers
        hint = " (DJANGO_BUILD=True for a tool that only reads code)"
    exit_with_problems(f"{name} needs a complete environment{hint}:", missing)


def refuse_stand_in(connection: Any, **_: Any) -> None:
    """Receiver of `connection_created`: only build commands and tests may use a database in memory."""
    if not in_memory(connection.settings_dict) or under_test():
        return
    if not builds_or_tests(sys.argv, settings.DJANGO_STACK_BUILD_COMMANDS):
        exit_with_problems("A database is needed here:", settings.DJANGO_STACK_MISSING)


def static_files_are_missing() -> bool:
    """True if the project uses static files and the storage's manifest, or their folder, does not exist."""
    if not apps.is_installed("django.contrib.staticfiles"):
        return False
    manifest = getattr(storages["staticfiles"], "manifest_name", "")
    return not (Path(settings.STATIC_ROOT) / manifest).exists()


def refuse_server() -> None:
    """Ends a server that would answer every request with an error."""
    lines = list(settings.DJANGO_STACK_MISSING_FOR_SERVERS)
    if not settings.DEBUG and static_files_are_missing():
        lines.append(
            f"There are no static files in {settings.STATIC_ROOT}; "
            "the image's build collects them with `manage.py collectstatic`."
        )
    if lines:
        exit_with_problems("The server needs a complete environment:", lines)
