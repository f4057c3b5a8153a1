"""Django's `migrate` with an advisory lock, so that two releases never migrate one database at once.

The second one waits, then finds nothing to do. `lock_timeout` is set only once the lock is held, or it would cancel the
wait for it. It keeps a migration from queueing behind a long transaction, with the whole site queueing behind it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.base import CommandParser
from django.core.management.commands import migrate
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from django_stack import advisory_lock

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
            super().handle(*args, **options)

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
