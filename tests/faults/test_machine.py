"""The machine changes behind Pulumi's back: a port is taken, an image is gone, the Docker engine starts anew."""

import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.conftest import MakeStack
from tests.e2e.stacks import SERVING, Stack
from tests.faults.conftest import is_whole, leave_data, mend
from tests.faults.own_engine import OwnEngine, own_engine
from tests.ports import free_ports
from tests.waiting import wait_until
from tools.setup.images import IMAGES

pytestmark = [pytest.mark.docker, pytest.mark.pulumi]


@contextmanager
def taken(port: int) -> Iterator[None]:
    """Somebody else listens on a port of this machine."""
    with socket.create_server(("127.0.0.1", port)):
        yield


def test_a_port_taken_between_preview_and_update_is_named_before_anything_changes(victim: Stack) -> None:
    before = victim.ids()
    own, [other] = victim.ports["web-port"], free_ports(1)
    victim.ports["web-port"] = other
    victim.configure()
    try:
        victim.pulumi("preview")
        with taken(other):
            refused = victim.up(check=False)
    finally:
        victim.ports["web-port"] = own
        victim.configure()
    assert refused.returncode != 0
    assert (
        f"web-port is {other}, and another program on this machine holds that port; stop it, or take another one. Fix: "
        in refused.stdout
    )
    assert victim.ids() == before
    is_whole(victim)


def test_a_port_taken_in_the_middle_of_the_update_is_named_and_the_next_up_mends_it(make_stack: MakeStack) -> None:
    stack = make_stack("port", SERVING)
    with stack.running(*stack.up_command) as up:
        wait_until(stack.networks, "the network, which comes after the look at the ports", 60)
        with taken(stack.ports["web-port"]):
            assert up.wait(120) != 0
    assert f"port {stack.ports['web-port']}" in up.output.replace(f":{stack.ports['web-port']}", "port ")
    stack.up()
    leave_data(stack)
    is_whole(stack)
    stack.remove_all()


def test_an_image_deleted_behind_pulumis_back_is_built_again(victim: Stack) -> None:
    image = victim.outputs()["image"]
    victim.container("web").remove(force=True)
    victim.engine.images.remove(image, force=True)
    refused = victim.up("--refresh", check=False)
    if refused.returncode != 0:
        assert "is not on this machine" in refused.stdout
        victim.make_target("repair")
        victim.up()
    assert victim.engine.images.get(image).id == victim.container("web").attrs["Image"]
    is_whole(victim)


@pytest.fixture
def own(victim: Stack) -> Iterator[OwnEngine]:
    """An engine of our own with all images that set-up looks for, and that of the app as a base image."""
    with own_engine() as engine:
        engine.take_over([victim.outputs()["image"], *IMAGES])
        yield engine


@pytest.fixture
def apart(victim: Stack, own: OwnEngine, make_stack: MakeStack, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    """A stack on an engine of our own, not yet up. Its image is the victim's and one file: no network is needed."""
    monkeypatch.setenv("DOCKER_HOST", own.host)
    stack = make_stack("apart", {"python-image": victim.outputs()["image"]})
    stack.engine = own.client()
    shutil.rmtree(stack.app)
    stack.app.mkdir()
    (stack.app / "Dockerfile").write_text("ARG PYTHON_IMAGE\nFROM ${PYTHON_IMAGE}\nCOPY stack.txt .\n")
    (stack.app / "stack.txt").write_text("first")
    yield stack
    stack.remove_all()
    stack.engine = victim.engine  # its own ends before it


@pytest.fixture
def context(own: OwnEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A docker context of that engine, in use."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    for command in (["create", "apart", "--docker", f"host={own.host}"], ["use", "apart"]):
        subprocess.run(["docker", "context", *command], check=True)
    return "apart"


@pytest.mark.faults
@pytest.mark.report("pulumi-docker#603")
def test_a_stack_lives_on_the_engine_of_the_docker_context_in_use(
    apart: Stack, context: str, own: OwnEngine, victim: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DOCKER_HOST")
    output = apart.up().stdout
    assert f"The Docker engine is the one at {own.host} (the docker context {context}" in output
    apart.wait_until_ready()
    assert set(apart.ids()) == {f"{apart.prefix}-{part}" for part in ("database", "media", "web")}
    filters = {"label": f"django-stack.stack={apart.name}"}
    assert victim.engine.containers.list(all=True, filters=filters, ignore_removed=True) == []
    apart.up("--expect-no-changes")

    made = apart.make_target("local").stdout
    assert f"is running at {own.host} (the docker context {context}" in made
    assert f"The site is up: {apart.url}/" in made
    assert "System check identified no issues" in apart.make_target("manage", "check").stdout
    assert "Repaired." in apart.make_target("repair").stdout

    own.stop()
    refused = apart.up(check=False).stdout
    assert f"No Docker engine answers at {own.host}, which the docker context {context}" in refused
    assert "docker context use default" in refused
    set_up = apart.make_target("local", check=False)
    assert set_up.returncode != 0
    assert f"engine of the docker context {context}" in set_up.stdout
    assert "dockerd" not in set_up.stdout
    own.start()
    apart.destroy()
    assert (apart.containers(), apart.networks()) == ([], [])


@pytest.mark.faults
def test_a_docker_engine_restarted_in_the_middle(apart: Stack, own: OwnEngine) -> None:
    with apart.running(*apart.up_command) as up:
        wait_until(lambda: apart.container("database"), "the database container", 60)
        own.restart()
        failed = up.wait(120)
    assert failed
    # The plugin's words, or a step's: whatever was at work just then.
    assert re.search(r"[Tt]he Docker engine (does not answer|no longer answers)", up.output), up.output
    assert "Traceback" not in up.output
    mend(apart)
    leave_data(apart)
    is_whole(apart)

    before = apart.ids()
    (apart.app / "stack.txt").write_text("second")
    with apart.configured(release_commands=["sleep 60", "python manage.py migrate --noinput"]):
        with apart.running(*apart.up_command) as up:
            wait_until(lambda: apart.container("release"), "the release container", 60)
            own.restart()
            assert up.wait(120) != 0
        # The engine ends the container before itself.
        assert "Release command `sleep 60` failed" in up.output or "The release was ended. The Docker" in up.output
        assert "Traceback" not in up.output
        wait_until(lambda: apart.ids() == before, "the old version, and no release container", 60)
        apart.wait_until_ready()
    mend(apart)
    assert apart.container("web").exec_run("cat stack.txt").output == b"second"
    is_whole(apart)
