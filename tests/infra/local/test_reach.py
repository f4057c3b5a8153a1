"""A stack whose ports or folders would be out of this program's reach is refused. The engine here is scripted."""

import hashlib
import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from docker.errors import NotFound

from infra.local import reach
from infra.settings import Settings

NOT_OURS = "192.0.2.0/24"  # TEST-NET-1
OURS = "127.0.0.0/8"
ID = hashlib.sha256(b"a container").hexdigest()

pytestmark = pytest.mark.report("gnomock#856")


class Engine:
    """An engine with one network and perhaps the container in which this program runs."""

    def __init__(self, subnet: str, container: Any = None, name: str = "") -> None:
        bridge = SimpleNamespace(attrs={"IPAM": {"Config": [{"Subnet": subnet}]}})
        self.networks = SimpleNamespace(get=lambda _: bridge)
        self.containers = SimpleNamespace(get=self._container)
        self._this, self._name = container, name or socket.gethostname()

    def _container(self, name: str) -> Any:
        if self._this is None or name != self._name:
            raise NotFound(name)
        return self._this


def this_container(*mounts: tuple[str, str]) -> Any:
    return SimpleNamespace(
        name="tools",
        attrs={"Mounts": [{"Type": "bind", "Source": outside, "Destination": inside} for outside, inside in mounts]},
    )


@pytest.fixture
def settings(as_stack: Any, set_config: Any) -> Settings:
    as_stack()
    set_config({"mount-source": True, "debug": True})
    return Settings.load()


@pytest.fixture
def in_container(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A file as Docker puts it into every container; what is mounted here says nothing."""
    (tmp_path / ".dockerenv").touch()
    monkeypatch.setattr(reach, "MARKS", (tmp_path / ".dockerenv",))
    monkeypatch.setattr(reach, "MOUNTS", tmp_path / "mountinfo")
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    return tmp_path


def test_a_container_is_known_by_the_files_that_docker_and_podman_put_into_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.undo()
    assert {str(mark) for mark in reach.MARKS} == {"/.dockerenv", "/run/.containerenv"}
    assert reach.MOUNTS.is_file(), "Linux lists there what is mounted, with the id of the container"


def test_an_engine_of_this_machine_is_fine(settings: Settings, in_container: Path) -> None:
    assert reach.reach_errors(Engine(OURS), settings) == []


def test_an_engine_in_a_virtual_machine_is_fine(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(reach, "MARKS", (tmp_path / "none",))
    assert reach.reach_errors(Engine(NOT_OURS, this_container()), settings) == []


def test_in_a_container_with_the_hosts_socket_the_ports_are_out_of_reach(
    settings: Settings, in_container: Path
) -> None:
    [error] = reach.reach_errors(Engine(NOT_OURS, this_container()), settings)
    assert "runs in the container tools" in error
    assert "--network host" in error


def test_a_container_with_another_host_name_is_known_by_its_mounts(settings: Settings, in_container: Path) -> None:
    (in_container / "mountinfo").write_text(
        f"1 2 0:1 /var/lib/docker/containers/{ID}/resolv.conf /etc/resolv.conf rw\n"
    )
    [error] = reach.reach_errors(Engine(NOT_OURS, this_container(), ID), settings)
    assert "runs in the container tools" in error


def test_with_the_hosts_network_the_source_must_be_at_the_same_path_outside(
    settings: Settings, in_container: Path
) -> None:
    root = str(settings.app_path.parent)
    [error] = reach.reach_errors(Engine(OURS, this_container((root, "/elsewhere"))), settings)
    assert f"--volume {settings.app_path}:{settings.app_path}" in error
    assert "pulumi config set -s local mount-source false" in error
    assert reach.reach_errors(Engine(OURS, this_container((root, root))), settings) == []


def test_an_engine_on_another_machine_is_refused_with_what_chose_it(
    settings: Settings, in_container: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "ssh://me@box")
    [error] = reach.reach_errors(Engine(NOT_OURS), settings)
    assert "on another machine (ssh://me@box, by DOCKER_HOST)" in error
    assert "unset DOCKER_HOST" in error
    assert reach.reach_errors(Engine(OURS), settings) == []  # the name of this very machine
