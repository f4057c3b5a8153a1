"""The check of the scheduler's start: it works, or why it doesn't."""

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from tests.infra.local.steps.conftest import Run
from tests.infra.local.steps.engine import Container, Engine

ASKED: dict[str, Any] = {"container": "one-id", "folder": "/data/schedules", "timeout": 60, "secrets": ["TOP-SECRET"]}
HEALTHY = ["python", "-m", "django_stack.scheduler", "healthy", "/data/schedules"]


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A clock that goes on by a second each time somebody looks."""
    ticks = count()
    monkeypatch.setattr("time.monotonic", lambda: next(ticks))
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    return iter(())


def test_a_scheduler_that_works_ends_the_wait(run: Run) -> None:
    answers = iter([1, 1, 0])
    scheduler = Container("one", program=lambda command, environment: (next(answers), b""))
    assert run("scheduler", ASKED, Engine(scheduler)) == (0, "", "")
    assert [command for command, _ in scheduler.executed] == [HEALTHY] * 3


def test_an_image_without_what_schedules_need_fails_the_update_and_says_what(run: Run) -> None:
    scheduler = Container("one", ("Schedules need the package `cronsim`.", "key TOP-SECRET"))
    scheduler.status = "restarting"
    scheduler.attrs |= {"RestartCount": 3, "State": {"Restarting": True}}
    status, _, error = run("scheduler", ASKED, Engine(scheduler))
    assert status == 1
    assert error.startswith(
        "The scheduler keeps restarting. Its last lines:\n  | Schedules need the package `cronsim`."
    )
    assert "key [secret]" in error
    assert scheduler.executed == []


def test_a_scheduler_that_hangs_is_given_up(run: Run) -> None:
    scheduler = Container("one", program=lambda command, environment: (1, b""))
    status, _, error = run("scheduler", ASKED, Engine(scheduler))
    assert status == 1
    assert "is not ready after 60 seconds: it has written nothing into /data/schedules" in error
