"""The base image is the official one, or a rehearsal's stand-in, and not old."""

import time
from typing import Any

import pulumi
import pytest
from docker.errors import APIError, ImageNotFound

from infra.cloud import preflight as module
from infra.settings import Settings
from tests.infra.cloud.preflight_machine import BASE, DAY, refusal


def test_a_stand_in_for_the_base_image_is_refused(machine: Any, settings: Settings) -> None:
    machine.image.labels["django-stack.stand-in"] = BASE
    message = refusal(settings)
    assert f"python-image is {BASE}, and this machine has a stand-in for it" in message
    assert f"docker rmi {BASE}" in message


@pytest.mark.parametrize("url", ["http://127.0.0.1:4566", "http://localhost:4566", "http://[::1]:4566"])
def test_a_rehearsal_on_this_machine_may_have_a_stand_in_for_the_base_image(
    machine: Any, settings: Settings, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    machine.image.labels["django-stack.stand-in"] = BASE
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    module.preflight(settings)


@pytest.mark.parametrize("url", ["https://aws.example.com", "http://127.0.0.1.example.com", "http://10.0.0.5:4566", ""])
def test_an_endpoint_elsewhere_is_no_rehearsal(
    machine: Any, settings: Settings, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    machine.image.labels["django-stack.stand-in"] = BASE
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    assert "this machine has a stand-in for it" in refusal(settings)


def test_a_base_image_that_can_not_be_had_is_named(machine: Any, settings: Settings) -> None:
    def nothing(name: str) -> None:
        raise ImageNotFound(name)

    def no_registry(name: str) -> None:
        raise APIError("500", explanation="no such host")

    machine.images.get, machine.images.get_registry_data = nothing, no_registry
    assert f"python-image is {BASE}, which is neither on this machine nor available" in refusal(settings)


def test_a_base_image_that_comes_from_its_registry_passes(machine: Any, settings: Settings) -> None:
    def nothing(name: str) -> None:
        raise ImageNotFound(name)

    machine.images.get = nothing
    module.preflight(settings)


@pytest.mark.parametrize(("days", "warned"), [(30, False), (31, True), (400, True)])
def test_an_old_base_image_is_named_with_the_command_that_refreshes_it(
    machine: Any, settings: Settings, monkeypatch: pytest.MonkeyPatch, days: int, warned: bool
) -> None:
    warnings: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", warnings.append)
    layers = [{"Created": int(time.time()) - age * DAY - 60} for age in (days + 500, days)]
    machine.image.history = lambda: layers
    module.preflight(settings)
    if warned:
        (warning,) = warnings
        assert f"python-image {BASE} is {days} days old" in warning
        assert "django-stack base-image -s cloud" in warning
    else:
        assert not warnings


def test_an_image_without_dates_is_not_old(machine: Any, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reproducible builds may have 1970 in each layer."""
    warnings: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", warnings.append)
    machine.image.history = lambda: [{"Created": 0}, {}]
    module.preflight(settings)
    assert not warnings
