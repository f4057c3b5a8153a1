"""Whether `up` with nothing to do, and `status`, take longer with many processes and schedules in one stack."""

import sys
from statistics import median
from typing import Any

from benchmarks.composed import Bare
from benchmarks.plot import OTHER, Bar
from benchmarks.report import Section
from benchmarks.sandbox import ROUNDS, Command, Sandbox, run, typical
from tests.e2e.stacks import VENV

COUNTS = (0, 5, 10, 20)


def measure(place: Sandbox) -> list[Section]:
    """The same stack with ever more of both, then once more with processes alone; beside it, the bare Pulumi program
    with as many more containers."""
    stack, bare = place.stack("processes", {"env": {"WEB_CONCURRENCY": "1"}}), Bare(place)
    stack.up()
    up = Command(stack.up_command, stack.folder, stack.env)
    status = Command([str(VENV / "django-stack"), "status", "--stack", stack.name], stack.folder, stack.env)
    rows, bars = [], []
    alone, bare_alone = 0.0, 0.0
    for processes, schedules in [*((count, count) for count in COUNTS), (COUNTS[-1], 0)]:
        stack.configure(processes=_processes(processes) or None, schedules=_schedules(schedules) or None)
        bare.configure("more", processes)
        for command in (up, bare.up()):
            run(command)
            run(command)
        times, looks, bare_times = [], [], []
        for _ in range(ROUNDS):
            times.append(run(up))
            bare_times.append(run(bare.up()))
            looks.append(run(status))
        alone, bare_alone = alone or median(times), bare_alone or median(bare_times)
        cells = [typical(times), f"{median(times) / alone:.2f}", typical(bare_times)]
        rows.append([f"{processes}", f"{schedules}", *cells, f"{median(bare_times) / bare_alone:.2f}", typical(looks)])
        group = f"{processes or 'no'} processes, {schedules or 'no'} schedules"
        bars.append(Bar("django-stack", median(times), group))
        bars.append(Bar(f"bare Pulumi, {processes} more containers", median(bare_times), group, OTHER))
        print(rows[-1], file=sys.stderr, flush=True)
    head = ["processes", "schedules", "up with nothing to do", "to none", "bare Pulumi's", "to none", "status"]
    notes = [
        f"The median of {ROUNDS}, and the quickest and slowest. Each process is a container that sleeps.",
        "bare Pulumi is [a program](../bare/__main__.py) of nothing but the resources, with as many more containers.",
    ]
    return [Section("processes", "One stack with many processes", head, rows, notes, bars)]


def _processes(count: int) -> dict[str, Any]:
    return {f"worker-{number}": {"command": "sleep infinity"} for number in range(count)}


def _schedules(count: int) -> dict[str, Any]:
    """None of them is ever due while this lasts, but for somebody who measures at New Year."""
    return {f"task-{number}": {"command": "true", "cron": "0 0 1 1 *"} for number in range(count)}
