"""What a session is told while it waits for a lock; tests/image/test_migrations.py waits for a real one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django_stack import advisory_lock

FORMER = {"statement_timeout": "30000", "lock_timeout": "2000", "transaction_timeout": "0"}


class Session:
    """A cursor of a session with the project's own time-outs; `waited` has those that applied to the wait."""

    def __init__(self) -> None:
        self.settings = dict(FORMER)
        self.waited: dict[str, str] = {}
        self._answer: list[tuple[Any, ...]] = []

    def execute(self, query: str, values: Sequence[Any]) -> None:
        if "FROM pg_settings" in query:
            self._answer = [(name, self.settings[name], "0") for name in values[0]]
            self.settings |= dict.fromkeys(values[0], "0")
        elif "pg_advisory_lock" in query:
            self.waited = dict(self.settings)
        else:
            assert query == "SELECT set_config(%s, %s, false)"
            self.settings[values[0]] = values[1]

    def fetchall(self) -> list[tuple[Any, ...]]:
        return self._answer


def test_no_time_out_applies_to_the_wait_and_each_one_to_what_follows() -> None:
    session = Session()
    advisory_lock.take(session, 1)
    assert session.waited == dict.fromkeys(FORMER, "0")
    assert session.settings == FORMER
