"""A watchdog is a process beside a step, which hears when that ended. What one does then is tested with its step."""

import io
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from infra.watchdog import DONE, Watchdog, left_behind
from tests.waiting import wait_until

LOCAL = "infra.local.steps.watchdog"


@pytest.mark.parametrize(
    ("told", "left"),
    [(b"", []), (b"one\ntwo\n", ["one", "two"]), (DONE[:3], ["don"]), (DONE, None), (b"one\n" + DONE, None)],
)
def test_it_hears_what_was_left_behind(monkeypatch: pytest.MonkeyPatch, told: bytes, left: list[str] | None) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(told)))
    assert left_behind() == left


@pytest.mark.parametrize("module", [LOCAL, "infra.cloud.steps.watchdog"])
def test_one_that_waits_has_loaded_no_client(module: str) -> None:
    program = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert not set(done.stdout.split()) & {"docker", "requests", "boto3", "botocore", "pulumi", "infra.cloud.aws"}


def test_it_is_a_process_in_a_session_of_its_own_without_the_passphrase(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Any] = []

    def popen(command: list[str], **options: Any) -> Any:
        started.append((command, options))
        return SimpleNamespace(stdin=io.BytesIO())

    monkeypatch.setattr(subprocess, "Popen", popen)
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "TOPSECRET")
    monkeypatch.setenv("DOCKER_HOST", "unix:///run/docker.sock")
    Watchdog(LOCAL, "run-1")
    [(command, options)] = started
    assert command == [sys.executable, "-m", LOCAL, "run-1"]
    assert options["start_new_session"] is True, "or Ctrl-C would end it as well"
    assert "PULUMI_CONFIG_PASSPHRASE" not in options["env"]
    assert options["env"]["DOCKER_HOST"] == "unix:///run/docker.sock"


def test_one_that_somebody_killed_is_no_failure() -> None:
    dog = Watchdog(LOCAL, "run-1")

    def watching() -> list[psutil.Process]:
        return [child for child in psutil.Process().children() if LOCAL in child.cmdline()]

    [process] = wait_until(watching, "its command line, which is empty for a moment after its start")
    process.kill()
    wait_until(lambda: process.status() == psutil.STATUS_ZOMBIE, "its end")
    dog.dismiss()
    dog.close()
