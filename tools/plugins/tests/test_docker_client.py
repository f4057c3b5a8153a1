"""pulumi-resource-docker over gRPC: the connection to the engine, and its errors."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from plugin_harness import Plugin, error_text

from django_stack_plugins.docker.client import _explain
from django_stack_plugins.stubs import provider_pb2


@pytest.fixture
def plugin(shared_plugin: Callable[[str], Plugin]) -> Plugin:
    return shared_plugin("docker")


@pytest.mark.parametrize("key", ["registryAuth", "caMaterial", "typo"])
def test_a_provider_setting_that_is_not_implemented_is_refused(plugin: Plugin, key: str) -> None:
    request = provider_pb2.CheckRequest(urn="urn:pulumi:s::p::pulumi:providers:docker::default")
    request.news[key] = "x"
    (failure,) = plugin.stub.CheckConfig(request).failures
    assert failure.property == key


@pytest.mark.parametrize(
    "words",
    [
        "Bind for 127.0.0.1:8000 failed: port is already allocated",
        "Error starting userland proxy: listen tcp4 127.0.0.1:8000: bind: address already in use",
        "failed to bind host port for 127.0.0.1:8000:172.17.0.2:80/tcp: address already in use",
    ],
)
def test_a_port_in_use_is_said_in_plain_words(words: str) -> None:
    explanation = f"driver failed programming external connectivity on endpoint x (4f): {words}"
    assert _explain(explanation) == "port 8000 of 127.0.0.1 is already in use on this machine"


def test_an_engine_that_is_not_there_is_one_line(plugin: Plugin, tmp_path: Path) -> None:
    request = provider_pb2.ConfigureRequest(variables={"docker:config:host": f"unix://{tmp_path}/no.sock"})
    assert error_text(lambda: plugin.stub.Configure(request)) == (
        f"the Docker engine does not answer at unix://{tmp_path}/no.sock (No such file or directory): is it running?"
    )


@pytest.mark.report("pulumi-docker#603")
def test_the_engine_is_the_one_of_the_docker_context_in_use(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, start_plugin: Callable[[str], Plugin]
) -> None:
    """That it takes no other one shows by an engine that doesn't answer."""
    key = hashlib.sha256(b"far").hexdigest()
    (tmp_path / f"contexts/meta/{key}").mkdir(parents=True)
    endpoints = {"docker": {"Host": f"unix://{tmp_path}/far.sock", "SkipTLSVerify": False}}
    meta = {"Name": "far", "Metadata": {}, "Endpoints": endpoints}
    (tmp_path / f"contexts/meta/{key}/meta.json").write_text(json.dumps(meta))
    (tmp_path / "config.json").write_text(json.dumps({"currentContext": "far"}))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    plugin = start_plugin("docker")
    message = error_text(lambda: plugin.stub.Configure(provider_pb2.ConfigureRequest()))
    assert f"the Docker engine does not answer at unix://{tmp_path}/far.sock" in message
    (tmp_path / "config.json").write_text(json.dumps({"currentContext": "gone"}))
    message = error_text(lambda: plugin.stub.Configure(provider_pb2.ConfigureRequest()))
    assert "There is no docker context gone" in message
