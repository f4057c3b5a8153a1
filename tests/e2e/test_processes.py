"""Processes beside the web on the Docker engine: they run, end gracefully, and follow the code and their setting."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.e2e.conftest import MakeStack
from tests.e2e.stacks import SERVING, Stack
from tests.waiting import wait_until

pytestmark = [pytest.mark.docker, pytest.mark.pulumi]

PROGRAM = """
import os, signal, sys, time

def end(number, frame):
    print("told to end by", number, "as the child of", open("/proc/%d/comm" % os.getppid()).read().strip(), flush=True)
    time.sleep(2)
    print("has ended", flush=True)
    sys.exit(0)

signal.signal(signal.SIGTERM, end)
print("works on", os.environ.get("QUEUE"), "first", os.environ["DATABASE_URL"][:11], flush=True)
while True:
    time.sleep(0.1)
"""
WORKER: dict[str, Any] = {"command": "python worker.py", "count": 2, "stop-timeout": 20, "env": {"QUEUE": "mail"}}
WORKS = "works on mail first postgres://"


@pytest.fixture(scope="module")
def working(make_stack: MakeStack) -> Stack:
    """A stack with two containers of a worker, up."""
    stack = make_stack("work", {**SERVING, "processes": {"worker": WORKER}})
    (stack.app / "worker.py").write_text(PROGRAM)
    stack.up()
    return stack


def worker(stack: Stack, number: int = 1) -> Any:
    return stack.container(f"worker-{number}")


def printed(stack: Stack, number: int = 1) -> str:
    return str(worker(stack, number).logs().decode())


@contextmanager
def followed(container: Any) -> Iterator[list[str]]:
    """The lines that the container prints from now on, also while it is removed."""
    lines: list[str] = []

    def read() -> None:
        begun = time.monotonic()
        for line in container.logs(stream=True, follow=True, tail=0):
            lines.append(line.decode().strip())
            print(f"{time.monotonic() - begun:5.1f} s: {lines[-1]}")
        print(f"{time.monotonic() - begun:5.1f} s: the container is gone")

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    yield lines
    thread.join(10)


def started(container: Any) -> str:
    container.reload()
    return str(container.attrs["State"]["StartedAt"])


def test_containers_of_a_process_run_with_the_environment_beside_the_web(working: Stack) -> None:
    for number in (1, 2):
        assert WORKS in printed(working, number)
        assert worker(working, number).status == "running"
        assert worker(working, number).attrs["Config"]["StopTimeout"] == 20
        assert not any(worker(working, number).ports.values())
    assert started(worker(working)) < started(working.container("web"))
    working.up("--expect-no-changes")


def test_status_and_logs_know_a_process(working: Stack) -> None:
    program = str(working.folder / ".venv/bin/django-stack")
    shown = json.loads(working.run(program, "status", "-s", working.name, "--json").stdout)
    running = {name: one["running"] for name, one in shown["processes"].items() if name.startswith("worker")}
    assert sum(running.values()) == 2
    assert WORKS in working.run(program, "logs", "-s", working.name, next(iter(running))).stdout


def test_a_worker_that_is_killed_is_started_again(working: Stack) -> None:
    before = started(worker(working))
    kill = "import os; os.kill(int(open('/proc/1/task/1/children').read().split()[0]), 9)"
    assert worker(working).exec_run(["python", "-c", kill], user="0")[0] in {0, 137}
    wait_until(lambda: started(worker(working)) != before, "another start")
    wait_until(lambda: printed(working).count(WORKS) == 2, "the worker's second line")


def test_a_code_change_replaces_the_worker_which_ends_by_itself_before_the_web_moves(working: Stack) -> None:
    old, other = worker(working), worker(working, 2).id
    with followed(old) as lines:
        (working.app / "worker.py").write_text(PROGRAM.replace("first", "second"))
        begun = time.monotonic()
        working.up()
        print(f"{time.monotonic() - begun:5.1f} s: the end of the update")
    first = str(worker(working).logs(timestamps=True).decode()).splitlines()[0]
    print(f"created {worker(working).attrs['Created']}, started {started(worker(working))}, first line {first[:30]}")
    # docker-init, which Docker puts first, and no shell.
    assert lines == ["told to end by 15 as the child of docker-init", "has ended"]
    assert worker(working).id != old.id
    assert worker(working, 2).id != other
    assert "works on mail second" in printed(working)
    assert started(worker(working)) < started(working.container("web"))


def test_fewer_and_no_processes_take_their_containers_away_gracefully(working: Stack) -> None:
    first, second = worker(working), worker(working, 2)
    with followed(second) as lines, working.configured(processes={"worker": {**WORKER, "count": 1}}):
        working.up()
        assert worker(working, 2) is None
        assert worker(working).id == first.id
    assert lines[-1] == "has ended"
    with followed(first) as lines, working.configured(processes=None):
        working.up()
    assert lines[-1] == "has ended"
    assert [name for name in working.ids() if "worker" in name] == []
