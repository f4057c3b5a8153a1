"""A command of the app on another database of the stack's server than the one that serves.

DATABASE_URL is rewritten where it is known already, in the container: nobody sees it on a command line, nor in what
Docker or AWS keep of a run.
"""

from collections.abc import Sequence

# The name is the last part of the URL's path: postgres://USER:PASSWORD@HOST:PORT/NAME?OPTIONS.
PROGRAM = """
import os, sys
from urllib.parse import quote, urlsplit
url = urlsplit(os.environ["DATABASE_URL"])
os.environ["DATABASE_URL"] = url._replace(path="/" + quote(sys.argv[1], safe="")).geturl()
os.execvp(sys.argv[2], sys.argv[2:])
"""

# A squashed migration stands for those that it replaces. Of apps that were removed long ago, every database has some.
MIGRATE = """
import sys
from django.apps import apps
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader
loader = MigrationLoader(connection)
known = set(loader.disk_migrations)
for one in loader.disk_migrations.values():
    known.update(map(tuple, one.replaces))
labels = {config.label for config in apps.get_app_configs()}
lacking = sorted(".".join(one) for one in set(loader.applied_migrations) - known if one[0] in labels)
if lacking:
    print("The schema is ahead: the copy has " + ", ".join(lacking) + ", which this version lacks.", file=sys.stderr)
if lacking and not AHEAD:
    sys.exit(3)
call_command("migrate", interactive=False)
"""


def in_database(command: Sequence[str], database: str) -> list[str]:
    """The words that run a command with DATABASE_URL naming that database."""
    return ["python", "-c", PROGRAM, database, *command]


def migrate(*, ahead: bool) -> list[str]:
    """The words that apply the version's migrations; unless `ahead`, they fail for migrations that it doesn't know."""
    return ["python", "manage.py", "shell", "--verbosity", "0", "-c", f"AHEAD = {ahead}\n{MIGRATE}"]
