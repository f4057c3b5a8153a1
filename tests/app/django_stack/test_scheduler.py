"""The scheduler under a clock that the tests set: what it starts, and when."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django_stack import cron, scheduler
from django_stack.scheduler import Schedule, Scheduler

NOON = datetime(2027, 6, 1, 12, 0, tzinfo=UTC)


@dataclass
class Process:
    """A run that goes on until it is told to end."""

    status: int | None = None

    def poll(self) -> int | None:
        return self.status


@dataclass
class Machine:
    """A clock, and what was started at which time."""

    folder: Path
    now: datetime = NOON
    started: list[tuple[str, datetime]] = field(default_factory=list)
    processes: list[Process] = field(default_factory=list)
    lines: list[list[str]] = field(default_factory=list)

    def start(self, line: Sequence[str]) -> Process:
        self.lines.append([*line])
        self.started.append((line[line.index("--") - 1], self.now))
        self.processes.append(Process())
        return self.processes[-1]

    def scheduler(self, *schedules: Schedule) -> Scheduler:
        return Scheduler(schedules, self.folder, lambda: self.now, self.start)

    def pass_time(self, scheduler: Scheduler, until: datetime, step: float = 1) -> None:
        while self.now < until:
            self.now += timedelta(seconds=step)
            scheduler.tick()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def hourly(**more: Any) -> Schedule:
    return Schedule(
        **({"name": "sweep", "command": ["true"], "cron": "0 * * * *", "timezone": "UTC", "timeout": 60} | more)
    )


def test_a_year_in_three_zones_starts_each_time_once_and_within_seconds(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Restarted every 11 hours, as by deploys. The moments themselves are checked minute by minute in test_cron.py."""
    monkeypatch.setattr(scheduler, "NOTED", timedelta(hours=1))  # for a million files fewer
    machine.now = begin = datetime(2027, 1, 1, tzinfo=UTC)
    end = datetime(2028, 1, 1, tzinfo=UTC)
    schedules = [
        hourly(name="zurich", cron="30 2 * * *", timezone="Europe/Zurich"),
        hourly(name="new-york", cron="*/30 1-2 * * *", timezone="America/New_York"),
        hourly(name="lord-howe", cron="15 */2 * * *", timezone="Australia/Lord_Howe"),
    ]
    restart, running = begin, machine.scheduler(*schedules)
    while machine.now < end:
        if machine.now >= restart:
            running, restart = machine.scheduler(*schedules), machine.now + timedelta(hours=11)
        machine.now += timedelta(seconds=1 if machine.now.second == 59 else 59)  # seconds 0 and 59
        running.tick()
    for one in schedules:
        expected = list(cron.times(one.cron, cron.zone_of(one.timezone), begin, end))
        found = [at for name, at in machine.started if name == one.name]
        assert len(expected) > 300
        assert len(found) == len(expected)
        assert all(
            timedelta(0) <= at - wanted <= timedelta(seconds=5) for at, wanted in zip(found, expected, strict=True)
        )


