"""The cloud stack on this machine: up from nothing, with nothing to do, with changed code; and its memory."""

import time
from collections.abc import Callable
from statistics import median

from benchmarks.plot import Bar
from benchmarks.report import Section
from benchmarks.sandbox import ROUNDS, Sandbox
from tests.rehearsal.stacks import Stack, polling


def measure(place: Sandbox) -> list[Section]:
    """Rounds of a whole rehearsal, the images cached."""
    times: dict[str, list[float]] = {
        name: [] for name in ("up from nothing", "up with nothing to do", "up with changed code", "down")
    }
    memory: dict[str, list[float]] = {}
    failed = asked = 0
    for number in range(ROUNDS):
        folder = place.folder / f"rehearsal-{number}"
        folder.mkdir()
        stack = Stack(folder, place.engine)
        place.end.callback(stack.down)
        times["up from nothing"].append(_seconds(lambda stack=stack: stack.up(print)))
        times["up with nothing to do"].append(_seconds(lambda stack=stack: stack.up(print)))
        with polling(stack) as statuses:
            (stack.app / f"changed-{number}.txt").write_text(str(time.time()))
            times["up with changed code"].append(_seconds(lambda stack=stack: stack.up(print)))
        failed, asked = failed + sum(status != 200 for status in statuses), asked + len(statuses)
        for name, mebibytes in _memory(stack).items():
            memory.setdefault(name, []).append(mebibytes)
        times["down"].append(_seconds(stack.down))
    rows = [[name, f"{median(taken):.1f} s ({min(taken):.1f} to {max(taken):.1f})"] for name, taken in times.items()]
    rows += [[f"memory: {name}", f"{median(taken):.0f} MiB"] for name, taken in memory.items()]
    notes = [
        f"The median of {ROUNDS} rounds, and the best and worst; the app's and the emulator's images cached.",
        f"While changed code was rolled out, {failed} of {asked} requests failed.",
        "The local stack's figures: [compose.md](compose.md), [throughput.md](throughput.md).",
    ]
    bars = [Bar(name, median(taken)) for name, taken in times.items()]
    return [Section("rehearsal", "The rehearsal", ["", "median (best to worst)"], rows, notes, bars)]


def _seconds(action: Callable[[], object]) -> float:
    begun = time.monotonic()
    action()
    return time.monotonic() - begun


def _memory(stack: Stack) -> dict[str, float]:
    """MiB of the emulator, of the database and of a task."""
    labels = {"database": "ministack=rds", "task": "com.amazonaws.ecs.container-name=web"}
    names = {"emulator": stack.emulator.name} | {name: stack.emulator.find(label) for name, label in labels.items()}
    return {
        name: stack.engine.containers.get(container).stats(stream=False)["memory_stats"]["usage"] / 2**20
        for name, container in names.items()
    }
