"""The engine is found in the docker CLI's order. Contexts here are made by the CLI itself, where it is installed."""

import hashlib
import json
import os
import socket
import socketserver
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from infra import endpoint
from infra.commands import stack
from infra.endpoint import EndpointError

pytestmark = pytest.mark.report("pulumi-docker#603")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home in which nothing was said about Docker, on a machine where nobody listens at the default socket."""
    monkeypatch.setattr(endpoint, "DEFAULT", f"unix://{tmp_path}/default.sock")
    monkeypatch.setattr(endpoint, "PODMAN", f"{tmp_path}/podman.sock")
    return tmp_path


@pytest.fixture
def listen() -> Iterator[Any]:
    with ExitStack() as end:

        def at(path: Path) -> str:
            path.parent.mkdir(parents=True, exist_ok=True)
            server = end.enter_context(socket.socket(socket.AF_UNIX))
            server.bind(str(path))
            server.listen()
            return f"unix://{path}"

        yield at


def make_context(folder: Path, name: str, **docker: Any) -> Path:
    """What `docker context create` writes below `folder`."""
    key = hashlib.sha256(name.encode()).hexdigest()
    meta = folder / "contexts/meta" / key / "meta.json"
    meta.parent.mkdir(parents=True)
    meta.write_text(json.dumps({"Name": name, "Metadata": {}, "Endpoints": {"docker": docker}}))
    return folder / "contexts/tls" / key / "docker"


def use_context(folder: Path, name: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"currentContext": name, "proxies": {}}))


def find(home: Path, **environ: str) -> endpoint.Endpoint:
    return endpoint.find({"HOME": str(home), **environ})


def test_the_default_socket_is_taken_where_nothing_else_is_said(home: Path, listen: Any) -> None:
    host = listen(home / "default.sock")
    listen(home / ".docker/run/docker.sock")
    found = find(home)
    assert (found.host, found.chosen_by) == (host, "")


@pytest.mark.parametrize(
    "path",
    [
        "run/docker.sock",  # rootless, by XDG_RUNTIME_DIR
        ".docker/run/docker.sock",
        ".docker/desktop/docker.sock",
        ".colima/default/docker.sock",
        ".orbstack/run/docker.sock",
        ".rd/docker.sock",
        "run/podman/podman.sock",
        "podman.sock",
    ],
)
def test_engines_that_listen_elsewhere_are_found_when_nobody_listens_at_the_default(
    home: Path, listen: Any, path: str
) -> None:
    host = listen(home / path)
    found = find(home, XDG_RUNTIME_DIR=str(home / "run"))
    assert found.host == host
    assert "nobody listens at" in found.chosen_by


def test_with_no_engine_at_all_the_default_socket_is_the_one_to_name(home: Path) -> None:
    assert find(home).host == endpoint.DEFAULT


def test_docker_host_comes_before_the_context(home: Path) -> None:
    use_context(home / ".docker", "far")
    make_context(home / ".docker", "far", Host="unix:///far.sock")
    found = find(home, DOCKER_HOST="tcp://box:2376", DOCKER_CONTEXT="far")
    assert found.variables == {"DOCKER_HOST": "tcp://box:2376"}


@pytest.mark.parametrize("host", ["unix:///far.sock", "ssh://me@box", "tcp://box:2375"])
def test_the_context_in_use_names_the_engine(home: Path, host: str) -> None:
    use_context(home / ".docker", "far")
    make_context(home / ".docker", "far", Host=host, SkipTLSVerify=False)
    assert find(home).variables == {"DOCKER_HOST": host}


def test_docker_context_and_docker_config_are_honoured(home: Path) -> None:
    use_context(home / "other", "far")
    make_context(home / "other", "far", Host="unix:///far.sock")
    make_context(home / "other", "near", Host="unix:///near.sock")
    assert find(home, DOCKER_CONFIG=str(home / "other")).host == "unix:///far.sock"
    assert find(home, DOCKER_CONFIG=str(home / "other"), DOCKER_CONTEXT="near").host == "unix:///near.sock"
    assert find(home, DOCKER_CONFIG=str(home / "other"), DOCKER_CONTEXT="default").host == endpoint.DEFAULT


@pytest.mark.parametrize(("skip", "verify"), [(False, {"DOCKER_TLS_VERIFY": "1"}), (True, {})])
def test_a_contexts_certificates_come_along(home: Path, skip: bool, verify: dict[str, str]) -> None:
    use_context(home / ".docker", "far")
    tls = make_context(home / ".docker", "far", Host="tcp://box:2376", SkipTLSVerify=skip)
    tls.mkdir(parents=True)
    for name in ("ca", "cert", "key"):
        (tls / f"{name}.pem").touch()
    assert find(home).variables == {"DOCKER_HOST": "tcp://box:2376", "DOCKER_CERT_PATH": str(tls), **verify}


def test_docker_hosts_certificates_come_along(home: Path) -> None:
    found = find(home, DOCKER_HOST="tcp://box:2376", DOCKER_TLS_VERIFY="1")
    assert found.variables["DOCKER_CERT_PATH"] == str(home / ".docker")
    assert found.variables["DOCKER_TLS_VERIFY"] == "1"


@pytest.mark.parametrize(
    ("environ", "fix"),
    [({"DOCKER_CONTEXT": "gone"}, "Fix: unset DOCKER_CONTEXT"), ({}, "Fix: docker context use default")],
)
def test_a_context_that_is_not_there_is_an_error_that_says_who_asks_for_it(
    home: Path, environ: dict[str, str], fix: str
) -> None:
    use_context(home / ".docker", "gone")
    with pytest.raises(EndpointError) as error:
        find(home, **environ)
    assert str(error.value).startswith("There is no docker context gone, which ")
    assert str(error.value).endswith(fix)


@pytest.mark.parametrize("content", ["", "no JSON", "[]", '{"Endpoints": {}}', '{"Endpoints": {"docker": null}}'])
def test_a_context_that_can_not_be_read_is_one_error(home: Path, content: str) -> None:
    use_context(home / ".docker", "far")
    make_context(home / ".docker", "far")
    [meta] = (home / ".docker/contexts/meta").glob("*/meta.json")
    meta.write_text(content)
    with pytest.raises(EndpointError, match="The docker context far can't be read"):
        find(home)


@pytest.mark.parametrize("content", ["", "no JSON", "[]", "{}", '{"currentContext": null}', '{"currentContext": ""}'])
def test_a_config_file_that_chooses_nothing_chooses_nothing(home: Path, content: str) -> None:
    use_context(home / ".docker", "far")
    (home / ".docker/config.json").write_text(content)
    assert find(home).host == endpoint.DEFAULT


@pytest.mark.docker
def test_a_context_of_the_docker_cli_itself_is_read(home: Path) -> None:
    environ = {"PATH": os.environ["PATH"], "HOME": str(home)}
    host = f"unix://{home}/far.sock"
    for command in (["create", "bigger_far.1", "--docker", f"host={host}"], ["use", "bigger_far.1"]):
        subprocess.run(["docker", "context", *command], env=environ, check=True)
    assert find(home).host == host
    asked = subprocess.run(
        ["docker", "context", "inspect", "--format", "{{.Endpoints.docker.Host}}"],
        env=environ, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert asked.stdout.strip() == find(home).host


def test_the_shells_commands_leave_nothing_of_another_engine(home: Path) -> None:
    use_context(home / ".docker", "far")
    make_context(home / ".docker", "far", Host="unix:///a b/far.sock")
    environ = {"PATH": os.environ["PATH"], "DOCKER_CONTEXT": "far", "DOCKER_TLS_VERIFY": "1"}
    shell = f'{find(home).shell}; echo "$DOCKER_HOST ${{DOCKER_CONTEXT-unset}} ${{DOCKER_TLS_VERIFY-unset}}"'
    done = subprocess.run(["sh", "-euc", shell], check=True, env=environ, capture_output=True, text=True)
    assert done.stdout == "unix:///a b/far.sock unset unset\n"


def test_pulumis_own_plugin_finds_docker_host_and_the_sockets_that_it_knows(home: Path, listen: Any) -> None:
    environ = {"HOME": str(home)}
    listen(home / ".docker/desktop/docker.sock")
    assert endpoint.plugin_finds(endpoint.find(environ), environ)
    use_context(home / ".docker", "far")
    make_context(home / ".docker", "far", Host=listen(home / "far.sock"))
    assert not endpoint.plugin_finds(endpoint.find(environ), environ)
    environ["DOCKER_HOST"] = f"unix://{home}/far.sock"
    assert endpoint.plugin_finds(endpoint.find(environ), environ)
    environ["DOCKER_CONTEXT"] = "far"  # which one half of the official plugin prefers, and the other doesn't know
    assert not endpoint.plugin_finds(endpoint.find(environ), environ)


def test_a_context_of_the_default_socket_is_what_the_plugin_finds_too(home: Path, listen: Any) -> None:
    """Docker Desktop's `desktop-linux` and /var/run/docker.sock, which leads there."""
    host = listen(home / ".docker/run/docker.sock")
    (home / "default.sock").symlink_to(home / ".docker/run/docker.sock")
    use_context(home / ".docker", "desktop-linux")
    make_context(home / ".docker", "desktop-linux", Host=host)
    environ = {"HOME": str(home)}
    assert endpoint.plugin_finds(endpoint.find(environ), environ)


