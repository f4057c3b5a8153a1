"""What a machine or its user has set for other things: a proxy, another engine, another passphrase."""

import json
import shutil
import socket
from pathlib import Path

import pytest

from tests.e2e.conftest import MakeStack
from tests.e2e.stacks import Stack
from tools.setup import stack as set_up
from tools.setup.machine import Machine, SetupError

pytestmark = [pytest.mark.docker, pytest.mark.pulumi]

PROXIES = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
SHOWS_PROXIES = "python -c \"import os; print('proxies', [name for name in os.environ if 'proxy' in name.lower()])\""


@pytest.fixture
def dead_proxy() -> str:
    """The address of a proxy at which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


@pytest.mark.report("pulumi#2651")
@pytest.mark.report("baserow#1616")
def test_proxies_of_the_shell_and_of_docker_are_neither_asked_for_this_machine_nor_handed_to_containers(
    serving: Stack, make_stack: MakeStack, dead_proxy: str, tmp_path: Path
) -> None:
    """The image is the one of `serving` and one file: a build may go through the proxy, which is dead here."""
    config = {"proxies": {"default": {"httpProxy": dead_proxy, "httpsProxy": dead_proxy, "noProxy": "example.com"}}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    environ = dict.fromkeys(PROXIES, dead_proxy) | {"no_proxy": "", "NO_PROXY": "", "DOCKER_CONFIG": str(tmp_path)}
    stack = make_stack("proxied", {"python-image": serving.outputs()["image"]})
    shutil.rmtree(stack.app)
    stack.app.mkdir()
    (stack.app / "Dockerfile").write_text("ARG PYTHON_IMAGE\nFROM ${PYTHON_IMAGE}\nCOPY stack.txt .\n")
    (stack.app / "stack.txt").write_text(stack.name)
    with stack.configured(release_commands=[SHOWS_PROXIES, "python manage.py migrate --noinput"]):
        stack.up(env=environ)
        assert "proxies []" in stack.outputs()["release_log"]
        assert not [name for name in stack.container("web").attrs["Config"]["Env"] if "proxy" in name.lower()]
        stack.up("--expect-no-changes", env=environ)
    assert "no issues" in stack.make_target("manage", "check", env=environ).stdout
    stack.remove_all()


@pytest.mark.report("pulumi-docker#603")
def test_a_docker_context_that_is_not_there_is_one_line(serving: Stack) -> None:
    gone = {"DOCKER_CONTEXT": "gone"}
    for done in (serving.up(check=False, env=gone), serving.make_target("repair", check=False, env=gone)):
        assert done.returncode != 0
        assert "There is no docker context gone, which DOCKER_CONTEXT asks for" in done.stdout
        assert "Fix: unset DOCKER_CONTEXT" in done.stdout
        assert "Traceback" not in done.stdout


@pytest.mark.report("pulumi#17759")
def test_another_passphrase_in_the_shell_is_named_by_set_up(serving: Stack) -> None:
    machine = Machine(serving.name, serving.env | {"PULUMI_CONFIG_PASSPHRASE": "my own"})
    machine.root = serving.folder
    with pytest.raises(SetupError, match="PULUMI_CONFIG_PASSPHRASE is set in this shell") as error:
        set_up.ensure(machine)
    assert "unset PULUMI_CONFIG_PASSPHRASE" in error.value.remedy
    assert "my own" not in f"{error.value} {error.value.remedy}"
    machine = Machine(serving.name, serving.env)
    machine.root = serving.folder
    set_up.ensure(machine)
