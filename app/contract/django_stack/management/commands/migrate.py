"""Django's `migrate` with an advisory lock, so that two releases never migrate one database at once; and, in a release,
with a look at what the migrations take away.

The second one waits, without any time-out, then finds nothing to do. `lock_timeout` is set only once the lock is held,
or it would cancel the wait for it. It keeps a migration from queueing behind a long transaction, with the whole site
queueing behind it.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.core.management.commands import migrate
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.executor import MigrationExecutor

from django_stack import advisory_lock, destructive

# A release sets the first one where data is kept; the second one has the migrations (`app.name`) that somebody allows.
REFUSES, ALLOWED = "REFUSE_DESTRUCTIVE_MIGRATIONS", "DESTRUCTIVE_MIGRATIONS"
LOCK = 0x6D696772617465  # "migrate"; advisory locks are per database, so one number is enough


class Command(migrate.Command):
    """`migrate`, which runs only once at a time on PostgreSQL."""

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--lock-timeout",
            default="10s",
            help="How long a migration waits for the lock of a table, such as 10s; 0 waits for ever.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        connection = connections[options["database"]]
        with self.advisory_lock(connection, options["lock_timeout"]):
            if os.environ.get(REFUSES) and not options["app_label"] and not (options["plan"] or options["fake"]):
                self.refuse_destructive(connection)
            super().handle(*args, **options)

    def refuse_destructive(self, connection: BaseDatabaseWrapper) -> None:
        """Raises CommandError, which names them, for migrations that take something away and that nobody allows."""
        executor = MigrationExecutor(connection)
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
        state = executor.loader.project_state(last_applied(executor) if plan else [])
        found = destructive.find(plan, state, {label for label, _ in executor.loader.applied_migrations})
        allowed = set(os.environ.get(ALLOWED, "").replace(",", " ").split())
        refused = [one for one in found if one.refused and one.migration not in allowed]
        for one in found:
            if one not in refused:
                self.stdout.write(f"{one}.")
        if refused:
            names = ",".join(dict.fromkeys(one.migration for one in refused))
            lines = "".join(f"\n  - {one}" for one in refused)
            # Without -s, pulumi uses the stack that was selected last.
            stack = f" -s {shlex.quote(os.environ['STAGE'])}" if os.environ.get("STAGE") else ""
            raise CommandError(
                f"Nothing was migrated, since this takes something away from the version that runs, and from data that "
                f"the stack keeps:{lines}\nIf that is meant, for these migrations alone: "
                f"{ALLOWED}={names} pulumi up{stack}"
            )

    @contextmanager
    def advisory_lock(self, connection: BaseDatabaseWrapper, lock_timeout: str) -> Iterator[None]:
        """Holds an advisory lock; PostgreSQL releases it when the connection ends, for whatever reason."""
        if connection.vendor != "postgresql":
            yield
            return
        with connection.cursor() as cursor:
            if not advisory_lock.try_to_take(cursor, LOCK):
                self.stdout.write("Another migration is running; waiting for it to end.")
                advisory_lock.take(cursor, LOCK)
            cursor.execute("SELECT set_config('lock_timeout', %s, false)", [lock_timeout])
        try:
            yield
        finally:
            connection.close()


def last_applied(executor: MigrationExecutor) -> list[tuple[str, str]]:
    """The applied migrations that no other applied one depends on.

    Django walks from each one that it is given back to the first; given all of 5,000, that takes ten minutes.
    """
    nodes = executor.loader.graph.node_map
    applied = {one for one in executor.loader.applied_migrations if one in nodes}
    return [one for one in applied if not any(child.key in applied for child in nodes[one].children)]
