"""Schedules on Docker: in time, and what `django-stack` says of them. tests/faults has a deploy during a run."""

import json
import re
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import MakeStack
from tests.e2e.stacks import SERVING, Stack
from tests.waiting import wait_until

pytestmark = [pytest.mark.docker, pytest.mark.pulumi]

# Says when it began; as an argument, how long it takes.
COMMAND = Path(__file__).with_name("schedule_command.py").read_text()
EVERY_MINUTE = {"cron": "* * * * *", "timezone": "Europe/Zurich", "timeout": 50}
SCHEDULES: dict[str, Any] = {
    "quick": {"command": "python manage.py say 0", **EVERY_MINUTE},
    "broken": {"command": "python manage.py nonsense", "cron": "0 3 * * *", "enabled": False},
}


@pytest.fixture(scope="module")
def stack(make_stack: MakeStack) -> Stack:
    made = make_stack("schedules", {**SERVING, "schedules": SCHEDULES})
    (made.app / "gallery" / "management" / "commands" / "say.py").write_text(COMMAND)
    made.up()
    return made


def logged(stack: Stack, name: str, what: str) -> list[datetime]:
    """When the scheduler printed a line of a schedule, by Docker's clock."""
    lines = stack.container("scheduler").logs(timestamps=True).decode().splitlines()
    found = [line for line in lines if re.search(rf"Z \[{name}\] {what}", line)]
    return [datetime.fromisoformat(line[:19] + "+00:00") for line in found]


def command(stack: Stack, *words: str, check: bool = True) -> Any:
    verb, *arguments = words
    return stack.run("django-stack", "schedule", verb, "-s", stack.name, *arguments, check=check)


def listed(stack: Stack) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(command(stack, "list", "--json", check=False).stdout)
    return found


def begun(stack: Stack) -> list[datetime]:
    """When the command itself began, and that it found the site's database."""
    return logged(stack, "quick", "begins in the database app")


def test_a_run_begins_within_seconds_of_its_time_with_the_sites_environment(stack: Stack) -> None:
    (first,) = wait_until(lambda: begun(stack)[:1], "a run", 90)
    wait_until(lambda: logged(stack, "quick", "succeeded"), "its end")
    last = listed(stack)["quick"]["last"]
    assert datetime.fromisoformat(last["started"]).second <= 5, "the minute is whole when its seconds are 0"
    assert first.second <= 20, "the command loads the project first"
    assert (last["how"], last["status"]) == ("ok", 0)
    assert last["lines"][0].startswith("begins in the database app")


def test_status_and_list_say_how_the_last_runs_ended(stack: Stack) -> None:
    assert command(stack, "run", "broken", check=False).returncode == 1
    done = command(stack, "list", check=False)
    assert done.returncode == 1
    assert re.search(r"^broken +0 3 \* \* \* UTC +not enabled +failed \(exit status 1\)", done.stdout, re.MULTILINE)
    assert "  | Unknown command: 'nonsense'" in done.stdout
    assert re.search(r"^quick +\* \* \* \* \* Europe/Zurich +in ", done.stdout, re.MULTILINE)
    status = stack.run("django-stack", "status", "-s", stack.name, check=False)
    assert re.search(r"^schedules +broken failed \(exit status 1\)", status.stdout, re.MULTILINE)
    assert re.search(r"^scheduler +1 of 1 run", status.stdout, re.MULTILINE)
    stack.up("--expect-no-changes")


def test_a_schedule_that_is_taken_away_leaves_nothing(stack: Stack) -> None:
    stack.configure(schedules={"quick": {"command": "python manage.py say 0", **EVERY_MINUTE}})
    stack.up()
    time.sleep(1)
    assert list(listed(stack)) == ["quick"]
    stack.configure(schedules=None)
    stack.up()
    assert stack.container("scheduler") is None
    assert f"{stack.prefix}-schedules" not in {volume.name for volume in stack.volumes()}
    assert "has no schedules" in command(stack, "list").stdout
    stack.up("--expect-no-changes")
