"""docker.Container over gRPC, with a Docker engine."""

import socket
import time
from collections.abc import Callable
from pathlib import Path

import docker
import pytest
from docker_harness import CONTAINER, NETWORK, VOLUME, cancelled_while, container_inputs
from plugin_harness import Plugin, error_text, fails, init_failed

from django_stack_plugins.values import Properties, decode_properties


@pytest.fixture
def plugin(shared_plugin: Callable[[str], Plugin]) -> Plugin:
    return shared_plugin("docker")


@pytest.fixture
def own_plugin(start_plugin: Callable[[str], Plugin]) -> Plugin:
    return start_plugin("docker")


@pytest.fixture
def port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        number: int = listener.getsockname()[1]
    return number


@pytest.mark.docker
def test_every_setting_reaches_the_container(
    plugin: Plugin, docker_engine: docker.DockerClient, unique: str, tmp_path: Path, port: int
) -> None:
    network_id, _ = plugin.create(NETWORK, plugin.inputs(NETWORK, {"name": unique}))
    plugin.create(VOLUME, plugin.inputs(VOLUME, {"name": unique}))
    (tmp_path / "file").write_text("from the host")
    inputs = container_inputs(
        plugin,
        unique,
        envs=["A=1", "B=two words"],
        entrypoints=["sh", "-c"],
        command=["sleep 60"],
        user="1000:1000",
        workingDir="/tmp",
        labels=[{"label": "a", "value": "b"}],
        ports=[{"internal": 80, "external": port, "ip": "127.0.0.1"}],
        volumes=[
            {"volumeName": unique, "containerPath": "/data"},
            {"hostPath": str(tmp_path), "containerPath": "/src", "readOnly": True},
        ],
        mounts=[{"type": "bind", "source": str(tmp_path), "target": "/mnt", "readOnly": True}],
        tmpfs={"/scratch": "size=1m"},
        networkMode="bridge",
        networksAdvanced=[{"name": unique, "aliases": ["web", "media.localhost"]}],
        restart="unless-stopped",
        readOnly=True,
        init=True,
        stopSignal="SIGINT",
        shmSize=8,
        memory=32,
        logDriver="json-file",
        logOpts={"max-size": "1m"},
        hosts=[{"host": "there", "ip": "10.0.0.1"}],
        capabilities={"drops": ["ALL"]},
        healthcheck={"tests": ["CMD", "true"], "interval": "1s", "retries": 3},
        wait=True,
        waitTimeout=20,
    )
    container_id, state = plugin.create(CONTAINER, inputs)
    found = docker_engine.containers.get(container_id)
    config, host = found.attrs["Config"], found.attrs["HostConfig"]
    assert {"A=1", "B=two words"} <= set(config["Env"])
    assert (config["Entrypoint"], config["Cmd"]) == (["sh", "-c"], ["sleep 60"])
    assert (config["User"], config["WorkingDir"], config["StopSignal"]) == ("1000:1000", "/tmp", "SIGINT")
    assert config["Labels"]["a"] == "b"
    assert config["Healthcheck"] == {"Test": ["CMD", "true"], "Interval": 10**9, "Retries": 3}
    assert host["PortBindings"] == {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(port)}]}
    assert host["Binds"] == [f"{unique}:/data:rw", f"{tmp_path}:/src:ro"]
    assert host["Mounts"] == [{"Type": "bind", "Source": str(tmp_path), "Target": "/mnt", "ReadOnly": True}]
    assert host["Tmpfs"] == {"/scratch": "size=1m"}
    assert host["RestartPolicy"]["Name"] == "unless-stopped"
    assert (host["ReadonlyRootfs"], host["Init"], host["CapDrop"]) == (True, True, ["ALL"])
    assert (host["ShmSize"], host["Memory"]) == (8 * 1024**2, 32 * 1024**2)
    assert host["LogConfig"] == {"Type": "json-file", "Config": {"max-size": "1m"}}
    assert host["ExtraHosts"] == ["there:10.0.0.1"]
    assert list(found.attrs["NetworkSettings"]["Networks"]) == [unique]
    endpoint = found.attrs["NetworkSettings"]["Networks"][unique]
    assert endpoint["NetworkID"] == network_id and {"web", "media.localhost"} <= set(endpoint["Aliases"])
    assert found.attrs["State"]["Health"]["Status"] == "healthy"
    assert state["ports"] == [{"internal": 80, "external": port, "ip": "127.0.0.1", "protocol": "tcp"}]
    response = plugin.read(CONTAINER, container_id, state, inputs)
    assert decode_properties(response.inputs) == inputs
    again = container_inputs(
        plugin, unique, **{k: v for k, v in inputs.items() if k not in ("name", "__defaults", "image")}
    )
    assert not plugin.diff(CONTAINER, inputs, again).diffs


