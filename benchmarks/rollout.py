"""How a new version of the cloud stack gets to its visitors: the time line of `pulumi up`, in a rehearsal."""

import re
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median

from benchmarks.plot import Bar
from benchmarks.report import Section
from benchmarks.sandbox import ROUNDS, Sandbox
from tests.rehearsal.stacks import Stack

# What a line of Pulumi's output says, in the order in which it happens.
STEPS = {
    "the image is built": r"docker:index:Image \S+ (created|updated|replaced)",
    "the image is pushed": r"command:local:Command image-push (created|updated|replaced)",
    "the task definition is registered": r"aws:ecs:TaskDefinition task (created|replaced)",
    "the release's tasks are asked for": r"Task \S+ for `\S+ manage.py migrate",
    "the release has ended": r"command:local:Command release (created|updated|replaced)",
    "ECS has the new definition": r"aws:ecs:Service web updated",
}
FIRST, LAST, END = (
    "the first visitor gets the new version",
    "the last visitor gets the old version",
    "`pulumi up` has ended",
)


@dataclass
class Visits:
    """The home page's answers: seconds since the start, the status (0 for none), whether the new version gave it."""

    answers: list[tuple[float, int, bool]] = field(default_factory=list)

    @property
    def failed(self) -> int:
        return sum(status != 200 for _, status, _ in self.answers)


def measure(place: Sandbox) -> list[Section]:
    """Rounds of a changed page on one stack, the images cached."""
    folder = place.folder / "rollout"
    folder.mkdir()
    stack = Stack(folder, place.engine)
    place.end.callback(stack.down)
    stack.up(print)
    found: dict[str, list[float]] = {}
    failed = asked = 0
    for number in range(ROUNDS):
        times, visits = roll_out(stack, f"<!-- version {number} -->")
        failed, asked = failed + visits.failed, asked + len(visits.answers)
        for step, at in times.items():
            found.setdefault(step, []).append(at)
    return [section(found, failed, asked)]


def section(found: Mapping[str, Sequence[float]], failed: int, asked: int) -> Section:
    """The table and the plot of the seconds of each round to each step, and of the requests."""
    times = sorted(((step, median(taken)) for step, taken in found.items()), key=lambda one: one[1])
    rows, before = [], 0.0
    for step, at in times:
        rows.append([step, f"{at:.1f} s", f"{at - before:.1f} s"])
        before = at
    bars = [Bar(step.replace("`", ""), at) for step, at in times]
    notes = [
        f"The median of {len(found[END])} rounds, one task, nothing else changed.",
        f"Meanwhile {failed} of {asked} requests failed.",
        "What AWS takes instead: [docs/scaling.md](../../docs/scaling.md#how-long-a-new-version-takes).",
    ]
    return Section("rollout", "A new version in the rehearsal", ["", "after", "takes"], rows, notes, bars)


def roll_out(stack: Stack, mark: str) -> tuple[dict[str, float], Visits]:
    """Rolls a changed page out; the seconds from the start of `pulumi up` to each step."""
    base = stack.app / "gallery/templates/base.html"
    base.write_text(base.read_text().replace("</head>", f"{mark}</head>"))
    begun = time.monotonic()
    times: dict[str, float] = {}
    with _visiting(stack, mark, begun) as visits, stack.updating() as process:
        lines = []
        for line in process.stdout or ():
            lines.append(line)
            for step, pattern in STEPS.items():
                if re.search(pattern, line):
                    times.setdefault(step, time.monotonic() - begun)
        if process.wait():
            raise subprocess.CalledProcessError(process.returncode, "pulumi up", "".join(lines))
        end = time.monotonic() - begun
    times[FIRST] = next(at for at, _, new in visits.answers if new)
    times[LAST] = max(at for at, status, new in visits.answers if status == 200 and not new)
    return {**times, END: end}, visits


@contextmanager
def _visiting(stack: Stack, mark: str, begun: float) -> Iterator[Visits]:
    """Somebody asks for the home page all the time."""
    visits, end, domain = Visits(), threading.Event(), stack.domain

    def visit() -> None:
        while not end.wait(0.1):
            try:
                answer = stack.get("/", domain)
                status, new = answer.status, mark.encode() in answer.read()
            except OSError:
                status, new = 0, False
            visits.answers.append((time.monotonic() - begun, status, new))

    thread = threading.Thread(target=visit)
    thread.start()
    try:
        yield visits
    finally:
        end.set()
        thread.join()
