"""pulumi-resource-docker over gRPC: inputs and differences without, everything else with a Docker engine."""

import hashlib
import json
import re
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import docker
import grpc
import pytest
from fake_registry import PASSWORD, USER, fake_registry
from google.protobuf import empty_pb2
from plugin_harness import BASE_IMAGE, Plugin, init_failed

from django_stack_plugins.docker import dockerignore
from django_stack_plugins.docker.client import _explain
from django_stack_plugins.docker.container import _duration, _nanoseconds
from django_stack_plugins.docker.image import context_digest
from django_stack_plugins.docker.output import Lines
from django_stack_plugins.stubs import provider_pb2
from django_stack_plugins.values import UNKNOWN, Properties, decode_properties

CONTAINER = "docker:index/container:Container"
IMAGE = "docker:index/image:Image"
NETWORK = "docker:index/network:Network"
REMOTE_IMAGE = "docker:index/remoteImage:RemoteImage"
VOLUME = "docker:index/volume:Volume"


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


def fails(call: Callable[[], object]) -> grpc.RpcError:
    with pytest.raises(grpc.RpcError) as error:
        call()
    return error.value


# --- inputs ---


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
        ({"attach": True}, "attach"),
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
    inputs = {"image": UNKNOWN, "name": "a", "envs": UNKNOWN, "uploads": UNKNOWN, "ports": [{"internal": UNKNOWN}]}
    inputs |= {"healthcheck": UNKNOWN, "networksAdvanced": [{"name": UNKNOWN}], "volumes": [{"volumeName": UNKNOWN}]}
    inputs["volumes"][0]["containerPath"] = UNKNOWN
    checked = plugin.inputs(CONTAINER, inputs)
    _, outputs = plugin.create(CONTAINER, checked, preview=True)
    assert outputs["image"] is UNKNOWN and outputs["networkDatas"] is UNKNOWN and outputs["name"] == "a"


@pytest.mark.parametrize("key", ["registryAuth", "caMaterial", "typo"])
def test_a_provider_setting_that_is_not_implemented_is_refused(plugin: Plugin, key: str) -> None:
    request = provider_pb2.CheckRequest(urn="urn:pulumi:s::p::pulumi:providers:docker::default")
    request.news[key] = "x"
    (failure,) = plugin.stub.CheckConfig(request).failures
    assert failure.property == key


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


def test_a_network_of_a_fixed_name_is_deleted_before_it_is_replaced(plugin: Plugin) -> None:
    old, new = {"name": "a"}, {"name": "a", "internal": True}
    assert plugin.diff(NETWORK, plugin.inputs(NETWORK, old), plugin.inputs(NETWORK, new)).deleteBeforeReplace
    made_up = plugin.inputs(NETWORK, {})
    response = plugin.diff(NETWORK, made_up, plugin.inputs(NETWORK, {"internal": True}, made_up))
    assert list(response.replaces) == ["internal"] and not response.deleteBeforeReplace


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
    assert _nanoseconds(text) == nanoseconds
    assert _duration(nanoseconds) == text


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
    error = fails(lambda: plugin.stub.Configure(request))
    assert error.details() == (
        f"the Docker engine does not answer at unix://{tmp_path}/no.sock (No such file or directory): is it running?"
    )


# --- the build context ---


@pytest.fixture
def context(tmp_path: Path) -> Path:
    folder = tmp_path / "context"
    folder.mkdir()
    (folder / "Dockerfile").write_text(f"FROM {BASE_IMAGE}\nARG WHO=nobody\nCOPY . /app\nRUN echo built for $WHO\n")
    (folder / "main.py").write_text("print()")
    (folder / ".dockerignore").write_text("# comment\n*.pyc\n!keep.pyc\n")
    return folder


def test_the_digest_follows_content_names_and_modes_after_dockerignore(context: Path) -> None:
    def digest() -> str:
        return context_digest(str(context), str(context / "Dockerfile"))

    seen = [digest()]
    (context / "ignored.pyc").write_text("x")
    assert digest() == seen[0]
    for change in (
        lambda: (context / "keep.pyc").write_text("x"),
        lambda: (context / "main.py").write_text("print(1)"),
        lambda: (context / "main.py").rename(context / "other.py"),
        lambda: (context / "other.py").chmod(0o755),
        lambda: (context / "link").symlink_to("nowhere"),
        lambda: (context / "Dockerfile").write_text("FROM scratch\n"),
    ):
        change()
        assert digest() not in seen
        seen.append(digest())


