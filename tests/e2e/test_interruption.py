"""A `pulumi` that is interrupted or killed in the middle of a release leaves nothing running, and can be mended."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.e2e.stacks import OFFICIAL_PLUGINS, Running, Stack
from tests.waiting import wait_until

pytestmark = [pytest.mark.docker, pytest.mark.pulumi]

INTERRUPTIONS: dict[str, Callable[[Running], None]] = {
    "Ctrl-C in a terminal": lambda up: os.killpg(up.process.pid, signal.SIGINT),
    "SIGINT to pulumi alone": lambda up: up.process.send_signal(signal.SIGINT),
    "SIGKILL to pulumi": lambda up: up.process.send_signal(signal.SIGKILL),
}


def leftovers(stack: Stack) -> list[str]:
    """The command lines of the stack's processes, those of official plugins aside."""
    found = []
    for process in stack.processes():
        try:
            official = Path(process.exe()).name.startswith(OFFICIAL_PLUGINS)
            if not official and process.status() != psutil.STATUS_ZOMBIE:
                found.append(" ".join(process.cmdline()))
        except psutil.Error:
            continue
    return found


@pytest.mark.parametrize("how", INTERRUPTIONS)
def test_nothing_is_left_and_repair_brings_the_stack_back(releasing: Stack, how: str) -> None:
    before = releasing.ids()
    with releasing.configured(release_commands=["sleep 300"]), releasing.running(*releasing.up_command) as running:
        release = wait_until(lambda: releasing.container("release"), "the release container", 60)
        wait_until(lambda: release.reload() or release.status == "running", "that it runs")
        INTERRUPTIONS[how](running)
        wait_until(lambda: releasing.container("release") is None, "the release container's end", 8)
        assert running.wait(30) != 0
    wait_until(lambda: not leftovers(releasing), f"the end of {leftovers(releasing)}", 20)
    assert releasing.ids() == before
    assert releasing.get("/healthz/ready").status_code == 200

    releasing.make_target("repair")
    with releasing.configured(release_commands=[f"echo back after {how}", "python manage.py migrate --noinput"]):
        assert f"back after {how}" in releasing.up().stdout
    assert releasing.ids() == before
    releasing.wait_until_ready()


def test_repair_removes_what_the_state_does_not_know_and_brings_back_an_image_that_is_gone(releasing: Stack) -> None:
    before = releasing.ids()
    web = releasing.container("web")
    labels = {name: value for name, value in web.labels.items() if name.startswith("django-stack.")}
    volumes = {volume.name for volume in releasing.volumes()}
    name = releasing.outputs()["image"]
    web.remove(force=True)
    releasing.engine.images.remove(name)
    any_image = releasing.container("media").attrs["Image"]
    releasing.engine.containers.create(any_image, name=f"{releasing.prefix}-orphan", labels=labels)
    elsewhere = labels | {"django-stack.state": "another"}
    stranger = releasing.engine.containers.create(any_image, name=f"{releasing.prefix}-stranger", labels=elsewhere)

    output = releasing.make_target("repair", check=False).stdout
    assert f"removing the container {releasing.prefix}-orphan" in output
    stranger.reload()  # raises when it's gone: a stack of the same name whose state is elsewhere isn't ours
    stranger.remove()
    releasing.make_target("repair")
    releasing.up()
    assert releasing.engine.images.get(name).id == releasing.container("web").attrs["Image"]
    releasing.wait_until_ready()
    assert set(releasing.ids()) == set(before)
    assert {volume.name for volume in releasing.volumes()} == volumes
