"""A deploy while a run of a schedule goes on: it ends by itself, once."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.e2e.stacks import Stack
from tests.e2e.test_schedules import EVERY_MINUTE, SCHEDULES, begun, command, listed, stack
from tests.waiting import wait_until

__all__ = ["stack"]

pytestmark = [pytest.mark.docker, pytest.mark.pulumi, pytest.mark.faults]


def test_a_run_that_goes_on_is_neither_doubled_nor_ended_by_a_deploy(stack: Stack) -> None:
    slow = {**SCHEDULES, "quick": {"command": "python manage.py say 25", **EVERY_MINUTE}}
    stack.configure(schedules=slow)
    stack.up()
    number = len(begun(stack))
    wait_until(lambda: len(begun(stack)) > number, "a run that takes long", 90)
    assert command(stack, "run", "quick", check=False).returncode == 75
    assert listed(stack)["quick"]["last"]["how"] == "running"
    old = stack.container("scheduler")
    stack.configure(env={"GREETING": "hello"})
    before = datetime.now(UTC)
    with stack.running(*stack.up_command) as update:
        assert update.wait(240) == 0, update.output
    assert datetime.now(UTC) - before > timedelta(seconds=10), "it waited for the run"
    assert stack.container("scheduler").id != old.id
    last = listed(stack)["quick"]["last"]
    assert last["how"] in {"ok", "running"}
    if last["how"] == "ok":
        assert last["seconds"] >= 25
    assert last["skipped"] is None or last["how"] == "running"
