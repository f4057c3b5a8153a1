"""What counts as a process of a local stack: the app's containers, whatever they are called, and not the servers."""

from types import SimpleNamespace
from typing import Any

import pytest

from infra.commands import stack
from infra.commands.operations import local
from infra.commands.operations.local import StackOperations
from infra.local.labels import PROCESS


def container(name: str, **labels: str) -> Any:
    attrs = {
        "Config": {"Env": ["DOMAIN=localhost"]},
        "State": {"StartedAt": "2026-11-28T10:00:00.123456789Z"},
        "Image": "sha256:0",
    }
    return SimpleNamespace(
        name=f"shop-local-{name}", labels=labels, attrs=attrs, status="running", ports={}, image=None
    )


@pytest.mark.parametrize("process", ["worker", "schedules"])
def test_a_process_is_in_the_status_also_by_the_name_of_a_section(
    monkeypatch: pytest.MonkeyPatch, process: str
) -> None:
    there = [
        *(container(name) for name in ("web", "database", "media", "cache", "mail", "release", "scheduler")),
        container(f"{process}-1", **{PROCESS: process}),
        container(f"{process}-2", **{PROCESS: process}),
    ]
    engine = SimpleNamespace(containers=SimpleNamespace(list=lambda **_: there))
    monkeypatch.setattr(stack, "engine", lambda: engine)
    monkeypatch.setattr(stack, "project_name", lambda: "shop")
    monkeypatch.setattr(local, "ask", lambda *_: {})
    found = StackOperations("local", {}).status(cost=False).processes
    assert {one.name: one.running for one in found} == {"web": 1, "scheduler": 1, process: 2}
