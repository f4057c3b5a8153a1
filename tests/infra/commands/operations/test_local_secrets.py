"""What the logs of a local stack must not show: the secrets of the site, and those that only a process gets."""

from types import SimpleNamespace
from typing import Any

import pytest

from infra.commands import stack
from infra.commands.operations.local import StackOperations
from infra.local.labels import PROCESS


def container(name: str, *variables: str, **labels: str) -> Any:
    return SimpleNamespace(name=f"shop-local-{name}", labels=labels, attrs={"Config": {"Env": list(variables)}})


def test_the_secrets_of_a_process_are_known_and_those_of_the_database_server_are_not_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    there = [
        container("web", "SECRET_KEY=of-the-site-0123456789", "STAGE=local"),
        container("worker-1", "SECRET_KEY=of-the-site-0123456789", "A_TOKEN=of-the-worker-0123", **{PROCESS: "worker"}),
        container("database", "POSTGRES_PASSWORD=of-the-server-0123"),
    ]
    engine = SimpleNamespace(containers=SimpleNamespace(list=lambda **_: there))
    monkeypatch.setattr(stack, "engine", lambda: engine)
    monkeypatch.setattr(stack, "project_name", lambda: "shop")
    found = StackOperations("local", {}).secrets()
    assert {"of-the-site-0123456789", "of-the-worker-0123"} <= set(found)
    assert len(found) == len(set(found))
    assert "of-the-server-0123" not in found
