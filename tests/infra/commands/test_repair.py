"""What `repair` takes for left behind. The engine is scripted; tests/e2e/test_interruption.py has a real one."""

from types import SimpleNamespace
from typing import Any

import pytest
from docker.errors import NotFound

from infra.commands import repair, stack


class Container:
    """A container of the stack; `did` is what was done to it."""

    def __init__(self, name: str, status: str) -> None:
        self.name, self.id, self.status = name, f"id-of-{name}", status
        self.did: list[str] = []

    def stop(self, timeout: int) -> None:
        self.did.append("stop")

    def remove(self, **_: bool) -> None:
        self.did.append("remove")


@pytest.mark.parametrize(
    ("name", "status", "stays"),
    [
        ("shop-local-web", "running", True),  # the state knows it
        ("shop-local-worker-1", "running", False),
        ("shop-local-run-0a1b2c3d", "running", True),
        ("shop-local-run-0a1b2c3d", "exited", False),
    ],
)
def test_a_run_or_a_shell_that_goes_on_is_not_left_behind(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, status: str, stays: bool
) -> None:
    monkeypatch.setattr(stack, "project_name", lambda: "shop")
    container = Container(name, status)
    engine: Any = SimpleNamespace(
        containers=SimpleNamespace(list=lambda **_: [container]), networks=SimpleNamespace(list=lambda **_: [])
    )
    repair.remove_orphans(engine, "local", [{"id": "id-of-shop-local-web"}])
    assert container.did == ([] if stays else ["stop", "remove"])
    said = capsys.readouterr().out
    if stays and "run" in name:
        assert said == f"leaving {name}, which still runs (docker rm --force {name} ends it)\n"


@pytest.mark.parametrize("call", ["stop", "remove"])
def test_a_container_that_goes_by_itself_is_no_failure(monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    def gone(**_: object) -> None:
        raise NotFound("No such container")

    monkeypatch.setattr(stack, "project_name", lambda: "shop")
    containers = [Container("shop-local-worker-1", "running"), Container("shop-local-worker-2", "running")]
    monkeypatch.setattr(containers[0], call, gone)
    engine: Any = SimpleNamespace(
        containers=SimpleNamespace(list=lambda **_: containers), networks=SimpleNamespace(list=lambda **_: [])
    )
    repair.remove_orphans(engine, "local", [])
    assert containers[1].did == ["stop", "remove"]


def test_a_stack_that_was_only_initialised_has_no_resources(monkeypatch: pytest.MonkeyPatch) -> None:
    done = SimpleNamespace(returncode=0, stdout='{"version": 3, "deployment": null}')
    monkeypatch.setattr(repair.subprocess, "run", lambda *_, **__: done)
    assert repair.state("local") == []
