"""Whose rehearsal `make rehearse` takes for abandoned. The engine is scripted; tests/rehearsal has a real one."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tools.rehearsal import container
from tools.rehearsal.container import LABEL, MACHINE_LABEL, Emulator, RehearsalError


def emulator(owner: str, status: str = "running", **labels: str) -> Emulator:
    """One of another folder, on an engine that has a rehearsal of that owner."""
    found: Any = SimpleNamespace(labels={f"{LABEL}.owner": owner} | labels, status=status, ports={})
    engine: Any = SimpleNamespace(containers=SimpleNamespace(get=lambda _: found))
    return Emulator(engine, owner="/another")


def is_removed(left: Emulator, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether the next rehearsal removes it, and says so."""
    done: list[str] = []
    monkeypatch.setattr(left, "remove", lambda: done.append("removed"))
    left.remove_abandoned(done.append)
    assert "removed" not in done or "a folder that is gone" in done[0]
    return bool(done)


@pytest.mark.parametrize(
    ("machine", "status", "removed"),
    [
        ("this", "running", True),
        ("another", "running", False),
        ("another", "exited", False),
        ("", "running", False),
        ("", "exited", True),
    ],
)
def test_one_whose_folder_is_gone_is_removed_on_its_own_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, machine: str, status: str, *, removed: bool
) -> None:
    label = {"this": container._machine(), "another": "0a1b2c3d4e5f", "": ""}[machine]
    labels = {MACHINE_LABEL: label} if label else {}
    assert is_removed(emulator(str(tmp_path / "gone"), status, **labels), monkeypatch) is removed


def test_the_machine_is_another_in_a_container(monkeypatch: pytest.MonkeyPatch) -> None:
    here = container._machine()
    monkeypatch.setattr(container.socket, "gethostname", lambda: "4f2a9c01b7de")
    assert container._machine() != here


def test_a_folder_that_this_user_may_not_see_is_not_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, **_: bool) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "stat", refuse)
    left = emulator("/home/somebody/project", **{MACHINE_LABEL: container._machine()})
    assert not is_removed(left, monkeypatch)


def test_the_command_that_takes_it_down_is_one_for_any_folder() -> None:
    with pytest.raises(RehearsalError, match=r"Fix: \(cd '/home/some body/project' && make rehearse-down\)"):
        _ = emulator("/home/some body/project").ports
