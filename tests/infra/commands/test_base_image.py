"""`django-stack base-image` pins what the registry has now, and changes nothing else."""

import subprocess
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner, Result
from docker.errors import APIError, DockerException

from infra.commands import base_image, stack
from infra.names import IMAGE

TAG = "python:3.13-slim-trixie"
OLD, NEW = f"sha256:{'0' * 64}", f"sha256:{'1a' * 32}"


class Machine:
    """A registry that has NEW under each tag, and the stack's config."""

    def __init__(self) -> None:
        self.value: str | None = None
        self.asked: list[str] = []
        self.changes: list[tuple[str, ...]] = []

    def registry(self, name: str) -> Any:
        self.asked.append(name)
        if name.startswith("nobodys"):
            raise APIError("500", explanation="unauthorized")
        if name.startswith("podmans"):
            raise APIError("404", explanation="Not Found")
        if name.startswith("private"):
            raise DockerException("Credentials store error: StoreError('docker-credential-desktop not installed')")
        return SimpleNamespace(id=NEW)

    def pulumi(self, command: list[str], **_: Any) -> "subprocess.CompletedProcess[str]":
        assert command[:2] == ["pulumi", "config"]
        verb, *rest = command[2:]
        assert rest[:2] == ["--stack", "cloud"]
        if verb == "set":
            self.changes.append(tuple(command[-2:]))
        found = self.value is not None or verb == "set"
        return subprocess.CompletedProcess(command, 0 if found else 255, f"{self.value}\n", "not found")


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine()
    engine = SimpleNamespace(images=SimpleNamespace(get_registry_data=made.registry))
    monkeypatch.setattr(stack, "engine", lambda: engine)
    monkeypatch.setattr(subprocess, "run", made.pulumi)
    return made


def run() -> Result:
    return CliRunner().invoke(base_image.command, ["-s", "cloud"])


@pytest.mark.parametrize("before", [None, TAG, f"{TAG}@{OLD}"])
def test_the_digest_that_the_registry_has_now_is_pinned(machine: Machine, before: str | None) -> None:
    machine.value = before
    done = run()
    assert done.exit_code == 0, done.output
    assert machine.asked == [TAG]
    assert machine.changes == [("python-image", f"{TAG}@{NEW}")]
    assert IMAGE.fullmatch(f"{TAG}@{NEW}"), "the setting takes it"
    assert "Next: pulumi up -s cloud" in done.output


def test_the_newest_one_stays(machine: Machine) -> None:
    machine.value = f"{TAG}@{NEW}"
    done = run()
    assert done.exit_code == 0
    assert "is the newest already" in done.output
    assert not machine.changes


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nobodys/image:1", "unauthorized. Nothing was changed. Fix: check the name"),
        ("private/image:1", "not installed'). Nothing was changed. Fix: remove `credsStore`"),
        ("podmans/image:1", "(Not Found). Nothing was changed. Fix: docker pull podmans/image:1, and set python-image"),
        ("No Image", "is no image"),
    ],
)
def test_a_registry_that_does_not_tell_changes_nothing(machine: Machine, name: str, message: str) -> None:
    machine.value = name
    done = run()
    assert done.exit_code == 1
    assert message in done.output
    assert "Fix: " in done.output
    assert not machine.changes
