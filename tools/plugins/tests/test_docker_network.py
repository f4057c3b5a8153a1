"""docker.Network and docker.Volume over gRPC."""

import threading
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import docker
import pytest
from docker.errors import APIError
from docker_harness import NETWORK, VOLUME
from plugin_harness import BASE_IMAGE, Plugin, error_text

from django_stack_plugins.docker.volume import Volume
from django_stack_plugins.resource import Operation, PluginError, Stop
from django_stack_plugins.values import decode_properties


@pytest.fixture
def plugin(shared_plugin: Callable[[str], Plugin]) -> Plugin:
    return shared_plugin("docker")


def test_a_network_of_a_fixed_name_is_deleted_before_it_is_replaced(plugin: Plugin) -> None:
    old, new = {"name": "a"}, {"name": "a", "internal": True}
    assert plugin.diff(NETWORK, plugin.inputs(NETWORK, old), plugin.inputs(NETWORK, new)).deleteBeforeReplace
    made_up = plugin.inputs(NETWORK, {})
    response = plugin.diff(NETWORK, made_up, plugin.inputs(NETWORK, {"internal": True}, made_up))
    assert list(response.replaces) == ["internal"] and not response.deleteBeforeReplace


@pytest.mark.docker
def test_networks_and_volumes_are_made_read_and_removed(
    plugin: Plugin, docker_engine: docker.DockerClient, unique: str
) -> None:
    labels = [{"label": "a", "value": "b"}]
    network_inputs = plugin.inputs(NETWORK, {"name": unique, "labels": labels})
    volume_inputs = plugin.inputs(VOLUME, {"name": unique, "labels": labels})
    network_id, network = plugin.create(NETWORK, network_inputs)
    volume_id, volume = plugin.create(VOLUME, volume_inputs)
    assert docker_engine.networks.get(unique).id == network_id
    assert (network["driver"], network["labels"], network["scope"]) == ("bridge", labels, "local")
    assert (volume_id, volume["labels"], volume["driver"]) == (unique, labels, "local")
    for token, resource_id, state, inputs in (
        (NETWORK, network_id, network, network_inputs),
        (VOLUME, volume_id, volume, volume_inputs),
    ):
        response = plugin.read(token, resource_id, state, inputs)
        assert decode_properties(response.properties) == state
        assert decode_properties(response.inputs) == inputs
        plugin.delete(token, resource_id, state)
        plugin.delete(token, resource_id, state)  # being gone already is no error
        assert plugin.read(token, resource_id, state, inputs).id == ""


@pytest.mark.docker
@pytest.mark.report("joining bug 9")
def test_a_network_that_somebody_elses_container_uses_is_not_waited_for(
    plugin: Plugin, docker_engine: docker.DockerClient, unique: str
) -> None:
    inputs = plugin.inputs(NETWORK, {"name": unique})
    network_id, state = plugin.create(NETWORK, inputs)
    docker_engine.containers.run(BASE_IMAGE, ["sleep", "60"], name=f"{unique}-other", network=unique, detach=True)
    started = time.monotonic()
    message = error_text(lambda: plugin.delete(NETWORK, network_id, state))
    assert f"unable to remove network {unique}: still used by {unique}-other" in message
    assert time.monotonic() - started < 15


@pytest.mark.docker
def test_a_network_waits_for_a_container_that_is_about_to_go(
    plugin: Plugin, docker_engine: docker.DockerClient, unique: str
) -> None:
    network_id, state = plugin.create(NETWORK, plugin.inputs(NETWORK, {"name": unique}))
    going = docker_engine.containers.run(BASE_IMAGE, ["sleep", "60"], name=f"{unique}-a", network=unique, detach=True)
    threading.Timer(0.3, going.remove, kwargs={"force": True}).start()
    plugin.delete(NETWORK, network_id, state)
    assert docker_engine.networks.list(names=[unique]) == []


def test_the_containers_that_keep_a_volume_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A detached run that has ended, and whose output nobody has seen, for example."""
    monkeypatch.setattr("django_stack_plugins.docker.volume._REMOVE_TIMEOUT", 0)

    def refuse(name: str, force: bool) -> None:
        raise APIError("409", explanation=f"remove {name}: volume is in use - [0a1b, 2c3d]")

    def listed(**asked: Any) -> list[dict[str, list[str]]]:
        assert asked == {"all": True, "filters": {"volume": "shop-files"}}
        return [{"Names": ["/shop-run-2"]}, {"Names": ["/shop-run-1"]}]

    engine: Any = SimpleNamespace(client=SimpleNamespace(remove_volume=refuse, containers=listed))
    operation = Operation("urn", Stop(), lambda *arguments, **options: None)
    with pytest.raises(PluginError, match="unable to remove volume shop-files: still used by shop-run-1, shop-run-2"):
        Volume(engine).delete(operation, "shop-files", {})