def test_the_dockerfiles_own_ignore_file_comes_first(context: Path) -> None:
    (context / "Dockerfile.dockerignore").write_text("*.log\n")
    before = context_digest(str(context), str(context / "Dockerfile"))
    (context / "a.log").write_text("x")
    assert context_digest(str(context), str(context / "Dockerfile")) == before
    (context / "a.pyc").write_text("x")
    assert context_digest(str(context), str(context / "Dockerfile")) != before


@pytest.mark.parametrize(
    ("pieces", "lines"),
    [
        (["one ", "word\n", "rest"], ["one word", "rest"]),
        (["\x1b[1;3", "1mred\x1b[0m\n"], ["red"]),
        (["\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\\n"], ["link"]),
        (["\x1b(B\x1b=\x1b[?25lx\x1b[2K\n"], ["x"]),
        (["10%\r", "20%\r\n", "\n", "done\r\n"], ["20%", "done"]),
        (["bell\x07 and\ttab\n"], ["bell and\ttab"]),
    ],
)
@pytest.mark.report("joining bug 8")
def test_output_becomes_whole_lines_of_plain_text(pieces: list[str], lines: list[str]) -> None:
    output = Lines()
    assert [line for piece in pieces for line in output.add(piece)] + output.end() == lines


@pytest.mark.report("docker-library/postgres#708")
def test_a_pattern_that_is_none_is_a_failure_of_the_context(plugin: Plugin, context: Path) -> None:
    (context / ".dockerignore").write_text("[\n")
    (failure,) = plugin.check(IMAGE, {"imageName": "a", "skipPush": True, "build": {"context": str(context)}}).failures
    assert failure.property == "build.context"
    assert failure.reason == f"unable to read {context}/.dockerignore: '[' is no pattern"


def test_the_ignore_file_is_read_by_the_very_rules_of_the_programs_hash() -> None:
    """The plugins are installed without the program, so each has the module."""
    root = Path(__file__).parents[3]
    assert Path(dockerignore.__file__).read_text() == (root / "infra" / "dockerignore.py").read_text()


@pytest.mark.parametrize(
    ("build", "name"),
    [
        ({"context": "/no/such"}, "build.context"),
        ({"dockerfile": "nowhere/Dockerfile"}, "build.dockerfile"),
        ({"builderVersion": "BuilderBuildKit"}, "build.builderVersion"),
        ({"typo": 1}, "build.typo"),
    ],
)
def test_a_wrong_build_is_refused_by_name(plugin: Plugin, context: Path, build: Properties, name: str) -> None:
    (failure,) = plugin.check(
        IMAGE, {"imageName": "a", "skipPush": True, "build": {"context": str(context), **build}}
    ).failures
    assert failure.property == name


def test_an_image_to_push_needs_its_registrys_name(plugin: Plugin, context: Path) -> None:
    (failure,) = plugin.check(IMAGE, {"imageName": "me/app", "build": {"context": str(context)}}).failures
    assert failure.property == "imageName"


def test_new_credentials_build_nothing(plugin: Plugin, context: Path) -> None:
    def inputs(password: str) -> Properties:
        registry = {"server": "r.example", "username": "u", "password": password}
        return plugin.inputs(IMAGE, {"imageName": "a", "registry": registry, "build": {"context": str(context)}})

    assert not plugin.diff(IMAGE, inputs("one"), inputs("two")).diffs


# --- with an engine ---


def image_inputs(plugin: Plugin, context: Path, name: str, **build: Any) -> Properties:
    return plugin.inputs(
        IMAGE, {"imageName": f"{name}:1", "skipPush": True, "build": {"context": str(context), **build}}
    )


@pytest.mark.docker
def test_a_build_streams_its_lines_and_gives_the_image_id(
    plugin: Plugin, docker_engine: docker.DockerClient, unique: str, context: Path
) -> None:
    resource_id, state = plugin.create(IMAGE, image_inputs(plugin, context, unique, args={"WHO": "me"}))
    assert resource_id == f"{unique}:1"
    assert state["repoDigest"] == docker_engine.images.get(f"{unique}:1").id
    assert (state["baseImageName"], state["dockerfile"], state["registryServer"]) == (f"{unique}:1", "Dockerfile", "")
    assert "built for me" in plugin.engine.lines


