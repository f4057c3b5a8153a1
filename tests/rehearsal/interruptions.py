"""`pulumi up` of a rehearsal, interrupted, and the way on that docs/operate.md gives."""

import os
import signal
import subprocess

from tests.moments import moments
from tests.rehearsal.conftest import SEED
from tests.rehearsal.stacks import Stack
from tests.rehearsal.tasks import release_tasks

# What a user sees when the stack's lock is left over from a pulumi that was killed.
LOCKED = "the stack is currently locked by 1 lock(s)"
# How long an update with a changed variable takes on two idle cores; a moment after the end breaks nothing.
UPDATE = 16.0


def random_interruptions(purpose: str, count: int, seconds: float) -> list[tuple[float, signal.Signals]]:
    """As many random moments for Ctrl-C, and for SIGKILL."""
    return [
        (moment, number)
        for number in (signal.SIGINT, signal.SIGKILL)
        for moment in moments(SEED, f"{purpose} {number.name}", count, seconds)
    ]


def interrupt(stack: Stack, seconds: float, number: signal.Signals) -> None:
    """`pulumi up`, and after so many seconds Ctrl-C, which all its programs get, or SIGKILL for pulumi alone."""
    print(f"{number.name} after {seconds} seconds; the same again: REHEARSAL_SEED={SEED}")
    with stack.updating() as process:
        try:
            process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            if number == signal.SIGINT:
                os.killpg(process.pid, number)
                process.communicate(timeout=180)
            else:
                process.send_signal(number)


def recover(stack: Stack) -> None:
    """The next `up`; after a kill, the lock is lifted and what was pending is looked at first."""
    status, output = stack.update("--refresh")
    if status and LOCKED in output:
        for command in (("cancel", "--yes"), ("refresh", "--yes", "--skip-preview", "--clear-pending-creates")):
            status, output = stack.run_pulumi(*command)
            assert status == 0, output
        status, output = stack.update()
    assert status == 0, output


def assert_recovered(stack: Stack, variable: str) -> None:
    """The site serves with that value of the variable MOMENT, no release runs on, and nothing is left to do."""
    assert stack.get("/healthz/ready").status == 200
    _, output = stack.web().exec_run(["printenv", "MOMENT"])
    assert output.decode().strip() == variable
    assert release_tasks(stack) == []
    status, message = stack.update("--expect-no-changes")
    assert status == 0, message
