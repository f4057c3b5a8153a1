"""The lock that a run of a schedule holds: an advisory lock of the stack's PostgreSQL, on a connection of its own."""

from __future__ import annotations

import os
import select
import threading
import time
from contextlib import suppress
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import Error, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from django_stack import advisory_lock
from django_stack.variables import InvalidEnvironmentError, read

PATIENCE = 30.0  # seconds in which a database that is away may come back
# The server gives up a client that vanished after two minutes: later than a run without its database has ended its
# command, which takes PATIENCE, the time-outs of the connection (DATABASE_URL) and the grace period of `once`.
SESSION = {
    "idle_session_timeout": "0",
    "tcp_keepalives_idle": "60",
    "tcp_keepalives_interval": "15",
    "tcp_keepalives_count": "4",
}
END_SESSION = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE pid = %s AND backend_start = %s"


class DatabaseError(Exception):
    """There is no database, or it doesn't answer; the message has no secret."""


class RunLock:
    """The lock of the runs of one name; at most one session of the database has it."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._number = advisory_lock.number(f"django_stack.once {name}")
        self._connection: BaseDatabaseWrapper | None = None
        self._session: tuple[Any, ...] = ()  # process id and start of the server's side of the connection

    def take(self) -> bool:
        """Whether the lock could be had. Raises `DatabaseError` when the database didn't answer for `PATIENCE`."""
        until = time.monotonic() + PATIENCE
        while True:
            try:
                return self._connect_and_take()
            except Error as error:
                self.release()
                if time.monotonic() > until:
                    raise DatabaseError(str(error).strip().splitlines()[0]) from None
            time.sleep(1)

    def is_held(self) -> bool:
        """Whether the lock is still held; takes it again on a new connection if the old one broke."""
        try:
            with self._open().cursor() as cursor:
                cursor.execute("SELECT 1")
        except Error:
            self.release()
            with suppress(DatabaseError):
                return self.take()
            return False
        return True

    def wait_for_break(self, seconds: float, ended: threading.Event) -> None:
        """Waits until the server ends the connection, the run ends, or the time is over."""
        until = time.monotonic() + seconds
        while not ended.wait(0.2) and time.monotonic() < until:
            try:
                if select.select([self.fileno()], [], [], 0)[0]:  # it has nothing to say but goodbye
                    return
            except Exception:  # of whichever driver: `is_held` finds out
                return

    def fileno(self) -> int:
        """The socket of the connection."""
        return int(self._open().connection.fileno())

    def release(self) -> None:
        """Ends the connection, and with it the lock."""
        if self._connection:
            with suppress(Error):
                self._connection.close()
        self._connection = None

    def _open(self) -> BaseDatabaseWrapper:
        if not self._connection:
            raise Error("There is no connection.")
        return self._connection

    def _connect_and_take(self) -> bool:
        connection = self._connection = _new_connection()
        with connection.cursor() as cursor:
            for name, value in {**SESSION, "application_name": f"once {self._name}"}.items():
                cursor.execute("SELECT set_config(%s, %s, false)", [name, value])
            if self._session:  # the server may not know yet that this connection is broken, and keep the lock for it
                cursor.execute(END_SESSION, self._session)
            cursor.execute("SELECT pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()")
            session = cursor.fetchone()
            taken = advisory_lock.try_to_take(cursor, self._number)
        if taken:
            self._session = session
        else:
            self.release()
        return taken


def _new_connection() -> BaseDatabaseWrapper:
    """A connection to the stack's database, as Django makes it, without the project's settings."""
    if not settings.configured:
        settings.configure(DATABASES={"default": _database()}, USE_TZ=True)
        apps.populate(())
    connection = connections.create_connection("default")
    connection.inc_thread_sharing()  # a thread of its own looks after it
    return connection


def _database() -> dict[str, Any]:
    try:
        found = read(os.environ).database
    except InvalidEnvironmentError as error:
        raise DatabaseError("; ".join(error.problems)) from None
    if not found:
        raise DatabaseError("DATABASE_URL is not set.")
    if "postg" not in found["ENGINE"] and "timescale" not in found["ENGINE"]:
        raise DatabaseError("DATABASE_URL is not PostgreSQL's, which has the lock.")
    options = {name: value for name, value in found.get("OPTIONS", {}).items() if name != "pool"}
    return {**found, "ENGINE": "django.db.backends.postgresql", "OPTIONS": options, "CONN_MAX_AGE": None}
