"""Whether `up` with nothing to do, and `status`, take longer with many processes and schedules in one stack."""

import sys
from statistics import median
from typing import Any

from benchmarks.report import Section
from benchmarks.sandbox import ROUNDS, Command, Sandbox, run, typical
from tests.e2e.stacks import VENV

COUNTS = (0, 5, 10, 20)


def measure(place: Sandbox) -> list[Section]:
    """The same stack with ever more of both, then once more with processes alone."""
    stack = place.stack("processes", {"env": {"WEB_CONCURRENCY": "1"}})
    stack.up()
    up = Command(stack.up_command, stack.folder, stack.env)
    status = Command([str(VENV / "django-stack"), "status", "--stack", stack.name], stack.folder, stack.env)
    rows, bars, alone = [], [], 0.0
    for processes, schedules in [*((count, count) for count in COUNTS), (COUNTS[-1], 0)]:
        stack.configure(processes=_processes(processes) or None, schedules=_schedules(schedules) or None)
        run(up)
        run(up)
        times = [run(up) for _ in range(ROUNDS)]
        looks = [run(status) for _ in range(ROUNDS)]
        alone = alone or median(times)
        growth = f"{median(times) / alone:.2f}"
        rows.append([f"{processes}", f"{schedules}", typical(times), growth, typical(looks)])
        bars.append((f"django-stack, {processes} processes, {schedules} schedules", median(times)))
        print(rows[-1], file=sys.stderr, flush=True)
    head = ["processes", "schedules", "up with nothing to do", "to none", "status"]
    notes = [f"The median of {ROUNDS}, and the quickest and slowest. Each process is a container that sleeps."]
    return [Section("processes", "One stack with many processes", head, rows, notes, bars)]


def _processes(count: int) -> dict[str, Any]:
    return {f"worker-{number}": {"command": "sleep infinity"} for number in range(count)}


def _schedules(count: int) -> dict[str, Any]:
    """None of them is ever due while this lasts, but for somebody who measures at New Year."""
    return {f"task-{number}": {"command": "true", "cron": "0 0 1 1 *"} for number in range(count)}
