"""The first `up` is interrupted or killed at any moment: the next one makes what is missing."""

import signal
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from tests.rehearsal.interruptions import assert_recovered, interrupt, random_interruptions, recover
from tests.rehearsal.stacks import Stack

pytestmark = [pytest.mark.docker, pytest.mark.pulumi, pytest.mark.rehearsal]

# How long the first `up` takes, once the emulator is there.
FIRST = 30.0


@pytest.fixture
def new(tmp_path: Path, engine: docker.DockerClient, task_network_lock: None) -> Iterator[Stack]:
    """A stack that isn't up; its emulator is."""
    stack = Stack(tmp_path, engine)
    try:
        stack.prepare(print)
        yield stack
    finally:
        stack.down()


@pytest.mark.parametrize(("moment", "number"), random_interruptions("first", 2, FIRST), ids=range(4))
def test_at_any_moment_of_the_first_up(new: Stack, moment: float, number: signal.Signals) -> None:
    new.change(env={"MOMENT": f"{number.name} {moment}"})
    interrupt(new, moment, number)
    recover(new)
    assert_recovered(new, f"{number.name} {moment}")
