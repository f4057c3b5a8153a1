"""The real `pulumi` engine with these plugins: what a user sees and what the state keeps."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import docker
import pytest
from plugin_harness import BASE_IMAGE, Project

pytestmark = pytest.mark.pulumi

STACK = """
import pulumi, pulumi_command as command, pulumi_docker as docker, pulumi_random as random
name = {name!r}
password = random.RandomPassword("password", length=24)
network = docker.Network("network", name=name)
volume = docker.Volume("volume", name=name)
base = docker.RemoteImage("base", name={base!r}, keep_locally=True)
image = docker.Image("image", image_name=name + ":1", skip_push=True, build={{"context": {context!r}}})
container = docker.Container(
    "container", name=name, image=image.repo_digest, command=["sleep", "60"],
    envs=[pulumi.Output.concat("PASSWORD=", password.result)], network_mode="bridge",
    networks_advanced=[{{"name": network.name, "aliases": ["web"]}}],
    volumes=[{{"volume_name": volume.name, "container_path": "/data"}}],
    healthcheck={{"tests": ["CMD-SHELL", {check!r}], "interval": "1s"}}, wait=True, wait_timeout=3,
    opts=pulumi.ResourceOptions(replace_on_changes=["*"], delete_before_replace=True))
release = command.local.Command(
    "release", create={release!r}, environment={{"PASSWORD": password.result}}, triggers=[image.repo_digest],
    opts=pulumi.ResourceOptions(additional_secret_outputs=["stdout"]))
