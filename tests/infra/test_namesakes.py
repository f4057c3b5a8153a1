"""Two stacks whose names come out the same on one engine: nothing of one is touched by the other."""

from types import SimpleNamespace
from typing import Any

import pulumi
import pytest

from infra.local import preflight as module
from infra.local.labels import PROJECT, STACK
from infra.settings import Settings
from tests.infra.local.test_preflight import Engine, free_port, on_the_engines_machine, settings

__all__ = ["free_port", "on_the_engines_machine", "settings"]  # fixtures

OURS = {PROJECT: "django-stack", STACK: "local"}
THEIRS = {PROJECT: "django", STACK: "stack-local"}
FIX = "Fix: pulumi stack rename -s local local-2"


def check(engine: Engine, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "connect", lambda: engine)
    module.preflight(settings)


@pytest.mark.report("kubefirst#771")
@pytest.mark.parametrize("part", ["database", "media", "media-files"])
def test_the_volume_of_another_stack_with_such_names_is_not_taken(
    part: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    volume = f"django-stack-local-{part}"
    with pytest.raises(pulumi.RunError, match=f"{volume} already belongs to the stack stack-local of .* django,") as e:
        check(Engine(volumes={volume: THEIRS}), settings, monkeypatch)
    assert FIX in str(e.value)


@pytest.mark.report("kubefirst#771")
def test_neither_is_its_container(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    container = SimpleNamespace(name="django-stack-local-web", labels=THEIRS, ports={}, attrs={"Mounts": []})
    with pytest.raises(pulumi.RunError, match="django-stack-local-web already belongs to the stack"):
        check(Engine([container]), settings, monkeypatch)


@pytest.mark.parametrize("has", [OURS, {}, None, {PROJECT: "django-stack"}], ids=["ours", "none", "null", "half"])
def test_own_volumes_and_those_made_by_hand_are(has: Any, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    check(Engine(volumes={"django-stack-local-media": has}), settings, monkeypatch)