def test_a_time_that_passes_during_a_deploy_is_made_up_for_once(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.pass_time(machine.scheduler(hourly()), NOON + timedelta(minutes=59, seconds=50), step=10)
    machine.now = NOON + timedelta(minutes=60, seconds=40)
    machine.pass_time(machine.scheduler(hourly()), NOON + timedelta(minutes=70))
    assert machine.started == [("sweep", NOON + timedelta(minutes=60, seconds=41))]
    assert "[sweep] makes up for 2027-06-01 13:00 UTC, 41 s late" in capsys.readouterr().out


def test_a_scheduler_that_is_killed_after_a_start_does_not_start_it_again(machine: Machine) -> None:
    machine.pass_time(machine.scheduler(hourly()), NOON + timedelta(hours=1), step=10)
    assert len(machine.started) == 1
    machine.pass_time(machine.scheduler(hourly()), NOON + timedelta(hours=1, minutes=30), step=10)
    assert len(machine.started) == 1


def test_many_times_that_passed_while_the_machine_slept_are_one_run(machine: Machine) -> None:
    running = machine.scheduler(hourly(cron="* * * * *"))
    machine.now += timedelta(hours=8, seconds=30)
    running.tick()
    assert len(machine.started) == 1


def test_a_time_that_passed_long_ago_is_left_out_and_said(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    machine.scheduler(hourly(cron="0 13 * * *"))
    machine.now += timedelta(hours=20)
    machine.pass_time(machine.scheduler(hourly(cron="0 13 * * *")), machine.now + timedelta(minutes=1))
    assert machine.started == []
    assert "[sweep] missed 2027-06-01 13:00 UTC" in capsys.readouterr().out


def test_a_long_run_before_a_deploy_leaves_the_time_after_it_its_run(machine: Machine) -> None:
    """The old scheduler waits for its run, up to the time-out, and starts nothing meanwhile."""
    long = hourly(timeout=7200)
    machine.pass_time(machine.scheduler(long, hourly(name="other")), NOON + timedelta(minutes=59), step=30)
    machine.now += timedelta(minutes=100)
    machine.pass_time(machine.scheduler(long, hourly(name="other")), machine.now + timedelta(seconds=2))
    assert [name for name, _ in machine.started] == ["sweep", "other"]


@pytest.mark.parametrize("change", [{"cron": "30 * * * *"}, {"timezone": "Asia/Kolkata"}, {"name": "new"}])
def test_what_is_new_or_changed_begins_with_its_deploy(machine: Machine, change: dict[str, str]) -> None:
    machine.scheduler(hourly())
    machine.now += timedelta(minutes=61 if "cron" not in change else 31)
    machine.pass_time(machine.scheduler(hourly(**change)), machine.now + timedelta(seconds=3))
    assert machine.started == []


def test_a_schedule_that_is_not_enabled_is_not_started_and_nothing_is_made_up_for_later(machine: Machine) -> None:
    machine.scheduler(hourly())
    machine.now += timedelta(minutes=59)
    machine.pass_time(machine.scheduler(hourly(enabled=False)), NOON + timedelta(minutes=61))
    machine.pass_time(machine.scheduler(hourly()), NOON + timedelta(minutes=62))
    assert machine.started == []


def test_a_clock_that_is_set_back_starts_nothing_twice(machine: Machine) -> None:
    running = machine.scheduler(hourly())
    machine.pass_time(running, NOON + timedelta(minutes=60, seconds=5))
    machine.now -= timedelta(minutes=2)
    machine.pass_time(running, NOON + timedelta(minutes=65))
    assert len(machine.started) == 1


def test_a_clock_that_was_far_ahead_does_not_stop_the_schedules(machine: Machine) -> None:
    machine.now += timedelta(days=365)
    machine.scheduler(hourly())
    machine.now = NOON
    machine.pass_time(machine.scheduler(hourly()), NOON + timedelta(minutes=60, seconds=5))
    assert len(machine.started) == 1


def test_a_run_is_started_with_its_time_out_and_its_words(machine: Machine) -> None:
    running = machine.scheduler(hourly(command=["python", "manage.py", "sweep", "--before", "1 day"], timeout=90.5))
    machine.pass_time(running, NOON + timedelta(minutes=60, seconds=1), step=10)
    line = machine.lines[0]
    assert line[line.index("--timeout") + 1] == "90.5"
    assert line[line.index("--") :] == ["--", "python", "manage.py", "sweep", "--before", "1 day"]
    assert line[line.index("--record") + 1] == str(machine.folder)


def test_the_runs_that_go_on_are_known(machine: Machine) -> None:
    running = machine.scheduler(hourly(), hourly(name="other"))
    machine.pass_time(running, NOON + timedelta(hours=2), step=20)
    assert running.going_on() == ["other", "sweep"]
    for process in machine.processes[::2]:
        process.status = 0
    assert running.going_on() == ["other"]


@pytest.mark.parametrize("content", ["", "[]", '{"sweep 0 * * * * UTC": "x"}', "\0"])
def test_a_file_that_cannot_be_read_begins_anew(machine: Machine, content: str) -> None:
    (machine.folder / scheduler.CHECKED).write_text(content)
    machine.pass_time(machine.scheduler(hourly()), NOON + timedelta(minutes=60, seconds=5), step=5)
    assert len(machine.started) == 1


def test_a_scheduler_is_healthy_as_long_as_it_writes(machine: Machine) -> None:
    assert scheduler.main(["healthy", str(machine.folder)]) == 1
    machine.scheduler(hourly())
    assert scheduler.main(["healthy", str(machine.folder)]) == 0
    assert json.loads((machine.folder / scheduler.CHECKED).read_text())


def test_a_time_zone_that_the_image_lacks_is_named_with_its_schedule(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    facts = {"command": ["true"], "cron": "0 * * * *", "timeout": 60}
    schedules = {
        "sweep": facts | {"timezone": "Mars/Phobos"},
        "mail": facts | {"timezone": "UTC"},
        "off": facts | {"timezone": "Mars/Deimos", "enabled": False},
    }
    assert scheduler.main([str(machine.folder), json.dumps(schedules)]) == 1
    assert capsys.readouterr().err == (
        "The schedule sweep has the time zone Mars/Phobos, which isn't in the image. "
        "Fix: require tzdata in the image.\n"
    )