@pytest.mark.docker
def test_only_a_changed_context_or_argument_builds_anew(plugin: Plugin, unique: str, context: Path) -> None:
    old = image_inputs(plugin, context, unique)
    assert not plugin.diff(IMAGE, old, image_inputs(plugin, context, unique)).diffs
    assert list(plugin.diff(IMAGE, old, image_inputs(plugin, context, unique, args={"WHO": "me"})).diffs) == ["build"]
    (context / "main.py").write_text("changed")
    response = plugin.diff(IMAGE, old, image_inputs(plugin, context, unique))
    assert list(response.detailedDiff) == ["build.contextDigest"] and not response.replaces


@pytest.mark.docker
def test_a_failing_build_shows_its_last_lines(plugin: Plugin, unique: str, context: Path) -> None:
    (context / "Dockerfile").write_text(f"FROM {BASE_IMAGE}\nRUN echo about to fail; exit 7\n")
    details = fails(lambda: plugin.create(IMAGE, image_inputs(plugin, context, unique))).details()
    assert "returned a non-zero code: 7" in details.splitlines()[0]
    assert "about to fail" in details.splitlines()


@pytest.mark.docker
def test_the_builder_sees_what_the_digest_covers(
    plugin: Plugin, docker_engine: docker.DockerClient, unique: str, context: Path
) -> None:
    """By Docker's rules: a byte order mark, case, and a Dockerfile that is ignored and a symbolic link."""
    (context / ".dockerignore").write_bytes(b"\xef\xbb\xbf*.txt\r\nmain.PY\nDockerfile\n#x\nsub\n!sub/keep\n")
    (context / "Dockerfile").rename(context.parent / "elsewhere")
    (context / "Dockerfile").symlink_to(context.parent / "elsewhere")
    (context / "sub").mkdir()
    (context / "empty").mkdir(mode=0o700)
    for name in ("a.txt", "sub/keep", "sub/drop"):
        (context / name).write_text("")
    plugin.create(IMAGE, image_inputs(plugin, context, unique))
    listing = docker_engine.containers.run(f"{unique}:1", ["find", "/app"], remove=True).decode().split()
    assert sorted(listing) == ["/app", "/app/.dockerignore", "/app/empty", "/app/main.py", "/app/sub", "/app/sub/keep"]


@pytest.mark.docker
@pytest.mark.report("joining bug 8")
def test_a_builds_output_is_whole_lines_of_plain_text(plugin: Plugin, unique: str, context: Path) -> None:
    half, rest = r"\033[31mone wo", r"rd\033[0m\n 10%%\r 100%%\r\n\033]0;title\007caf\303\251\tx\n"
    script = f"printf '{half}'; sleep 1; printf '{rest}'; exit 7"
    (context / "Dockerfile").write_text(f"FROM {BASE_IMAGE}\nRUN {script}\n")
    details = fails(lambda: plugin.create(IMAGE, image_inputs(plugin, context, unique))).details()
    for lines in (plugin.engine.lines, details.splitlines()):
        assert [line for line in lines if line in {"one word", " 100%", "caf\u00e9\tx"}] == [
            "one word",
            " 100%",
            "caf\u00e9\tx",
        ]
        assert not re.search(r"[\x00-\x08\x0b-\x1f]", "".join(lines).replace("\t", "")), lines


@pytest.mark.docker
def test_a_build_whose_cached_layers_are_removed_meanwhile_begins_again(
    own_plugin: Plugin, docker_engine: docker.DockerClient, unique: str, context: Path
) -> None:
    copying = "Step 3/3 : COPY large /"
    (context / "Dockerfile").write_text(f"FROM {BASE_IMAGE}\nLABEL of={unique}\n{copying.partition(' : ')[2]}\n")
    for attempt in range(3):  # on a busy machine the removal may come too late
        (context / "large").write_bytes(f"{attempt}".encode())
        own_plugin.create(IMAGE, image_inputs(own_plugin, context, f"{unique}-first"))
        with (context / "large").open("ab") as large:
            large.truncate(200_000_000)  # so that copying takes long enough
        inputs = image_inputs(own_plugin, context, f"{unique}-second{attempt}")
        own_plugin.engine.lines.clear()
        with ThreadPoolExecutor() as other:
            made = other.submit(own_plugin.create, IMAGE, inputs)
            own_plugin.engine.wait_for(copying)
            docker_engine.images.remove(f"{unique}-first:1")
        assert made.result()[0] == f"{unique}-second{attempt}:1"
        docker_engine.images.remove(f"{unique}-second{attempt}:1")
        for image in docker_engine.images.list(filters={"label": f"of={unique}"}):
            docker_engine.images.remove(image.id)  # what the engine leaves of the first attempt
        if [line for line in own_plugin.engine.lines if "building again" in line]:
            return
    pytest.fail("it never began again")


