"""Runs commands at their times: `python -m django_stack.scheduler FOLDER SCHEDULES`, the local stack's scheduler.

SCHEDULES is a JSON object of names and objects with `command` (a list of words), `cron`, `timezone`, `timeout` (in
seconds) and `enabled`. Each run is a process of its own, `django_stack.once`, which reads the code as it is then.

FOLDER outlives the container. In `.checked.json` there is, for each schedule, up to when its times have been seen to. A
time that passed while no scheduler ran, as in a deploy, is made up for within `LATE`, once; so is one that passed while
the machine slept. A time is noted before its run starts, so that none is run twice.

SIGTERM ends it as soon as the runs that go on have ended; how long they have is up to the container's stop time.
"""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from django_stack.malformed import MalformedError

LATE = timedelta(minutes=15)  # how much later than its time a run may start, at least
NOTED = timedelta(seconds=30)  # how often the file is written when nothing is to be run
HEALTHY = 120.0  # seconds; an older file is a scheduler that hangs
CHECKED = ".checked.json"
FOREVER = datetime(9000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, eq=False)
class Schedule:
    """What is to be run, and when."""

    name: str
    command: Sequence[str]
    cron: str
    timezone: str
    timeout: float
    enabled: bool = True

    @property
    def when(self) -> str:
        return f"{self.cron} {self.timezone}"

    @property
    def has_zone(self) -> bool:
        """Whether its time zone is known here: a slim image has no old names such as US/Eastern of its own."""
        from django_stack import cron  # noqa: PLC0415  (cronsim is needed for schedules alone)

        try:
            cron.zone_of(self.timezone)
        except MalformedError:
            return False
        return True

    def times(self, after: datetime, until: datetime = FOREVER) -> Iterator[datetime]:
        """The moments later than `after` and not later than `until`."""
        from django_stack import cron  # noqa: PLC0415  (cronsim is needed for schedules alone)

        return cron.times(self.cron, cron.zone_of(self.timezone), after, until)


@dataclass
class Scheduler:
    """Looks at the clock and starts what is due. `now` and `start` are those of the machine, but for tests."""

    schedules: Sequence[Schedule]
    folder: Path
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    start: Callable[[Sequence[str]], Any] = subprocess.Popen
    runs: dict[str, list[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._late = max([LATE, *(timedelta(seconds=one.timeout + 60) for one in self.schedules)])
        self._enabled = [one for one in self.schedules if one.enabled]
        known = self._read()
        now = self.now()
        self._checked = {one.name: known.get(f"{one.name} {one.when}", now) for one in self._enabled}
        self._next = {one.name: next(one.times(self._checked[one.name])) for one in self._enabled}
        self._write(now)

    def tick(self) -> None:
        """Starts what became due since the last call."""
        now = self.now()
        due = {one: moment for one in self._enabled if (moment := self._due(one, now))}
        if due or now - self._written >= NOTED or now < self._written:
            self._write(now)
        for schedule, moment in due.items():
            if (late := now - moment) > timedelta(seconds=5):
                after = round(late.total_seconds())
                print(f"[{schedule.name}] makes up for {moment:%F %R} UTC, {after} s late", flush=True)
            self._start(schedule)
        for name, processes in self.runs.items():
            self.runs[name] = [process for process in processes if process.poll() is None]

    def going_on(self) -> list[str]:
        """The names of the schedules whose runs haven't ended."""
        return sorted(name for name, processes in self.runs.items() if any(one.poll() is None for one in processes))

    def _due(self, schedule: Schedule, now: datetime) -> datetime | None:
        """The last time of the schedule that passed since it was last checked, unless that is too long ago."""
        checked = self._checked[schedule.name]
        if checked - now > self._late:  # the clock was far ahead, and was set
            self._see_to(schedule, now)
            return None
        if now < self._next[schedule.name]:
            self._checked[schedule.name] = max(checked, now)
            return None
        times = list(schedule.times(max(checked, now - self._late), now))
        if not times:
            missed = self._next[schedule.name]
            print(f"[{schedule.name}] missed {missed:%F %R} UTC: there was no scheduler", flush=True)
        self._see_to(schedule, now)
        return times[-1] if times else None

    def _see_to(self, schedule: Schedule, until: datetime) -> None:
        self._checked[schedule.name] = until
        self._next[schedule.name] = next(schedule.times(until))

    def _start(self, schedule: Schedule) -> None:
        line = [sys.executable, "-m", "django_stack.once", "--label", "--record", str(self.folder)]
        line += ["--timeout", f"{schedule.timeout:g}", schedule.name, "--", *schedule.command]
        self.runs.setdefault(schedule.name, []).append(self.start(line))

    def _read(self) -> dict[str, datetime]:
        with suppress(OSError, ValueError, TypeError, AttributeError):
            known = json.loads((self.folder / CHECKED).read_text())
            return {key: datetime.fromtimestamp(at, UTC) for key, at in known.items()}
        return {}

    def _write(self, now: datetime) -> None:
        """Writes the file, whole or not at all. A changed expression begins anew, since its key is another one."""
        self._written = now
        part = self.folder / f"{CHECKED}.part"
        keys = {one.name: f"{one.name} {one.when}" for one in self._enabled}
        part.write_text(json.dumps({keys[name]: at.timestamp() for name, at in self._checked.items()}))
        part.replace(self.folder / CHECKED)


def read(text: str) -> list[Schedule]:
    """The schedules of a JSON object."""
    found: Mapping[str, Mapping[str, Any]] = json.loads(text)
    return [Schedule(name=name, **facts) for name, facts in found.items()]


def is_healthy(folder: Path) -> bool:
    """Whether a scheduler has written its file lately."""
    with suppress(OSError):
        return time.time() - (folder / CHECKED).stat().st_mtime < HEALTHY
    return False


def main(arguments: Sequence[str]) -> int:
    """0 after SIGTERM; of `healthy FOLDER`, 0 when a scheduler works there."""
    if arguments[0] == "healthy":
        return 0 if is_healthy(Path(arguments[1])) else 1
    try:
        import cronsim  # noqa: F401, PLC0415
    except ImportError:
        print(
            "Schedules need the package `cronsim`. Fix: require django-stack-contract[schedules] in the image.",
            file=sys.stderr,
        )
        return 1
    schedules = read(arguments[1])
    if refused := [one for one in schedules if one.enabled and not one.has_zone]:
        for one in refused:
            print(
                f"The schedule {one.name} has the time zone {one.timezone}, which isn't in the image. "
                "Fix: require tzdata in the image.",
                file=sys.stderr,
            )
        return 1
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    scheduler = Scheduler(schedules, Path(arguments[0]))
    for one in scheduler.schedules:
        when = one.when if one.enabled else "not enabled"
        print(f"[{one.name}] {when}: {shlex.join(one.command)}", flush=True)
    while not stop.is_set():
        scheduler.tick()
        stop.wait(1 - time.time() % 1)  # the wall clock, which also goes on while the machine sleeps
    if going_on := scheduler.going_on():
        print(f"Ends after the runs that go on: {', '.join(going_on)}", flush=True)
    while scheduler.going_on():
        time.sleep(0.2)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
