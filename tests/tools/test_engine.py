"""The Docker engine: used when it runs, installed for root on Debian, else one error that says what to do."""

from pathlib import Path

import pytest

from tests.tools.conftest import FakeMachine
from tools.setup import engine
from tools.setup.machine import SetupError

VERSION = "docker version"
STOPPED = (1, "", "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?")


@pytest.fixture
def debian(machine: FakeMachine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeMachine:
    """Root on Debian without an engine; dockerd comes up as soon as it is launched."""
    machine.is_root = True
    machine.programs["apt-get"] = "/usr/bin/apt-get"
    machine.answers["apt-cache show"] = (100, "", "")

    def launch(_: FakeMachine, options: list[str]) -> str:
        machine.did.append(" ".join(["dockerd", *options]))
        return "20.10.24"

    monkeypatch.setattr(engine, "launch", launch)
    monkeypatch.setattr(engine, "SYSTEMD", tmp_path / "no-systemd")
    return machine


def test_a_running_engine_is_used(machine: FakeMachine) -> None:
    machine.programs["docker"] = "/usr/bin/docker"
    machine.answers[VERSION] = (0, "28.1.0\n", "")
    engine.ensure(machine)
    assert machine.said == ["Docker 28.1.0 is running"]
    assert machine.did == []


def test_root_on_debian_gets_one(debian: FakeMachine) -> None:
    engine.ensure(debian)
    update, install, start = debian.did
    assert update.endswith("update")
    assert install.endswith("install --yes --no-install-recommends docker.io iptables iproute2 ca-certificates")
    assert start == "dockerd"
    assert "no Docker engine here" in debian.everything_said()
    assert "INSTALL_DOCKER=0" in debian.everything_said()
    assert debian.said[-1] == "Docker 20.10.24 is running"


def test_the_command_line_client_is_installed_where_it_is_a_package_of_its_own(debian: FakeMachine) -> None:
    debian.answers["apt-cache show"] = (0, "", "")
    engine.ensure(debian)
    assert "docker.io docker-cli" in debian.did[1]


def test_an_installed_engine_is_only_started(debian: FakeMachine) -> None:
    debian.programs.update(docker="/usr/bin/docker", dockerd="/usr/sbin/dockerd")
    debian.answers[VERSION] = STOPPED
    engine.ensure(debian)
    assert debian.did == ["dockerd"]


def test_systemd_starts_it_where_that_runs(
    debian: FakeMachine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    debian.programs.update(docker="/usr/bin/docker", dockerd="/usr/sbin/dockerd")
    debian.answers[VERSION] = STOPPED
    debian.effects["systemctl start docker"] = lambda _: debian.answers.update({VERSION: (0, "20.10.24", "")})
    monkeypatch.setattr(engine, "SYSTEMD", tmp_path)
    engine.ensure(debian)
    assert debian.did == ["systemctl start docker"]


def test_where_overlay_mounts_are_refused_vfs_is_used(
    debian: FakeMachine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    log = tmp_path / "dockerd.log"

    def launch(_: FakeMachine, options: list[str]) -> str:
        debian.did.append(" ".join(["dockerd", *options]))
        if options:
            return "20.10.24"
        log.write_text("failed to start daemon: error initializing graphdriver: driver not supported\n")
        raise SetupError("the Docker engine does not start")

    monkeypatch.setattr(engine, "LOG", log)
    monkeypatch.setattr(engine, "launch", launch)
    debian.programs.update(docker="/usr/bin/docker", dockerd="/usr/sbin/dockerd")
    debian.answers[VERSION] = STOPPED
    engine.ensure(debian)
    assert debian.did == ["dockerd", "dockerd --storage-driver=vfs"]


def test_an_engine_that_ends_at_once_is_reported_with_the_end_of_its_log(
    machine: FakeMachine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "dockerd"
    program.write_text("#!/bin/sh\necho 'failed to start daemon: no iptables'\nexit 1\n")
    program.chmod(0o755)
    machine.environ["PATH"] = f"{tmp_path}:/bin:/usr/bin"
    monkeypatch.setattr(engine, "LOG", tmp_path / "dockerd.log")
    with pytest.raises(SetupError, match="no iptables") as error:
        engine.launch(machine, [])
    assert str(tmp_path / "dockerd.log") in error.value.remedy


@pytest.mark.parametrize(
    ("change", "problem", "remedy"),
    [
        ({}, "there is no `docker` command", "sudo apt-get install docker.io"),
        ({"system": "Darwin"}, "no Docker engine answers", "colima"),
        ({"is_root": True, "environ": {"INSTALL_DOCKER": "0"}}, "no Docker engine answers", "unset INSTALL_DOCKER"),
        ({"is_root": True, "environ": {"DOCKER_HOST": "tcp://box:1"}}, "DOCKER_HOST=tcp://box:1", "unset DOCKER_HOST"),
        ({"environ": {"DOCKER_CONTEXT": "far"}}, "DOCKER_CONTEXT=far does not answer", "unset DOCKER_CONTEXT"),
    ],
)
def test_what_only_a_person_can_mend_is_one_clear_error(
    machine: FakeMachine, change: dict[str, object], problem: str, remedy: str
) -> None:
    machine.programs["apt-get"] = "/usr/bin/apt-get"
    for name, value in change.items():
        setattr(machine, name, value)
    with pytest.raises(SetupError, match=problem) as error:
        engine.ensure(machine)
    assert remedy in error.value.remedy
    assert machine.did == []


def test_a_socket_that_may_not_be_used_names_the_docker_group(machine: FakeMachine) -> None:
    machine.programs["docker"] = "/usr/bin/docker"
    machine.answers[VERSION] = (1, "", "permission denied while trying to connect to the Docker daemon socket")
    with pytest.raises(SetupError, match="you may not use the Docker engine") as error:
        engine.ensure(machine)
    assert "usermod -aG docker" in error.value.remedy