@pytest.mark.docker
def test_a_dockerfile_outside_of_the_context_builds(
    plugin: Plugin, docker_engine: docker.DockerClient, unique: str, context: Path
) -> None:
    outside = context.parent / "Other"
    outside.write_text(f"FROM {BASE_IMAGE}\nCOPY . /app\nCMD cat /app/main.py\n")
    _, state = plugin.create(IMAGE, image_inputs(plugin, context, unique, dockerfile=str(outside)))
    container = docker_engine.containers.create(state["repoDigest"], name=unique)
    container.start()
    container.wait()
    assert container.logs() == b"print()"


@pytest.mark.docker
def test_destroying_an_image_leaves_it(
    plugin: Plugin, docker_engine: docker.DockerClient, unique: str, context: Path
) -> None:
    resource_id, state = plugin.create(IMAGE, image_inputs(plugin, context, unique))
    plugin.delete(IMAGE, resource_id, state)
    assert docker_engine.images.get(f"{unique}:1")


@pytest.mark.docker
def test_a_local_image_is_used_without_a_pull(plugin: Plugin, docker_engine: docker.DockerClient) -> None:
    inputs = plugin.inputs(REMOTE_IMAGE, {"name": BASE_IMAGE, "keepLocally": True})
    resource_id, state = plugin.create(REMOTE_IMAGE, inputs)
    expected = docker_engine.images.get(BASE_IMAGE).id
    assert (resource_id, state["imageId"], state["repoDigest"]) == (expected + BASE_IMAGE, expected, "")
    plugin.delete(REMOTE_IMAGE, resource_id, state)
    assert docker_engine.images.get(BASE_IMAGE)


@pytest.mark.docker
def test_an_image_that_is_not_kept_is_removed(plugin: Plugin, docker_engine: docker.DockerClient, unique: str) -> None:
    docker_engine.images.get(BASE_IMAGE).tag(unique, "1")
    inputs = plugin.inputs(REMOTE_IMAGE, {"name": f"{unique}:1"})
    resource_id, state = plugin.create(REMOTE_IMAGE, inputs)
    plugin.delete(REMOTE_IMAGE, resource_id, state)
    assert not docker_engine.images.list(f"{unique}:1")
    assert plugin.read(REMOTE_IMAGE, resource_id, state, inputs).id == ""


@pytest.mark.docker
def test_an_image_that_cannot_be_had_is_one_line(plugin: Plugin) -> None:
    inputs = plugin.inputs(REMOTE_IMAGE, {"name": "127.0.0.1:1/no/such:image"})
    details = fails(lambda: plugin.create(REMOTE_IMAGE, inputs)).details()
    assert details.startswith("unable to pull image 127.0.0.1:1/no/such:image: ") and "\n" not in details


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


def container_inputs(plugin: Plugin, name: str, **inputs: Any) -> Properties:
    return plugin.inputs(CONTAINER, {"image": BASE_IMAGE, "name": name, "command": ["sleep", "60"], **inputs})


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
        command=["sh", "-c", "trap 'echo bye > /out/bye; exit 0' TERM; while :; do sleep 0.1; done"],
        destroyGraceSeconds=10,
        volumes=[{"hostPath": str(tmp_path), "containerPath": "/out"}, {"containerPath": "/anonymous"}],
    )
    container_id, state = plugin.create(CONTAINER, inputs)
    mounts = docker_engine.containers.get(container_id).attrs["Mounts"]
    anonymous = next(mount["Name"] for mount in mounts if mount["Type"] == "volume")
    time.sleep(0.5)
    plugin.delete(CONTAINER, container_id, state)
    assert (tmp_path / "bye").exists()
    assert anonymous not in {volume.name for volume in docker_engine.volumes.list()}


@pytest.mark.docker
def test_a_container_that_never_gets_healthy_is_recorded_as_half_made(plugin: Plugin, unique: str) -> None:
    check = {"tests": ["CMD-SHELL", "echo not yet; false"], "interval": "500ms", "retries": 100}
    inputs = container_inputs(plugin, unique, healthcheck=check, wait=True, waitTimeout=2)
    error = fails(lambda: plugin.create(CONTAINER, inputs))
    detail = init_failed(error)
    state = decode_properties(detail.properties)
    assert detail.id and state["name"] == unique
    assert list(plugin.diff(CONTAINER, inputs, inputs, state).replaces) == ["networkDatas"]
    assert detail.reasons[0].startswith(f"container {unique} failed to be in healthy state within 2 s")
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


