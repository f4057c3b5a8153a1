"""docker.Container over gRPC, without an engine: what is checked, filled in and compared."""

from collections.abc import Callable

import pytest
from docker_harness import CONTAINER, VOLUME
from plugin_harness import Plugin

from django_stack_plugins.docker.durations import format_duration, parse_duration
from django_stack_plugins.values import UNKNOWN, Properties


@pytest.fixture
def plugin(shared_plugin: Callable[[str], Plugin]) -> Plugin:
    return shared_plugin("docker")


def test_defaults_are_filled_in_as_the_official_plugin_does(plugin: Plugin) -> None:
    inputs = plugin.inputs(CONTAINER, {"image": "a", "name": "b", "ports": [{"internal": 80}]})
    assert inputs == {
        "__defaults": [
            "containerReadRefreshTimeoutMilliseconds",
            "mustRun",
            "networkMode",
            "removeVolumes",
            "restart",
            "start",
            "waitTimeout",
        ],
        "containerReadRefreshTimeoutMilliseconds": 15000,
        "image": "a",
        "mustRun": True,
        "name": "b",
        "networkMode": "bridge",
        "ports": [{"internal": 80, "ip": "0.0.0.0", "protocol": "tcp"}],
        "removeVolumes": True,
        "restart": "no",
        "start": True,
        "waitTimeout": 60,
    }


def test_a_name_is_made_up_once(plugin: Plugin) -> None:
    first = plugin.inputs(VOLUME, {})
    assert first["name"].startswith("thing-") and len(first["name"]) == len("thing-1234567")
    assert plugin.inputs(VOLUME, {}, first)["name"] == first["name"]
    assert plugin.check(VOLUME, {}, seed=b"1").inputs["name"] != plugin.check(VOLUME, {}, seed=b"2").inputs["name"]


@pytest.mark.parametrize(
    ("inputs", "name"),
    [
        ({"gpus": "all"}, "gpus"),
        ({"deviceRequests": []}, "deviceRequests"),
        ({"typo": 1}, "typo"),
        ({"logs": True}, "logs"),
        ({"networksAdvanced": [{"name": "n", "gwPriority": 1}]}, "networksAdvanced.gwPriority"),
        ({"volumes": [{"containerPath": "/a", "typo": 1}]}, "volumes.typo"),
        ({"restart": "sometimes"}, "restart"),
        ({"healthcheck": {"tests": ["NONE"], "interval": "5 s"}}, "healthcheck.interval"),
        ({"uploads": [{"file": "/a"}]}, "uploads"),
        ({"volumes": [{"hostPath": "relative", "containerPath": "/a"}]}, "volumes"),
        ({"wait": True, "start": False}, "wait"),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(plugin: Plugin, inputs: Properties, name: str) -> None:
    (failure,) = plugin.check(CONTAINER, {"image": "a", **inputs}).failures
    assert failure.property == name


def test_unknown_inputs_pass_a_preview(plugin: Plugin) -> None:
    inputs: Properties = {
        "image": UNKNOWN,
        "name": "a",
        "envs": UNKNOWN,
        "uploads": UNKNOWN,
        "ports": [{"internal": UNKNOWN}],
    }
    inputs |= {"healthcheck": UNKNOWN, "networksAdvanced": [{"name": UNKNOWN}], "volumes": [{"volumeName": UNKNOWN}]}
    inputs["volumes"][0]["containerPath"] = UNKNOWN
    checked = plugin.inputs(CONTAINER, inputs)
    _, outputs = plugin.create(CONTAINER, checked, preview=True)
    assert outputs["image"] is UNKNOWN and outputs["networkDatas"] is UNKNOWN and outputs["name"] == "a"


@pytest.mark.parametrize(
    "key", ["image", "envs", "labels", "ports", "volumes", "command", "user", "healthcheck", "tmpfs"]
)
def test_a_change_of_the_container_itself_replaces(plugin: Plugin, key: str) -> None:
    old: Properties = {"image": "a", "name": "n"}
    values: Properties = {
        "image": "b",
        "envs": ["A=b"],
        "labels": [{"label": "a", "value": "b"}],
        "ports": [{"internal": 1}],
        "volumes": [{"containerPath": "/a"}],
        "command": ["a"],
        "user": "1",
        "healthcheck": {"tests": ["NONE"]},
        "tmpfs": {"/a": ""},
    }
    response = plugin.diff(
        CONTAINER, plugin.inputs(CONTAINER, old), plugin.inputs(CONTAINER, {**old, key: values[key]})
    )
    assert list(response.replaces) == [key]
    assert response.deleteBeforeReplace


@pytest.mark.parametrize(
    ("key", "value"), [("restart", "always"), ("memory", 64), ("mustRun", False), ("destroyGraceSeconds", 5)]
)
def test_a_change_of_its_limits_or_handling_updates(plugin: Plugin, key: str, value: object) -> None:
    old = {"image": "a", "name": "n"}
    response = plugin.diff(CONTAINER, plugin.inputs(CONTAINER, old), plugin.inputs(CONTAINER, {**old, key: value}))
    assert list(response.diffs) == [key] and not response.replaces


def test_the_order_of_environment_and_labels_is_no_change(plugin: Plugin) -> None:
    labels = [{"label": "a", "value": "1"}, {"label": "b", "value": "2"}]
    old = plugin.inputs(CONTAINER, {"image": "a", "name": "n", "envs": ["A=1", "B=2"], "labels": labels})
    new = plugin.inputs(CONTAINER, {"image": "a", "name": "n", "envs": ["B=2", "A=1"], "labels": labels[::-1]})
    assert not plugin.diff(CONTAINER, old, new).diffs


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("0s", 0),
        ("500ms", 500 * 10**6),
        ("5s", 5 * 10**9),
        ("1m30s", 90 * 10**9),
        ("1h0m0s", 3600 * 10**9),
        ("1.5s", 15 * 10**8),
    ],
)
def test_durations_are_go_durations(text: str, nanoseconds: int) -> None:
    assert parse_duration(text) == nanoseconds
    assert format_duration(nanoseconds) == text