pulumi.export("password", password.result)
pulumi.export("log", release.stdout)
"""


@pytest.fixture
def stack(project: Project, unique: str, tmp_path: Path) -> "Stack":
    context = tmp_path / "context"
    context.mkdir()
    (context / "Dockerfile").write_text(f"FROM {BASE_IMAGE}\nCOPY . /app\n")
    return Stack(project, unique, context)


class Stack:
    """All types in one program."""

    def __init__(self, project: Project, name: str, context: Path) -> None:
        self.project, self.name, self.context = project, name, context
        self.write()

    def write(self, check: str = "true", release: str = "echo $PASSWORD") -> None:
        values = {"name": self.name, "base": BASE_IMAGE, "context": str(self.context)}
        self.project.write(STACK.format(**values, check=check, release=release))


@pytest.mark.docker
def test_a_second_up_changes_nothing_and_no_secret_is_in_the_state(
    stack: Stack, docker_engine: docker.DockerClient
) -> None:
    output = stack.project.up()
    assert "warning" not in output
    stack.project.up("--expect-no-changes")
    stack.project.up("--refresh", "--expect-no-changes")
    environment = docker_engine.containers.get(stack.name).attrs["Config"]["Env"]
    password = next(entry for entry in environment if entry.startswith("PASSWORD=")).removeprefix("PASSWORD=")
    assert password not in stack.project.run("stack", "export")
    assert password in stack.project.run("stack", "output", "--show-secrets", "log")


@pytest.mark.docker
def test_a_changed_context_shows_in_the_preview_and_replaces_what_uses_it(stack: Stack) -> None:
    stack.project.up()
    (stack.context / "new").write_text("file")
    preview = stack.project.run("preview", "--color", "never")
    assert "1 to update" in preview and "+-2 to replace" in preview
    assert "+-2 replaced" in stack.project.up()
    stack.project.up("--expect-no-changes")


@pytest.mark.docker
def test_what_was_removed_by_hand_comes_back_with_refresh(stack: Stack, docker_engine: docker.DockerClient) -> None:
    stack.project.up()
    docker_engine.containers.get(stack.name).remove(force=True)
    assert "+ 1 created" in stack.project.up("--refresh")
    stack.project.up("--expect-no-changes")


@pytest.mark.docker
def test_a_half_made_container_is_replaced_by_the_next_up(stack: Stack) -> None:
    stack.write(check="test -e /app/healthy")
    output = stack.project.up(fails=True)
    assert "failed to be in healthy state within 3 s" in output
    assert "Traceback" not in output
    assert stack.project.resources()["container"]["initErrors"]
    (stack.context / "healthy").write_text("")
    assert "+-" in stack.project.up()
    assert "initErrors" not in stack.project.resources()["container"]
    stack.project.up("--expect-no-changes")


@pytest.mark.docker
def test_a_failed_release_is_not_recorded_and_runs_again(stack: Stack) -> None:
    stack.write(release="echo half way; echo went wrong >&2; exit 3")
    output = stack.project.up(fails=True)
    assert "half way" in output and "went wrong" in output
    assert "Traceback" not in output
    assert "release" not in stack.project.resources()
    stack.write()
    assert "release" in stack.project.up()
    assert "release" in stack.project.resources()


@pytest.mark.docker
def test_destroy_leaves_nothing_but_the_image(stack: Stack, docker_engine: docker.DockerClient) -> None:
    stack.project.up()
    stack.project.run("destroy", "--yes", "--skip-preview")
    assert not docker_engine.containers.list(all=True, filters={"name": stack.name}, ignore_removed=True)
    assert not docker_engine.networks.list(names=[stack.name])
    assert not docker_engine.volumes.list(filters={"name": stack.name})
    assert docker_engine.images.list(f"{stack.name}:1")


def test_the_program_gets_its_settings(project: Project) -> None:
    project.run("config", "set", "colour", "green")
    project.run("config", "set", "--secret", "word", "sesame")
    project.write(
        "import os, pulumi\n"
        "config = pulumi.Config()\n"
        "print('a line of output')\n"
        "pulumi.export('colour', config.require('colour'))\n"
        "pulumi.export('word', config.require_secret('word'))\n"
        "pulumi.export('where', [pulumi.get_project(), pulumi.get_stack(), os.path.basename(os.getcwd())])\n"
        "pulumi.export('root', pulumi.get_root_directory())\n"
    )
    output = project.up()
    assert "a line of output" in output
    assert "[secret]" in output and "sesame" not in output
    for expected in ("green", "plugins-test", "infra", str(project.folder)):
        assert expected in output


def test_an_exception_is_shown_once_from_the_programs_own_lines_on(project: Project) -> None:
    project.write("def broken():\n    raise ValueError('on purpose')\n\nbroken()\n")
    output = project.up(fails=True)
    diagnostics = output[output.index("Diagnostics:") :]
    assert diagnostics.count("ValueError: on purpose") == 1
    assert diagnostics.count("Traceback") == 1
    assert "runpy" not in diagnostics and "run_in_stack" not in diagnostics
    assert "exited with" not in diagnostics


def test_a_run_error_is_shown_without_a_traceback(project: Project) -> None:
    project.write("import pulumi\nraise pulumi.RunError('web-port: 99999 is no port')\n")
    output = project.up(fails=True)
    assert output[output.index("Diagnostics:") :].count("web-port: 99999 is no port") == 1
    assert "Traceback" not in output and "exited with" not in output


def test_an_exit_code_is_told(project: Project) -> None:
    project.write("import sys\nsys.exit(5)\n")
    assert "the program exited with code 5" in project.up(fails=True)


def test_a_virtualenv_that_is_not_there_is_one_clear_line(project: Project) -> None:
    path = project.folder / "Pulumi.yaml"
    original = path.read_text()
    path.write_text("name: plugins-test\nmain: infra\nruntime: {name: python, options: {virtualenv: .venv}}\n")
    output = project.up(fails=True)
    assert f"the runtime option virtualenv is '.venv', but {project.folder}/.venv/bin/python does not exist" in output
    path.write_text(original)


def test_a_virtualenv_is_relative_to_pulumi_yaml(project: Project) -> None:
    (project.folder / ".venv").symlink_to(sys.prefix)
    path = project.folder / "Pulumi.yaml"
    path.write_text("name: plugins-test\nmain: infra\nruntime: {name: python, options: {virtualenv: .venv}}\n")
    project.write("import sys, pulumi\npulumi.export('python', sys.prefix)\n")
    assert sys.prefix in project.up()


def test_about_and_dependencies_are_answered(project: Project) -> None:
    output = project.run("about", "--json")
    assert '"name": "pulumi' in output or '"name": "pulumi_' in output


RELEASE = """
import pulumi_command as command
command.local.Command("release", create="echo $$ > {pid}; echo up; trap 'exit 9' INT; while :; do sleep 0.1; done")
"""


def running(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def wait_for_file(path: Path) -> int:
    deadline = time.monotonic() + 30
    while not path.exists() or not path.read_text().strip():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return int(path.read_text())


def children(pid: int) -> list[int]:
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return [int(line) for line in found.stdout.split()]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_ending_pulumi_ends_the_command_and_the_plugins(
    project: Project, tmp_path: Path, number: signal.Signals
) -> None:
    project.write(RELEASE.format(pid=tmp_path / "pid"))
    pulumi = project.start("up", "--yes", "--skip-preview")
    command = wait_for_file(tmp_path / "pid")
    plugins = children(pulumi.pid)
    assert plugins
    try:
        pulumi.send_signal(number)
        output, _ = pulumi.communicate(timeout=30)
        assert "Traceback" not in output
        deadline = time.monotonic() + 15
        while any(map(running, [command, *plugins])):
            assert time.monotonic() < deadline, [pid for pid in (command, *plugins) if running(pid)]
            time.sleep(0.1)
    finally:
        for pid in filter(running, [command, *plugins]):
            os.kill(pid, signal.SIGKILL)
    project.run("cancel", "--yes")
    project.run("refresh", "--yes", "--skip-preview", "--clear-pending-creates")
