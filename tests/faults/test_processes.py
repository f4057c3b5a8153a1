"""Processes that end at once, and edits of a process's source while it runs."""

import time

import pytest

from tests.e2e.conftest import MakeStack
from tests.e2e.stacks import DEVELOPMENT, SERVING
from tests.e2e.test_processes import PROGRAM, WORKER, WORKS, printed, worker
from tests.waiting import wait_until

pytestmark = [pytest.mark.docker, pytest.mark.pulumi, pytest.mark.faults]


def test_a_process_that_ends_at_once_fails_the_update_and_leaves_the_web(make_stack: MakeStack) -> None:
    working = make_stack("crash", {**SERVING, "processes": {"worker": WORKER}})
    (working.app / "worker.py").write_text(PROGRAM)
    working.up()
    web = working.container("web").id
    (working.app / "worker.py").write_text("print('about to fail', flush=True)\nimport nothing_of_that_name\n")
    done = working.up(check=False)
    assert done.returncode != 0
    assert "The process worker (" in done.stdout
    assert "keeps restarting. Its last lines:" in done.stdout
    assert "ModuleNotFoundError: No module named 'nothing_of_that_name'" in done.stdout
    assert working.container("web").id == web
    assert working.get("/healthz/ready").status_code == 200
    (working.app / "worker.py").write_text(PROGRAM)
    working.up()
    assert WORKS in printed(working)


def test_with_the_source_mounted_an_edit_starts_the_command_again(make_stack: MakeStack) -> None:
    stack = make_stack("workdev", {**DEVELOPMENT, "processes": {"worker": {**WORKER, "count": 1}}})
    (stack.app / "worker.py").write_text(PROGRAM)
    stack.up()
    before = worker(stack).id
    assert WORKS in printed(stack)
    begun = time.monotonic()
    (stack.app / "worker.py").write_text(PROGRAM.replace("first", "second"))
    wait_until(lambda: "works on mail second" in printed(stack), "the edited worker")
    print(f"an edit works after {time.monotonic() - begun:.1f} s, of which the old one took 2 s to end")
    lines = printed(stack).splitlines()
    assert lines[1:4] == [
        "The source has changed, and the command is started again.",
        "told to end by 15 as the child of python",
        "has ended",
    ]
    assert worker(stack).id == before