@pytest.mark.docker
def test_an_upload_is_there_when_the_program_starts(
    plugin: Plugin, docker_engine: docker.DockerClient, unique: str
) -> None:
    inputs = container_inputs(
        plugin,
        unique,
        command=["cat", "/etc/upload"],
        mustRun=False,
        uploads=[{"file": "/etc/upload", "contentBase64": "aGVsbG8="}],
    )
    container_id, _ = plugin.create(CONTAINER, inputs)
    container = docker_engine.containers.get(container_id)
    container.wait()
    assert container.logs() == b"hello"


@pytest.mark.docker
def test_a_restart_policy_and_memory_change_in_place(
    plugin: Plugin, docker_engine: docker.DockerClient, unique: str
) -> None:
    container_id, state = plugin.create(CONTAINER, container_inputs(plugin, unique))
    news = container_inputs(plugin, unique, restart="always", memory=64)
    state = plugin.update(CONTAINER, container_id, state, news)
    host = docker_engine.containers.get(container_id).attrs["HostConfig"]
    assert (host["RestartPolicy"]["Name"], host["Memory"]) == ("always", 64 * 1024**2)
    assert (state["restart"], state["memory"]) == ("always", 64)


@pytest.mark.docker
def test_a_stopped_container_shows_and_is_started_again(
    plugin: Plugin, docker_engine: docker.DockerClient, unique: str
) -> None:
    inputs = container_inputs(plugin, unique)
    container_id, state = plugin.create(CONTAINER, inputs)
    docker_engine.containers.get(container_id).kill()
    response = plugin.read(CONTAINER, container_id, state, inputs)
    found, drifted = decode_properties(response.properties), decode_properties(response.inputs)
    assert (found["mustRun"], found["exitCode"], drifted["mustRun"]) == (False, 137, False)
    difference = plugin.diff(CONTAINER, drifted, inputs)
    assert list(difference.diffs) == ["mustRun"] and not difference.replaces
    plugin.update(CONTAINER, container_id, found, inputs)
    assert docker_engine.containers.get(container_id).status == "running"


@pytest.mark.docker
def test_a_container_removed_by_hand_is_gone_from_the_state(
    plugin: Plugin, docker_engine: docker.DockerClient, unique: str
) -> None:
    inputs = container_inputs(plugin, unique)
    container_id, state = plugin.create(CONTAINER, inputs)
    docker_engine.containers.get(container_id).remove(force=True)
    assert plugin.read(CONTAINER, container_id, state, inputs).id == ""
    plugin.delete(CONTAINER, container_id, state)


@pytest.mark.docker
def test_destroying_gives_the_container_its_grace_and_takes_anonymous_volumes(
    plugin: Plugin, docker_engine: docker.DockerClient, unique: str, tmp_path: Path
) -> None:
    inputs = container_inputs(
        plugin,
        unique,
        command=["sh", "-c", "trap 'echo bye > /out/bye; exit 0' TERM; touch /out/up; while :; do sleep 0.1; done"],
        destroyGraceSeconds=10,
        volumes=[{"hostPath": str(tmp_path), "containerPath": "/out"}, {"containerPath": "/anonymous"}],
    )
    container_id, state = plugin.create(CONTAINER, inputs)
    mounts = docker_engine.containers.get(container_id).attrs["Mounts"]
    anonymous = next(mount["Name"] for mount in mounts if mount["Type"] == "volume")
    until = time.monotonic() + 30
    while not (tmp_path / "up").exists() and time.monotonic() < until:
        time.sleep(0.05)
    plugin.delete(CONTAINER, container_id, state)
    assert (tmp_path / "bye").exists()
    assert anonymous not in {volume.name for volume in docker_engine.volumes.list()}


