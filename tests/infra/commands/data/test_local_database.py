"""What the programs in a local stack's container are told."""

from types import SimpleNamespace
from typing import Any

import pytest

from infra.commands.data import local_database
from infra.commands.data.in_task import unlimited
from infra.commands.data.local_database import LAZY, StackDatabase


@pytest.mark.parametrize(("major", "version"), [("17", 17), ("14", 14), ("", 0)])
def test_no_limit_of_time_ends_a_session_in_the_container(
    major: str, version: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = {"POSTGRES_USER": "app", "PG_MAJOR": major}
    container: Any = SimpleNamespace(id="0a")
    monkeypatch.setattr(local_database, "_running", lambda engine, name: container)
    monkeypatch.setattr(local_database.stack, "engine", lambda: None)
    monkeypatch.setattr(local_database.stack, "web", lambda engine, name: None)
    monkeypatch.setattr(local_database.stack, "environment", lambda found: environment)
    database = StackDatabase("a", {})
    assert f"--env=PGOPTIONS={unlimited(version)}" in database._line(["psql"])
    assert f"--env=PGOPTIONS={unlimited(version)} {LAZY['PGOPTIONS']}" in database._line(["pg_restore"], LAZY)
