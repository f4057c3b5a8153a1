"""Somebody asks for the first page all the time while `up` rolls out a change: what do they notice?"""

from statistics import median

from benchmarks.composed import Pulumi, Way, composes
from benchmarks.plot import Bar
from benchmarks.report import Section
from benchmarks.sandbox import ROUNDS, Sandbox, run, until_answered
from tests.faults.load import asking


def measure(place: Sandbox) -> list[Section]:
    """All ways in turn."""
    ways: list[Way] = [Pulumi(place), *composes(place)]
    rows, bars = [], []
    for way in ways:
        run(way.up())
        until_answered(way.up(), way.port)
        gaps, failed, slowest, asked = [], [], [], []
        for _ in range(ROUNDS):
            mark = way.change()
            with asking(f"http://127.0.0.1:{way.port}/") as load:
                until_answered(way.up(), way.port, mark)
            gaps.append(load.gap)
            failed.append(len(load.failed))
            asked.append(len(load.answers))
            slowest.append(load.slowest)
        rows.append(
            [
                way.name,
                f"{median(gaps):.2f} s ({min(gaps):.2f} to {max(gaps):.2f})",
                f"{median(failed):.0f} of {median(asked):.0f}",
                f"{median(slowest):.2f} s",
            ]
        )
        bars.append(Bar(way.name, median(gaps), "longest time without an answer", way.colour))
        run(way.down())
        way.forget_data()
    head = ["", "longest time without a good answer", "failed requests", "slowest good answer"]
    notes = [
        f"The median of {ROUNDS} rounds, and the best and worst. Four clients, each request over a new connection."
    ]
    return [Section("redeploy", "Redeploy under load", head, rows, notes, bars)]
