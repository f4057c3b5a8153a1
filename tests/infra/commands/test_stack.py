"""The commands find the web of the project in the working directory, and hand on what it says and how it ends."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import docker
import pytest

from infra.local.labels import PROJECT, STACK, STATE, state

pytestmark = pytest.mark.docker
PROGRAM = Path(sys.executable).with_name("django-stack")
MANAGE = """
import sys
print("arguments:", *sys.argv[1:])
print("terminal:", sys.stdout.isatty(), "input:", sys.stdin.read())
sys.exit(7)
"""
# What a web does as far as the commands see it: it is published, prints its log and has a manage.py.
SERVE = """
import os, pathlib, signal, sys, time
pathlib.Path("manage.py").write_text(os.environ["MANAGE"])
signal.signal(signal.SIGTERM, lambda *_: sys.exit())
print("begin", os.environ["SECRET_KEY"], "end", flush=True)
time.sleep(300)
"""


@dataclass(frozen=True)
class Web:
    """A web's container of the stack pr-12, of a project of its own in `folder`."""

    folder: Path
    project: str

    def run(self, *arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [PROGRAM, *arguments], cwd=self.folder, input=text, capture_output=True, text=True, check=False, timeout=60
        )


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    folder, project = tmp_path_factory.mktemp("project"), f"commands-{uuid4().hex[:8]}"
    (folder / "Pulumi.yaml").write_text(f"name: {project}\n")
    container = docker.from_env().containers.run(
        "python:3.13-slim-trixie",
        ["python", "-c", SERVE],
        name=f"{project}-pr-12-web",
        working_dir="/work",
        environment={"DOMAIN": "pr-12.localhost", "SECRET_KEY": "TOPSECRET-0a1b2c3d", "MANAGE": MANAGE},
        labels={PROJECT: project, STACK: "pr-12", STATE: state()},
        ports={"8000/tcp": ("127.0.0.1", None)},
        detach=True,
    )
    try:
        until = time.monotonic() + 30
        while b"end" not in container.logs() and time.monotonic() < until:
            time.sleep(0.1)
        yield Web(folder, project)
    finally:
        container.remove(force=True)


def test_manage_hands_on_arguments_input_and_exit_status(web: Web) -> None:
    done = web.run("manage", "-s", "pr-12", "loaddata", "--format", "json", "-", "-s", "x", text="[]")
    assert done.returncode == 7
    assert done.stdout == "arguments: loaddata --format json - -s x\nterminal: False input: []\n"
    assert web.run("manage", "--stack", "pr-12", "--", "--version").stdout.startswith("arguments: --version\n")


def test_manage_refuses_to_write_source_that_is_not_mounted(web: Web) -> None:
    done = web.run("manage", "-s", "pr-12", "makemigrations")
    assert done.returncode == 1
    assert done.stderr.endswith("Fix: pulumi config set -s pr-12 mount-source true, then pulumi up -s pr-12\n")


def test_ready_says_where_the_site_is_and_how_to_go_on_with_this_stack(web: Web) -> None:
    output = web.run("ready", "-s", "pr-12").stdout
    assert "The site is up: http://pr-12.localhost:" in output
    assert "make manage STACK=pr-12 ARGS=createsuperuser" in output


def test_logs_redact_secrets_and_end_quietly_with_control_c(web: Web) -> None:
    logs = subprocess.Popen(
        [PROGRAM, "logs", "-s", "pr-12"],
        cwd=web.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert logs.stdout is not None
    assert logs.stdout.readline() == "begin [secret] end\n"
    os.killpg(logs.pid, signal.SIGINT)
    out, error = logs.communicate(timeout=30)
    assert (logs.returncode, out, error.strip()) == (130, "", "")


def test_another_stack_of_the_project_is_not_there(web: Web) -> None:
    done = web.run("logs", "-s", "local")
    assert (done.returncode, done.stderr) == (
        1,
        f"There is no container {web.project}-local-web. Fix: make local\n",
    )


def test_a_container_of_another_state_is_not_the_stacks(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_BACKEND_URL", "file:///nowhere")
    assert web.run("ready", "-s", "pr-12").stderr == (
        f"The container {web.project}-pr-12-web is not running. Fix: make local STACK=pr-12\n"
    )
