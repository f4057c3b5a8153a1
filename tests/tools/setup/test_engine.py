"""The Docker engine: used when it runs, installed for root on Debian, else one error that says what to do."""

import hashlib
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from infra import endpoint
from tests.tools.setup.conftest import FakeMachine
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
    monkeypatch.setattr(engine, "PROC", tmp_path / "no-processes")
    monkeypatch.setattr(endpoint, "DEFAULT", f"unix://{tmp_path}/docker.sock")
    return machine


def test_a_running_engine_is_used(machine: FakeMachine) -> None:
    machine.programs["docker"] = "/usr/bin/docker"
    machine.answers[VERSION] = (0, "28.1.0\n", "")
    engine.ensure(machine)
    assert machine.printed == ["Docker 28.1.0 is running"]
    assert machine.did == []


def test_root_on_debian_gets_one(debian: FakeMachine) -> None:
    engine.ensure(debian)
    update, install, start = debian.did
    assert update.endswith("update")
    assert install.endswith("install --yes --no-install-recommends docker.io iptables iproute2 ca-certificates")
    assert start == "dockerd"
    assert "no Docker engine here" in debian.everything_said()
    assert "INSTALL_DOCKER=0" in debian.everything_said()
    assert debian.printed[-1] == "Docker 20.10.24 is running"


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
        ({"environ": {"DOCKER_CONTEXT": "far"}}, "There is no docker context far", "unset DOCKER_CONTEXT"),
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


@contextmanager
def socket_at(path: Path) -> Iterator[None]:
    """Somebody who listens there."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        yield


def choose_context(machine: FakeMachine, name: str, host: str) -> None:
    """What `docker context create` and `docker context use` write."""
    meta = machine.home / ".docker/contexts/meta" / hashlib.sha256(name.encode()).hexdigest() / "meta.json"
    meta.parent.mkdir(parents=True)
    meta.write_text(json.dumps({"Name": name, "Endpoints": {"docker": {"Host": host, "SkipTLSVerify": False}}}))
    (machine.home / ".docker/config.json").write_text(json.dumps({"currentContext": name}))


@pytest.mark.report("pulumi-docker#603")
def test_the_engine_of_a_docker_context_is_used_said_and_handed_to_every_later_step(
    debian: FakeMachine, tmp_path: Path
) -> None:
    choose_context(debian, "far", f"unix://{tmp_path}/far.sock")
    debian.programs["docker"] = "/usr/bin/docker"
    debian.answers[VERSION] = (0, "28.1.0\n", "")
    engine.ensure(debian)
    [printed] = debian.printed
    assert printed.startswith(f"Docker 28.1.0 is running at unix://{tmp_path}/far.sock (the docker context far")
    assert debian.environ["DOCKER_HOST"] == f"unix://{tmp_path}/far.sock"


@pytest.mark.report("pulumi-docker#603")
def test_no_engine_is_started_when_the_chosen_context_is_dead(debian: FakeMachine, tmp_path: Path) -> None:
    choose_context(debian, "far", f"unix://{tmp_path}/far.sock")
    debian.programs.update(docker="/usr/bin/docker", dockerd="/usr/sbin/dockerd")
    debian.answers[VERSION] = STOPPED
    with pytest.raises(SetupError, match="engine of the docker context far") as error:
        engine.ensure(debian)
    assert "docker context use default" in error.value.remedy
    assert debian.did == []


@pytest.mark.report("pulumi-docker#603")
def test_no_engine_is_started_beside_a_daemon_that_runs(
    debian: FakeMachine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "proc/4711").mkdir(parents=True)
    (tmp_path / "proc/4711/comm").write_text("dockerd\n")
    (tmp_path / "proc/4711/stat").write_text("4711 (dockerd) S 1 4711")
    monkeypatch.setattr(engine, "PROC", tmp_path / "proc")
    monkeypatch.setattr(engine, "DAEMON_SECONDS", 0)
    debian.programs.update(docker="/usr/bin/docker", dockerd="/usr/sbin/dockerd")
    debian.answers[VERSION] = STOPPED
    with pytest.raises(SetupError, match=r"dockerd, process 4711.* does not answer"):
        engine.ensure(debian)
    assert debian.did == []


def test_a_daemon_of_which_only_the_entry_among_the_processes_is_left_is_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "4711").mkdir()
    (tmp_path / "4711/comm").write_text("dockerd\n")
    (tmp_path / "4711/stat").write_text("4711 (dockerd) Z 1 4711")
    monkeypatch.setattr(engine, "PROC", tmp_path)
    assert engine.daemon() is None


def test_a_daemon_that_is_just_ending_is_waited_for(debian: FakeMachine, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = iter([4711, None])
    monkeypatch.setattr(engine, "daemon", lambda: next(numbers))
    monkeypatch.setattr(engine.time, "sleep", lambda _: None)
    debian.programs.update(docker="/usr/bin/docker")
    debian.answers[VERSION] = STOPPED
    assert engine.another_daemon(debian, "it does not answer") == ""


@pytest.mark.report("pulumi-docker#603")
def test_no_engine_is_started_over_a_socket_at_which_somebody_listens(debian: FakeMachine, tmp_path: Path) -> None:
    debian.programs.update(docker="/usr/bin/docker", dockerd="/usr/sbin/dockerd")
    debian.answers[VERSION] = STOPPED
    with socket_at(tmp_path / "docker.sock"), pytest.raises(SetupError, match="another program") as error:
        engine.ensure(debian)
    assert "DOCKER_HOST" in error.value.remedy
    assert debian.did == []


@pytest.mark.report("gnomock#856")
def test_in_a_container_with_the_hosts_socket_only_the_client_is_installed(debian: FakeMachine, tmp_path: Path) -> None:
    debian.answers["apt-cache show"] = (0, "", "")
    debian.effects["apt-get -q -o DPkg::Lock::Timeout=300 install"] = lambda _: (
        debian.programs.update(docker="/usr/bin/docker"),
        debian.answers.update({VERSION: (0, "28.1.0", "")}),
    )
    with socket_at(tmp_path / "docker.sock"):
        engine.ensure(debian)
    assert debian.did[1].endswith("install --yes --no-install-recommends docker-cli")
    assert len(debian.did) == 2


@pytest.mark.report("pulumi-docker#603")
def test_the_log_of_an_earlier_daemon_is_kept(
    machine: FakeMachine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program, log = tmp_path / "dockerd", tmp_path / "dockerd.log"
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o755)
    log.write_text("what the first one said")
    machine.environ["PATH"] = f"{tmp_path}:/bin:/usr/bin"
    monkeypatch.setattr(engine, "LOG", log)
    with pytest.raises(SetupError):
        engine.launch(machine, [])
    assert (tmp_path / "dockerd.log.1").read_text() == "what the first one said"
