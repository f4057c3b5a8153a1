"""Waiting for a condition."""

import os
import time
from collections.abc import Callable
from typing import TypeVar

import pytest

T = TypeVar("T")


def wait_until(condition: Callable[[], T], what: str, seconds: float = 20) -> T:
    """Asks until the answer is true, and returns it; fails the test, saying what never came, after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        if time.monotonic() > deadline:
            pytest.fail(f"not within {seconds} s: {what}")
        time.sleep(0.05)
    return answer


def quickest(call: Callable[[], T], enough: float, tries: int = 3) -> tuple[T, float]:
    """What a call returned, and its seconds: those of the quickest of some, the first that takes less than `enough`.

    For a limit of time: what else this machine does now makes one call slow, and hardly three in a row.
    """
    results: list[tuple[T, float]] = []
    while not results or (len(results) < tries and results[-1][1] >= enough):
        begun = time.monotonic()
        result = call()
        results.append((result, time.monotonic() - begun))
    return min(results, key=lambda one: one[1])


def allowed(seconds: float) -> float:
    """A limit of time for an idle machine: twice as long on one with more to do than it has processors."""
    return seconds if os.getloadavg()[0] <= (os.cpu_count() or 1) else 2 * seconds