@pytest.mark.docker
def test_a_container_that_never_gets_healthy_is_recorded_as_half_made(plugin: Plugin, unique: str) -> None:
    check = {"tests": ["CMD-SHELL", "echo not yet; false"], "interval": "500ms", "retries": 100}
    inputs = container_inputs(plugin, unique, healthcheck=check, wait=True, waitTimeout=6)
    error = fails(lambda: plugin.create(CONTAINER, inputs))
    detail = init_failed(error)
    state = decode_properties(detail.properties)
    assert detail.id and state["name"] == unique
    assert list(plugin.diff(CONTAINER, inputs, inputs, state).replaces) == ["networkDatas"]
    assert detail.reasons[0].startswith(f"container {unique} failed to be in healthy state within 6 s")
    assert "not yet" in detail.reasons[0]


@pytest.mark.docker
def test_a_container_that_ends_is_not_waited_for(plugin: Plugin, unique: str) -> None:
    inputs = container_inputs(
        plugin,
        unique,
        command=["sh", "-c", "exit 3"],
        wait=True,
        healthcheck={"tests": ["CMD", "true"], "interval": "5s"},
    )
    began = time.monotonic()
    assert "ended with exit code 3" in init_failed(fails(lambda: plugin.create(CONTAINER, inputs))).reasons[0]
    assert time.monotonic() - began < 10


@pytest.mark.docker
def test_attaching_waits_for_the_end_whatever_it_is(plugin: Plugin, unique: str) -> None:
    inputs = container_inputs(plugin, unique, command=["sh", "-c", "sleep 0.5; exit 3"], mustRun=False, attach=True)
    container_id, state = plugin.create(CONTAINER, inputs)
    assert state["exitCode"] == 3
    response = plugin.read(CONTAINER, container_id, state, inputs)
    assert decode_properties(response.inputs) == inputs


@pytest.mark.docker
@pytest.mark.parametrize(
    "wait",
    [
        {"healthcheck": {"tests": ["CMD", "false"], "interval": "1s", "retries": 100}, "wait": True, "waitTimeout": 60},
        {"attach": True, "mustRun": False},
    ],
    ids=["healthy", "ended"],
)
def test_cancelling_ends_the_wait_for_a_container_which_is_recorded_as_half_made(
    own_plugin: Plugin, docker_engine: docker.DockerClient, unique: str, wait: Properties
) -> None:
    inputs = container_inputs(own_plugin, unique, **wait)
    error = cancelled_while(
        own_plugin,
        lambda: own_plugin.create(CONTAINER, inputs),
        lambda: bool(docker_engine.containers.list(filters={"name": unique}, ignore_removed=True)),
    )
    detail = init_failed(error)
    assert (list(detail.reasons), detail.id) == (["cancelled"], docker_engine.containers.get(unique).id)


@pytest.mark.docker
def test_waiting_without_a_healthcheck_is_an_error(plugin: Plugin, unique: str) -> None:
    error = fails(lambda: plugin.create(CONTAINER, container_inputs(plugin, unique, wait=True)))
    assert init_failed(error).reasons == [f"container {unique} has `wait` but no healthcheck"]


@pytest.mark.docker
def test_a_port_in_use_is_one_line_and_leaves_a_half_made_container(plugin: Plugin, unique: str) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        inputs = container_inputs(plugin, unique, ports=[{"internal": 80, "external": port, "ip": "127.0.0.1"}])
        detail = init_failed(fails(lambda: plugin.create(CONTAINER, inputs)))
    assert detail.reasons == [
        f"unable to start container {unique}: port {port} of 127.0.0.1 is already in use on this machine"
    ]


@pytest.mark.docker
def test_a_name_in_use_creates_nothing(plugin: Plugin, unique: str) -> None:
    plugin.create(CONTAINER, container_inputs(plugin, unique))
    details = error_text(lambda: plugin.create(CONTAINER, container_inputs(plugin, unique)))
    assert details.startswith(f"unable to create container {unique}: Conflict.") and "\n" not in details


@pytest.mark.docker
def test_a_missing_image_id_is_one_line(plugin: Plugin, unique: str) -> None:
    image = "sha256:" + "0" * 64
    details = error_text(lambda: plugin.create(CONTAINER, container_inputs(plugin, unique, image=image)))
    assert details == f"image {image} is not on this machine, and an id cannot be pulled"
