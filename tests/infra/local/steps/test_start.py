"""The check of the processes' start: containers that run and go on running, or the reason why not."""

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from infra.local.steps import start as step
from tests.infra.local.steps.conftest import Run
from tests.infra.local.steps.engine import Container, Engine


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A clock that goes on by a tenth of a second each time somebody looks."""
    ticks = itertools.count()
    monkeypatch.setattr("time.monotonic", lambda: next(ticks) / 10)
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    return iter(())


class Process(Container):
    """A container whose states follow each other, one a look: when it started, how often, its exit status or None."""

    def __init__(self, name: str, *states: tuple[str, int, int | None]) -> None:
        super().__init__(name, ("Traceback", "no module named TOP-SECRET"))
        self.labels = {"django-stack.process": "worker"}
        self.states = list(states)
        self.looks = 0

    def reload(self) -> None:
        self.looks += 1
        started, restarts, code = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        self.attrs["RestartCount"] = restarts
        # Between two runs, the engine takes a container for running.
        restarting = code is not None and restarts > 0
        running = code is None or restarting
        self.attrs["State"] = {
            "StartedAt": started,
            "Running": running,
            "Restarting": restarting,
            "ExitCode": code or 0,
        }


def asked(*names: str, timeout: float = 60) -> dict[str, Any]:
    return {
        "containers": [f"{name}-id" for name in names],
        "timeout": timeout,
        "secrets": ["TOP-SECRET"],
    }


def test_containers_that_go_on_running_end_the_wait_together(run: Run) -> None:
    one, two = Process("one", ("09:00", 0, None)), Process("two", ("09:00", 0, None))
    assert run("start", asked("one", "two"), Engine(one, two)) == (0, "", "")
    assert one.looks > step.STEADY * 2
    assert two.looks < one.looks  # its time began with the first one's


def test_a_container_that_was_started_again_is_watched_anew(run: Run) -> None:
    worker = Process("one", ("09:00", 0, None), ("09:00", 0, 1), ("09:01", 1, None))
    assert run("start", asked("one"), Engine(worker)) == (0, "", "")
    assert worker.looks > 2 + step.STEADY * 2


def test_a_process_that_ends_again_and_again_fails_the_update_with_its_log_and_no_secret(run: Run) -> None:
    worker = Process("one", *((f"09:{number:02}", number, number % 2 or None) for number in range(50)))
    status, _, error = run("start", asked("one"), Engine(worker))
    assert status == 1
    assert error.startswith("The process worker (one) keeps restarting. Its last lines:\n  | Traceback")
    assert "no module named [secret]" in error


def test_a_process_that_was_restarted_long_ago_runs(run: Run) -> None:
    assert run("start", asked("one"), Engine(Process("one", ("09:00", 7, None)))) == (0, "", "")


def test_a_process_that_cannot_start_is_given_up_after_the_time_out(run: Run) -> None:
    status, _, error = run("start", asked("one", timeout=4), Engine(Process("one", ("", 0, 127))))
    assert status == 1
    assert "is not ready after 4 seconds: it ended with exit status 127." in error


def test_each_process_that_does_not_run_is_named(run: Run) -> None:
    gone = Process("gone", *((f"09:{number:02}", number, number % 2 or None) for number in range(50)))
    runs, other = Process("runs", ("09:00", 0, None)), Process("other", ("", 0, 127))
    other.labels = {"django-stack.process": "mails"}
    status, _, error = run("start", asked("gone", "runs", "other"), Engine(gone, runs, other))
    assert status == 1
    assert "The process worker (gone) keeps restarting." in error
    assert "The process mails (other) is not ready" in error
    assert "runs" not in error