@pytest.mark.parametrize(
    ("host", "remote"),
    [
        ("unix:///var/run/docker.sock", False),
        ("tcp://127.0.0.1:2375", False),
        ("tcp://localhost:2375", False),
        ("tcp://docker:2375", True),
        ("ssh://me@box:22", True),
        ("box:2375", True),
    ],
)
def test_an_engine_on_another_machine_is_known_by_its_address(host: str, remote: bool) -> None:
    assert endpoint.Endpoint(host).is_remote is remote


def certificates(folder: Path) -> None:
    """An authority, and a certificate of it for both ends of a connection to this machine."""
    ca = ["req", "-x509", "-nodes", "-keyout", "ca-key.pem", "-out", "ca.pem", "-subj", "/CN=test", "-days", "2"]
    request = ["req", "-nodes", "-keyout", "key.pem", "-out", "request.pem", "-subj", "/CN=both"]
    signed = ["x509", "-req", "-in", "request.pem", "-CA", "ca.pem", "-CAkey", "ca-key.pem", "-CAcreateserial"]
    (folder / "both.ext").write_text("subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n")
    for command in (
        [*ca, "-newkey", "rsa:2048"],
        [*request, "-newkey", "rsa:2048"],
        [*signed, "-out", "cert.pem", "-days", "2", "-extfile", "both.ext"],
    ):
        subprocess.run(["openssl", *command], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def tls_engine(tmp_path: Path) -> Iterator[int]:
    """The port of this machine's engine behind TLS, which asks its clients for their certificate."""
    certificates(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(tmp_path / "ca.pem"))
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    context.verify_mode = ssl.CERT_REQUIRED

    class Both(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with socket.socket(socket.AF_UNIX) as engine, context.wrap_socket(self.request, server_side=True) as client:
                engine.connect(urlsplit(endpoint.DEFAULT).path)
                back = threading.Thread(target=hand_on, args=(engine, client), daemon=True)
                back.start()
                hand_on(client, engine)
                back.join(5)

    def hand_on(one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while data := one.recv(65536):
                other.sendall(data)
            other.shutdown(socket.SHUT_WR)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Both) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@pytest.mark.docker
def test_an_engine_behind_tls_is_reached_whatever_bundle_a_company_has(
    tls_engine: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a context of the docker CLI, and by DOCKER_HOST; requests prefers a bundle in the environment to its own."""
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "cert.pem"))
    host = f"host=tcp://127.0.0.1:{tls_engine},ca=ca.pem,cert=cert.pem,key=key.pem"
    for command in (["create", "tls", "--docker", host], ["use", "tls"]):
        subprocess.run(["docker", "context", *command], cwd=tmp_path, check=True)
    found = endpoint.find()
    assert found.verify
    assert found.client().ping()
    assert os.environ["REQUESTS_CA_BUNDLE"] == str(tmp_path / "cert.pem")
    for name, value in found.variables.items():
        monkeypatch.setenv(name, value)
    assert endpoint.find().chosen_by == "DOCKER_HOST"
    client = endpoint.client()
    assert client.ping()
    assert client.version()["ApiVersion"]


def test_commands_name_the_package_that_an_engine_by_ssh_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "ssh://me@box")
    monkeypatch.setitem(sys.modules, "paramiko", None)
    with pytest.raises(SystemExit, match=r"at ssh://me@box .*Fix: \.venv/bin/pip install paramiko$"):
        stack.engine()
    assert not endpoint.Endpoint("tcp://box:2375").lacks
