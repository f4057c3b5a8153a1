"""Whether a backup can be used: it is restored into a database of its own, migrated, counted, and removed again."""

import json
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime

from infra.commands.data import database_copy, names, plan
from infra.commands.data.archive_reader import ArchiveReader, DatabaseArchive
from infra.commands.data.database_copy import say
from infra.commands.data.ends import DatabaseEnd, DataError, ServerError, database_of, stamp
from infra.commands.data.inside import in_database
from infra.commands.operations import operations

MARK = "django-stack backup: "
# Runs in the app's container with DATABASE_URL of the restored database.
COUNT = f"""
import json
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
executor = MigrationExecutor(connection)
pending = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
migrations = len(executor.loader.applied_migrations)
if pending:
    call_command("migrate", interactive=False, verbosity=0)
with connection.cursor() as cursor:
    tables, rows = connection.introspection.table_names(cursor), 0
    for table in tables:
        cursor.execute("SELECT count(*) FROM " + connection.ops.quote_name(table))
        rows += cursor.fetchone()[0]
print("{MARK}" + json.dumps(dict(migrations=migrations, pending=pending, tables=len(tables), rows=rows)))
"""  # noqa: S608  # by quote_name


@dataclass(frozen=True)
class Checked:
    """A good backup: what it is, when it was made, and what was in it.

    `migrations` are those that it had, `pending` those of the running version, which were applied to it.
    """

    backup: str
    made: datetime
    migrations: int
    pending: int
    tables: int
    rows: int


def words() -> list[str]:
    """The command that migrates and counts."""
    return ["python", "manage.py", "shell", "--verbosity", "0", "-c", COUNT]


def of_archive(name: str, reader: ArchiveReader, what: str) -> Checked:
    """Checks the database of an archive on the stack's own server. Raises DataError, ServerError where that can't."""
    part = reader.manifest.database
    if not part:
        raise DataError(f"{what} has no database. Its checksums are right, so its media are whole")
    with ExitStack() as held:
        try:
            end = database_of(name)
            held.enter_context(end.lock())
            facts = end.facts()
            database_copy.remove_unfinished(end, facts)
        except DataError as error:
            raise ServerError(str(error)) from None  # nothing was asked of the backup yet
        if faults := plan.faults(reader.manifest.stack, part.facts, end.name, facts):
            raise ServerError("\n".join(faults))
        new = names.beside(facts.name, names.NEW, stamp(), [*facts.old, *facts.unfinished])
        try:
            say(f"Restoring it into {new} ...")
            database_copy.compare(part.rows, end.restore(DatabaseArchive(reader, part), new))
            made = datetime.fromisoformat(reader.manifest.made)
            return counted(end.name, in_database(words(), new), what, made)
        except DataError as error:
            raise ServerError(str(error)) if _is_gone(end) else error from None
        finally:
            database_copy.remove(end, new)


def _is_gone(end: DatabaseEnd) -> bool:
    """Whether the server doesn't answer any more, after which an error says nothing of the backup."""
    try:
        end.facts()
    except (DataError, SystemExit):
        return True
    return False


def counted(name: str, line: Sequence[str], what: str, made: datetime) -> Checked:
    """Migrates and counts, by a command line that does so in the restored database. Raises DataError."""
    say("Applying the migrations of the running version, and counting ...")
    status, output = operations(name).output(line)
    for text in output.splitlines():
        if not status and text.startswith(MARK):
            found = Checked(what, made, **json.loads(text.removeprefix(MARK)))
            if not found.migrations:
                raise DataError(f"{what} has no migrations of Django: it is empty, or of another application")
            return found
    lines = output.strip().splitlines()
    raise DataError(f"The version that runs can't use {what}: {lines[-1] if lines else f'exit status {status}'}")
