"""A rehearsal beside what else is on the engine: a local stack isn't disturbed, a second rehearsal is refused."""

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import docker
import pytest
import requests

from tests.e2e.conftest import MakeStack, every_stack, make_stack
from tests.e2e.stacks import SERVING
from tests.e2e.stacks import Stack as LocalStack
from tests.rehearsal.stacks import Stack

__all__ = ["every_stack", "make_stack"]

pytestmark = [pytest.mark.docker, pytest.mark.pulumi]


def of(local: LocalStack) -> dict[str, Any]:
    """What the engine has of a local stack, and since when its containers run."""
    return {
        "containers": {one.id: one.attrs["State"]["StartedAt"] for one in local.containers()},
        "volumes": sorted(one.id for one in local.volumes()),
        "networks": sorted(one.id for one in local.networks()),
    }


@pytest.mark.rehearsal
def test_a_local_stack_is_not_disturbed(
    make_stack: MakeStack, tmp_path: Path, engine: docker.DockerClient, task_network_lock: None
) -> None:
    local = make_stack("beside", SERVING)
    local.up()
    before = of(local)
    statuses: list[int] = []
    end = threading.Event()

    def poll() -> None:
        while not end.wait(0.2):
            try:
                statuses.append(local.get().status_code)
            except requests.RequestException:
                statuses.append(0)

    thread = threading.Thread(target=poll)
    thread.start()
    rehearsal = Stack(tmp_path, engine)
    try:
        rehearsal.up(print)
        assert rehearsal.get("/").status == 200
    finally:
        rehearsal.down()
        end.set()
        thread.join()
    assert set(statuses) == {200}
    assert of(local) == before
    local.up("--expect-no-changes")


def test_a_second_rehearsal_is_refused_by_the_command_which_says_whose_the_first_is(
    tmp_path_factory: pytest.TempPathFactory, engine: docker.DockerClient, task_network_lock: None
) -> None:
    first = Stack(tmp_path_factory.mktemp("first"), engine)
    second = tmp_path_factory.mktemp("second")
    Stack(second, engine)  # the sandbox alone
    files = sorted(second.iterdir())
    try:
        first.prepare(print)
        for command in ("up", "down", "status"):
            done = subprocess.run(
                [Path(sys.prefix) / "bin" / "django-stack", "rehearse", command],
                cwd=second,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 1, done.stdout
            assert f"A rehearsal of {first.folder} is on this Docker engine already" in done.stderr
            assert f"Fix: (cd {first.folder} && make rehearse-down)" in done.stderr
        assert sorted(second.iterdir()) == files
        assert first.emulator.ports
    finally:
        first.down()
    assert not first.emulator.found_owner
