"""The containers of a stack's processes, and how to kill what runs in them."""

from typing import Any

from tests.e2e.stacks import Stack

# Docker's init is process 1, and ends with its child. Its own children go with it, whatever they are.
KILL = "import os; os.kill(int(open('/proc/1/task/1/children').read().split()[0]), 9)"


def containers(stack: Stack, process: str) -> list[Any]:
    """Those of a process, by their numbers."""
    found = [each for each in stack.containers() if each.labels.get("django-stack.process") == process]
    return sorted(found, key=lambda each: each.name)


def kill(container: Any) -> None:
    """kill -9 of what runs in it. After `docker kill` it would stay down, as somebody's wish."""
    assert container.exec_run(["python", "-c", KILL], user="0")[0] in {0, 137}
