"""The connection to the Docker engine, and its errors in words for the user.

The `docker` package is imported beside the other work, once the plugin is configured: Pulumi's engine is then busy with
starting the next plugin, and an image's check needs it soon.
"""

import os
import queue
import re
import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from django_stack_plugins.docker import endpoint
from django_stack_plugins.docker.endpoint import Endpoint, EndpointError
from django_stack_plugins.resource import Operation, PluginError, Resource
from django_stack_plugins.server import Configuration

Line = dict[str, Any]  # what the engine says of its progress, decoded
_IMPORTING = threading.Lock()
_TIMEOUT = 1200  # seconds; stopping a container or loading a large build context takes its time


def load_docker() -> None:
    """Import the `docker` package: by one thread at a time, for its modules import one another in circles."""
    with _IMPORTING:
        import docker.utils.build  # noqa: F401


def as_they_come(operation: Operation, lines: Iterable[Line]) -> Iterator[Line]:
    """A build's, pull's or push's lines. Raises Cancelled even while it says nothing, as an installation may for long.

    The engine ends what it was at when the connection goes, which goes with this process.
    """
    arrived: queue.SimpleQueue[Line | Exception | None] = queue.SimpleQueue()

    def pump() -> None:
        try:
            for line in lines:
                arrived.put(line)
            arrived.put(None)
        except Exception as error:
            arrived.put(error)

    threading.Thread(target=pump, daemon=True).start()
    while True:
        operation.check_alive()
        try:
            line = arrived.get(timeout=0.2)
        except queue.Empty:
            continue
        if line is None:
            return
        if isinstance(line, Exception):
            raise line
        yield line


class DockerConfiguration(Configuration):
    """Which engine: `docker:host`, or else the one that the program finds, too; asked once whether it answers."""

    names = frozenset({"host"})

    def __init__(self) -> None:
        self._endpoint = Endpoint(endpoint.DEFAULT)
        self._local = threading.local()  # requests' sessions are not made for several threads

    def configure(self, variables: dict[str, str]) -> None:
        threading.Thread(target=load_docker, daemon=True).start()
        given = {"DOCKER_HOST": variables["host"]} if variables.get("host") else {}
        try:
            found = endpoint.find({**os.environ, **given})
        except EndpointError as error:
            raise PluginError(str(error)) from error
        try:
            _ping(found)
        except OSError as error:
            reason = error.strerror or str(error)
            raise PluginError(
                f"the Docker engine does not answer at {found.host} ({reason}): is it running?"
            ) from error
        self._endpoint = found

    @property
    def client(self) -> Any:
        """This thread's `docker.APIClient`. Raises PluginError if the engine does not answer."""
        if not hasattr(self._local, "client"):
            load_docker()
            import docker

            with docker_errors("connect to the Docker engine"):
                found = self._endpoint
                with _IMPORTING, found.own_certificates():
                    self._local.client = docker.APIClient(
                        **docker.utils.kwargs_from_env(found.variables),
                        version="auto",
                        timeout=_TIMEOUT,
                        use_ssh_client=found.host.startswith("ssh://"),
                    )
                self._local.client.trust_env = not found.cert_path
        return self._local.client


def _ping(found: Endpoint) -> None:
    """Raise OSError if nobody answers; only plain sockets are tried, others show their errors at the first request."""
    address = urlsplit(found.host)
    if address.scheme == "unix":
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(10)
            connection.connect(address.path)
            connection.sendall(b"GET /_ping HTTP/1.0\r\nHost: docker\r\n\r\n")
            if not connection.recv(16).startswith(b"HTTP/1"):
                raise OSError("no answer")
    elif address.scheme in ("tcp", "http") and not found.cert_path:
        import http.client  # here, because most engines listen on a socket

        connection_ = http.client.HTTPConnection(address.hostname or "localhost", address.port or 2375, timeout=10)
        connection_.request("GET", "/_ping")
        connection_.getresponse().read()
        connection_.close()


class DockerResource(Resource):
    """A resource type of this plugin."""

    def __init__(self, configuration: DockerConfiguration) -> None:
        self._configuration = configuration

    @property
    def client(self) -> Any:
        """The Docker engine: a `docker.APIClient`."""
        return self._configuration.client

    def post(self, path: str, data: dict[str, Any]) -> dict[str, Any]:
        """Make a request that the `docker` package has no method for, or one that adds what was not asked for."""
        client = self.client
        answer: dict[str, Any] = client._result(client._post_json(client._url(path), data=data), json=True)
        return answer


@contextmanager
def docker_errors(doing: str) -> Iterator[None]:
    """Turn the `docker` package's exceptions into one line that begins with `unable to …`."""
    load_docker()
    import docker.errors
    import requests.exceptions

    try:
        yield
    except docker.errors.APIError as error:
        raise PluginError(f"unable to {doing}: {_explain(error.explanation or str(error))}") from error
    except requests.exceptions.ConnectionError as error:
        raise PluginError(f"unable to {doing}: the Docker engine does not answer: is it running?") from error
    except (docker.errors.DockerException, requests.exceptions.RequestException) as error:
        raise PluginError(f"unable to {doing}: {error}") from error


def _explain(explanation: str) -> str:
    """Shorten the engine's words where they hide the reason."""
    port = re.search(
        r"(?:Bind for|listen \w+|bind host port for) ([\w.\[\]:]+?):(\d+)\b.* already (?:in use|allocated)", explanation
    )
    if port:
        return f"port {port[2]} of {port[1]} is already in use on this machine"
    return " ".join(explanation.split())


def is_missing(error: Exception) -> bool:
    """True if the engine said that there is no such thing."""
    import docker.errors

    return isinstance(error, docker.errors.NotFound)


def find(ask: Any, *arguments: Any) -> dict[str, Any] | None:
    """Call one of the client's inspect methods; None if there is no such thing. Other errors pass through."""
    import docker.errors

    try:
        found: dict[str, Any] = ask(*arguments)
    except docker.errors.NotFound:
        return None
    return found


def labels_of(labels: list[dict[str, str]] | None) -> dict[str, str]:
    """The `labels` input as the engine wants it."""
    return {label["label"]: label["value"] for label in labels or []}


def label_list(labels: dict[str, str] | None) -> list[dict[str, str]]:
    """The inverse of `labels_of`, in alphabetical order."""
    return [{"label": key, "value": value} for key, value in sorted((labels or {}).items())]
