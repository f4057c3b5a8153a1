"""Whether `up` with nothing to do, and `status`, take longer when other stacks run beside the one."""

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from itertools import chain
from statistics import median
from typing import Any

from benchmarks.composed import images
from benchmarks.plot import Bar
from benchmarks.report import Section
from benchmarks.sandbox import Command, Sandbox, run, typical
from tests.e2e.stacks import VENV, Stack
from tests.faults.own_engine import own_engine

COUNTS = (0, 5, 10, 25, 50)
# By default an engine has address ranges for 30 networks besides its own; these are for more.
POOLS = "--default-address-pool=base=10.200.0.0/16,size=24"
TIMES = 7


def measure(place: Sandbox) -> list[Section]:
    """The same stack, with ever more others of the same project and state beside it."""
    source = place.stack("source")
    source.up()
    image = source.outputs()["image"]
    source.destroy()
    with engine_apart(place, [image, *images().values()]) as apart:
        return [_section(apart, image)]


@contextmanager
def engine_apart(place: Sandbox, taken: list[str]) -> Iterator[Sandbox]:
    """A sandbox on an engine of its own, which has the images `taken` and no network. Needs root."""
    before = dict(os.environ)
    with own_engine(POOLS) as engine, ExitStack() as end:
        engine.take_over(taken)
        os.environ["DOCKER_HOST"] = engine.host
        end.callback(lambda: (os.environ.clear(), os.environ.update(before)))
        yield Sandbox(place.folder, engine.client(), end)


def _section(place: Sandbox, image: str) -> Section:
    stack, empty = _small(place.stack("observed", {"python-image": image})), place.empty_program()
    stack.up()
    up = Command(stack.up_command, stack.folder, stack.env)
    status = Command([str(VENV / "django-stack"), "status", "--stack", stack.name], stack.folder, stack.env)
    run(up)
    rows, made = [], 0
    bars: dict[str, list[Bar]] = {"up with nothing to do": [], "status": []}
    alone: Mapping[str, float] = {}
    for count in COUNTS:
        while made < count:
            made += 1
            place.beside(stack, str(made))
        times: dict[str, list[float]] = {"up": [], "status": [], "empty": []}
        for _ in range(TIMES):
            for what, command in (("empty", empty), ("up", up), ("status", status)):
                times[what].append(run(command))
        typically = {what: median(taken) for what, taken in times.items()}
        alone = alone or typically
        row: list[Any] = [f"{count}"]
        for what in ("up", "status"):
            row += [typical(times[what]), f"{typically[what] / alone[what]:.2f}"]
        rows.append([*row, typical(times["empty"]), f"{typically['up'] / typically['empty']:.2f}"])
        for group, what in zip(bars, ("up", "status"), strict=True):
            bars[group].append(Bar(f"{count or 'no'} other stacks", typically[what], group))
        print(rows[-1], file=sys.stderr, flush=True)
    head = ["others", "up with nothing to do", "to none", "status", "to none", "up of an empty program", "ratio"]
    notes = [
        f"The median of {TIMES}, and the quickest and slowest. Each other stack is up: three containers.",
        "On an engine of its own, which has address ranges for more than 30 networks.",
    ]
    return Section("neighbours", "One stack beside many", head, rows, notes, [*chain(*bars.values())])


def _small(stack: Stack) -> Stack:
    """With an image that is that of `python-image` and one file: the engine apart has no network to install from."""
    shutil.rmtree(stack.app)
    stack.app.mkdir()
    (stack.app / "Dockerfile").write_text("ARG PYTHON_IMAGE\nFROM ${PYTHON_IMAGE}\nCOPY stack.txt .\n")
    (stack.app / "stack.txt").write_text(stack.name)
    return stack