def cancelled_while(plugin: Plugin, create: Callable[[], object], begun: Callable[[], bool]) -> grpc.RpcError:
    """Cancels, as Ctrl-C does, once the creation is at work; gives how it ended within seconds."""
    ended: list[grpc.RpcError] = []
    thread = threading.Thread(target=lambda: ended.append(fails(create)))
    thread.start()
    deadline = time.monotonic() + 20
    while not begun():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    plugin.stub.Cancel(empty_pb2.Empty())
    thread.join(5)
    assert ended, "it went on"
    return ended[0]


@pytest.mark.docker
def test_cancelling_ends_the_wait_for_a_container_which_is_recorded_as_half_made(
    own_plugin: Plugin, docker_engine: docker.DockerClient, unique: str
) -> None:
    check = {"tests": ["CMD", "false"], "interval": "1s", "retries": 100}
    inputs = container_inputs(own_plugin, unique, healthcheck=check, wait=True, waitTimeout=60)
    error = cancelled_while(
        own_plugin,
        lambda: own_plugin.create(CONTAINER, inputs),
        lambda: bool(docker_engine.containers.list(filters={"name": unique})),
    )
    detail = init_failed(error)
    assert (list(detail.reasons), detail.id) == (["cancelled"], docker_engine.containers.get(unique).id)


@pytest.mark.docker
def test_cancelling_ends_a_build_that_says_nothing(own_plugin: Plugin, unique: str, context: Path) -> None:
    (context / "Dockerfile").write_text(f"FROM {BASE_IMAGE}\nRUN echo begun for {unique}; sleep 30\n")
    error = cancelled_while(
        own_plugin,
        lambda: own_plugin.create(IMAGE, image_inputs(own_plugin, context, unique)),
        lambda: f"begun for {unique}" in own_plugin.engine.lines,
    )
    assert error.details() == "cancelled"


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
    details = fails(lambda: plugin.create(CONTAINER, container_inputs(plugin, unique))).details()
    assert details.startswith(f"unable to create container {unique}: Conflict.") and "\n" not in details


@pytest.mark.docker
def test_a_missing_image_id_is_one_line(plugin: Plugin, unique: str) -> None:
    image = "sha256:" + "0" * 64
    details = fails(lambda: plugin.create(CONTAINER, container_inputs(plugin, unique, image=image))).details()
    assert details == f"image {image} is not on this machine, and an id cannot be pulled"


@pytest.mark.docker
def test_an_image_is_pushed_and_known_by_its_digest(
    plugin: Plugin, docker_engine: docker.DockerClient, unique: str, context: Path
) -> None:
    with fake_registry() as registry:
        name = f"{registry}/{unique}:1"
        inputs: Properties = {"imageName": name, "build": {"context": str(context)}}
        inputs["registry"] = {"server": registry, "username": USER, "password": PASSWORD}
        try:
            _, state = plugin.create(IMAGE, plugin.inputs(IMAGE, inputs))
            inputs["registry"]["password"] = "wrong"
            error = fails(lambda: plugin.create(IMAGE, plugin.inputs(IMAGE, inputs)))
        finally:
            docker_engine.images.remove(name, force=True)
    assert re.fullmatch(rf"{registry}/{unique}@sha256:[0-9a-f]{{64}}", state["repoDigest"])
    assert state["registryServer"] == registry
    assert error.details().startswith(f"unable to push image {name}: ")


@pytest.mark.docker
@pytest.mark.report("joining bug 9")
def test_a_network_that_somebody_elses_container_uses_is_not_waited_for(
    plugin: Plugin, docker_engine: docker.DockerClient, unique: str
) -> None:
    inputs = plugin.inputs(NETWORK, {"name": unique})
    network_id, state = plugin.create(NETWORK, inputs)
    docker_engine.containers.run(BASE_IMAGE, ["sleep", "60"], name=f"{unique}-other", network=unique, detach=True)
    started = time.monotonic()
    error = fails(lambda: plugin.delete(NETWORK, network_id, state))
    assert f"unable to remove network {unique}: still used by {unique}-other" in str(error)
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
    error = fails(lambda: plugin.stub.Configure(provider_pb2.ConfigureRequest()))
    assert f"the Docker engine does not answer at unix://{tmp_path}/far.sock" in str(error)
    (tmp_path / "config.json").write_text(json.dumps({"currentContext": "gone"}))
    error = fails(lambda: plugin.stub.Configure(provider_pb2.ConfigureRequest()))
    assert "There is no docker context gone" in str(error)
