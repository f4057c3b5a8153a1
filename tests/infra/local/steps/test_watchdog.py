"""The watchdog of a release acts when the release ends without dismissing it; tests/e2e kill a real one."""

import io
import subprocess
import sys
from typing import Any

import pytest
from docker.errors import DockerException

from infra import endpoint
from infra.local.steps import watchdog
from infra.watchdog import DONE, Watchdog
from tests.infra.local.steps.engine import Engine


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The runs that the watchdog looks for."""
    runs: list[str] = []
    monkeypatch.setattr(watchdog, "remove_what_comes", runs.append)
    monkeypatch.setattr(sys, "argv", ["watchdog", "run-1"])
    return runs


@pytest.mark.parametrize(("told", "found"), [(b"", ["run-1"]), (DONE[:3], ["run-1"]), (DONE, [])])
def test_it_looks_unless_it_was_dismissed(
    monkeypatch: pytest.MonkeyPatch, looks: list[str], told: bytes, found: list[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(told)))
    watchdog.main()
    assert looks == found
    assert sys.stdin.read() == "", "it read to the end first"


def test_it_looks_for_containers_that_come_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that restarts in between has a minute to come back."""
    now, looks = [0.0], []
    monkeypatch.setattr(watchdog.time, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    monkeypatch.setattr(watchdog.time, "monotonic", lambda: now[0])
    engine = Engine()

    def client() -> Engine:
        looks.append(now[0])
        if now[0] < 20:
            raise DockerException("restarting")
        return engine

    monkeypatch.setattr(endpoint, "client", client)
    watchdog.remove_what_comes("run-1")
    asked = {"all": True, "filters": {"label": "django-stack.release-run=run-1"}, "ignore_removed": True}
    assert engine.asked == [asked] * 5
    assert looks[-1] == 24, "once a second"
    now[0], looks[:] = 0.0, []
    monkeypatch.setattr(endpoint, "client", lambda: (looks.append(now[0]), client)[1]() if now[0] > 1000 else _gone())
    watchdog.remove_what_comes("run-1")
    assert now[0] == 60


def _gone() -> Any:
    raise DockerException("gone")


def test_a_dismissed_one_is_gone_at_once_and_never_loaded_docker(monkeypatch: pytest.MonkeyPatch) -> None:
    """While it waits, the release has the processor."""
    started: list[subprocess.Popen[bytes]] = []
    real = subprocess.Popen

    def popen(command: list[str], **options: Any) -> subprocess.Popen[bytes]:
        module = [sys.executable, "-X", "importtime", *command[1:]]
        started.append(real(module, **options | {"stderr": subprocess.PIPE}))
        return started[0]

    monkeypatch.setattr(subprocess, "Popen", popen)
    dog = Watchdog(watchdog.__name__, "run-1")
    dog.dismiss()
    dog.close()
    assert started[0].stderr is not None
    loaded = {line.rpartition("|")[2].strip() for line in started[0].stderr.read().decode().splitlines()}
    assert started[0].wait(10) == 0
    assert "subprocess" in loaded
    assert not loaded & {"docker", "requests", "infra.endpoint"}
