"""Pulumi is interrupted or killed at any moment: visitors notice nothing, and the next `up` goes on."""

import signal
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from tests.moments import moments
from tests.rehearsal.conftest import SEED
from tests.rehearsal.interruptions import UPDATE, go_on, interrupt, is_whole
from tests.rehearsal.stacks import Stack, polling

pytestmark = [pytest.mark.docker, pytest.mark.pulumi, pytest.mark.rehearsal]

# How long the first `up` takes, once the emulator is there.
FIRST = 30.0
CTRL_C, KILL = signal.SIGINT, signal.SIGKILL


def drawn(purpose: str, count: int, seconds: float) -> list[tuple[float, signal.Signals]]:
    """Moments for each of the two signals."""
    return [
        (moment, number)
        for number in (CTRL_C, KILL)
        for moment in moments(SEED, f"{purpose} {number.name}", count, seconds)
    ]


@pytest.mark.parametrize(("moment", "number"), drawn("update", 4, UPDATE))
def test_at_any_moment_of_an_update(stack: Stack, moment: float, number: signal.Signals) -> None:
    stack.change(env={"MOMENT": f"{number.name} {moment}"})
    with polling(stack) as statuses:
        interrupt(stack, moment, number)
        go_on(stack)
    assert set(statuses) == {200}
    is_whole(stack, f"{number.name} {moment}")


@pytest.fixture
def new(tmp_path: Path, engine: docker.DockerClient, task_network_lock: None) -> Iterator[Stack]:
    """A stack that isn't up; its emulator is."""
    stack = Stack(tmp_path, engine)
    try:
        stack.prepare(print)
        yield stack
    finally:
        stack.down()


@pytest.mark.parametrize(("moment", "number"), drawn("first", 2, FIRST))
def test_at_any_moment_of_the_first_up(new: Stack, moment: float, number: signal.Signals) -> None:
    new.change(env={"MOMENT": f"{number.name} {moment}"})
    interrupt(new, moment, number)
    go_on(new)
    is_whole(new, f"{number.name} {moment}")
