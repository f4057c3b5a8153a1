"""Pulumi is interrupted or killed at any moment of an update: visitors notice nothing, and the next `up` goes on."""

import signal

import pytest

from tests.rehearsal.interruptions import UPDATE, assert_recovered, interrupt, random_interruptions, recover
from tests.rehearsal.stacks import Stack, polling

pytestmark = [pytest.mark.docker, pytest.mark.pulumi, pytest.mark.rehearsal]


@pytest.mark.parametrize(("moment", "number"), random_interruptions("update", 4, UPDATE), ids=range(8))
def test_at_any_moment_of_an_update(stack: Stack, moment: float, number: signal.Signals) -> None:
    stack.change(env={"MOMENT": f"{number.name} {moment}"})
    with polling(stack) as statuses:
        interrupt(stack, moment, number)
        recover(stack)
    assert set(statuses) == {200}
    assert_recovered(stack, f"{number.name} {moment}")
