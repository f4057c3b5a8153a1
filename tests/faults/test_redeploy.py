"""Somebody asks all the time while `pulumi up` rolls out a change. `make bench` has the figures; here is a bound."""

import pytest

from tests.e2e.stacks import Stack
from tests.faults.conftest import is_whole
from tests.faults.load import asking

pytestmark = [pytest.mark.docker, pytest.mark.pulumi]

# Seconds. One container hands the port to the next: stopping one and starting the other is what it takes.
BOUND = 20


def test_a_change_is_rolled_out_with_one_short_gap_and_no_broken_answer(victim: Stack) -> None:
    (victim.app / "stack.txt").write_text(f"{victim.name} under load")
    with asking(f"{victim.url}/") as load:
        victim.up()
        victim.wait_until_ready()
    assert {status for _, _, status in load.answers} <= {0, 200}, "an answer or none, never an error page"
    assert load.gap < BOUND
    # One gap, not several: whoever asks again after it is served.
    failed = load.failed
    assert not failed or failed[-1][1] - failed[0][0] < BOUND
    assert victim.container("web").exec_run("cat stack.txt").output.decode().endswith("under load")
    is_whole(victim)
