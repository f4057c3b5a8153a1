"""PostgreSQL's advisory locks, of a session: the server releases them when the connection ends, for whatever reason.

https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

# What would end the wait for a lock; the last one since PostgreSQL 17.
ENDING = ["statement_timeout", "lock_timeout", "transaction_timeout"]


def number(name: str) -> int:
    """The number of a lock by its name, in 64 bits with sign. Locks are per database, so a name needs no prefix."""
    return int.from_bytes(sha256(name.encode()).digest()[:8], "big", signed=True)


def try_to_take(cursor: Any, lock: int) -> bool:
    """Whether the session of the cursor has the lock now; doesn't wait for another that has it."""
    cursor.execute("SELECT pg_try_advisory_lock(%s)", [lock])
    return bool(cursor.fetchone()[0])


def take(cursor: Any, lock: int) -> None:
    """Waits for the lock, as long as it takes; time-outs of the project's own or of its role apply again afterwards."""
    cursor.execute("SELECT name, setting, set_config(name, '0', false) FROM pg_settings WHERE name = ANY(%s)", [ENDING])
    former = cursor.fetchall()
    cursor.execute("SELECT pg_advisory_lock(%s)", [lock])
    for name, setting, _ in former:
        cursor.execute("SELECT set_config(%s, %s, false)", [name, setting])
