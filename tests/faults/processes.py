"""The containers of a stack's processes, and how to kill them."""

from typing import Any

from tests.e2e.stacks import Stack


def containers(stack: Stack, process: str) -> list[Any]:
    """Those of a process, by their numbers."""
    found = [each for each in stack.containers() if each.labels.get("django-stack.process") == process]
    return sorted(found, key=lambda each: each.name)


def kill(stack: Stack, container: Any) -> None:
    """kill -9 of its first process, from outside. After `docker kill` it would stay down, as somebody's wish."""
    container.reload()
    stack.engine.containers.run(
        container.attrs["Image"],
        ["python", "-c", f"import os; os.kill({container.attrs['State']['Pid']}, 9)"],
        pid_mode="host",
        privileged=True,
        user="0",
        remove=True,
    )
