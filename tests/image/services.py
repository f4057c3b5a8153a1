"""What the image's tests stand on: its containers, the S3 server seen through a recording proxy, a visitor without a
browser. Everything is made with the Docker engine alone; no Pulumi.
"""

from __future__ import annotations

import json
import re
import secrets
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import unescape
from typing import Any

import boto3
import docker
import psycopg
import pytest
import requests
from botocore.config import Config
from botocore.exceptions import BotoCoreError
from docker.models.containers import Container

from tests.pictures import png
from tests.waiting import wait_until

SECRET_KEY = "made-up-for-the-tests-" + "Qw7sYb2KpZ4nTf8GhJ1mXc5VrD9aLe3U"
ANOTHER_KEY = "another-one-for-the-tests-" + "Lp3uYb2KpZ4nTf8GhJ1mXc5VrD9aQw7s"
ADMIN, PASSWORD = "admin", secrets.token_urlsafe(12)
ANYBODY = "12345"  # a user that the image has never heard of


class Proxy(socketserver.ThreadingTCPServer):
    """Stands between app and S3 server, and keeps every byte that the app's side sends; passes them on untouched."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, backend: Callable[[], tuple[str, int]]) -> None:
        super().__init__(("0.0.0.0", 0), Pipe)
        self.backend = backend
        self.sent: list[bytearray] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def requests(self) -> list[tuple[str, str, dict[str, str]]]:
        """Method, target and headers (names in lower case) of every request so far."""
        found = []
        head = re.compile(rb"(GET|HEAD|PUT|POST|DELETE) (\S+) HTTP/1\.1\r\n(.*?)\r\n\r\n", re.DOTALL)
        for connection in self.sent:
            for method, target, lines in head.findall(bytes(connection)):
                headers = dict(line.partition(": ")[::2] for line in lines.decode("latin-1").split("\r\n"))
                found.append((method.decode(), target.decode(), {name.lower(): headers[name] for name in headers}))
        return found


class Pipe(socketserver.BaseRequestHandler):
    """One connection through the proxy."""

    server: Proxy

    def handle(self) -> None:
        kept = bytearray()
        self.server.sent.append(kept)
        try:
            with socket.create_connection(self.server.backend(), timeout=5) as behind:
                behind.settimeout(None)
                threading.Thread(target=self.copy, args=(behind, self.request, None), daemon=True).start()
                self.copy(self.request, behind, kept)
        except OSError:  # nobody behind: the app sees a connection that breaks off
            return

    @staticmethod
    def copy(source: socket.socket, sink: socket.socket, kept: bytearray | None) -> None:
        try:
            while data := source.recv(65536):
                if kept is not None:
                    kept += data
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            return


@dataclass
class Services:
    """A network with PostgreSQL and an S3 server in it, the image, and every container that a test runs of it."""

    engine: docker.DockerClient
    name: str
    image: str
    network: Any
    database: Container
    media: Container
    key: str
    secret: str
    proxy: Proxy
    made: list[Container] = field(default_factory=list)

    # Addresses

    def address(self, container: Container) -> str:
        """Where the container is, seen from this machine."""
        container.reload()
        return str(container.attrs["NetworkSettings"]["Networks"][self.name]["IPAddress"])

    def query(self, statement: str, database: str = "app") -> list[tuple[Any, ...]]:
        with self.connect(database) as connection:
            cursor = connection.execute(statement)  # type: ignore[call-overload]
            return list(cursor.fetchall()) if cursor.description else []

    def connect(self, database: str = "app") -> psycopg.Connection[Any]:
        """A connection of one's own, in autocommit mode."""
        return psycopg.connect(
            host=self.address(self.database),
            user="app",
            password="password",
            dbname=database,
            autocommit=True,
            connect_timeout=5,
        )

    def new_database(self) -> str:
        """A database without a table in it."""
        name = f"fresh_{secrets.token_hex(4)}"
        self.query(f"CREATE DATABASE {name}")
        return name

    def bucket(self) -> Any:
        """A client for the S3 server, past the proxy."""
        return boto3.client(
            "s3",
            endpoint_url=f"http://{self.address(self.media)}:9000",
            region_name="us-east-1",
            aws_access_key_id=self.key,
            aws_secret_access_key=self.secret,
            config=Config(signature_version="s3v4", s3={"addressing_style": "path"}, retries={"max_attempts": 1}),
        )

    def make_bucket(self) -> bool:
        """Unless it is there already; False while the server does not answer."""
        try:
            client = self.bucket()
            if not client.list_buckets()["Buckets"]:
                client.create_bucket(Bucket="media")
        except (BotoCoreError, ValueError):
            return False
        return True

    def objects(self) -> set[str]:
        """The keys of the files in the bucket."""
        return {entry["Key"] for entry in self.bucket().list_objects_v2(Bucket="media").get("Contents", [])}

    # The image

    def environment(self, **more: str | None) -> dict[str, str]:
        """A complete environment, as a local stack with gunicorn hands it over. None takes a variable away."""
        complete: dict[str, str | None] = {
            "DATABASE_URL": "postgres://app:password@database:5432/app",
            "DEFAULT_STORAGE_DSN": (
                f"s3://{self.key}:{self.secret}@media/?endpoint_url=http%3A%2F%2Fmedia.localhost%3A{self.proxy.port}"
                "&addressing_style=path&region_name=us-east-1"
            ),
            "SECRET_KEY": SECRET_KEY,
            "DOMAIN": "localhost",
            "DOMAIN_ALIASES": "localhost,127.0.0.1",
            "SECURE_SSL_REDIRECT": "False",
            "STAGE": "test",
            "PORT": "8000",
            "WEB_CONCURRENCY": "2",
        }
        return {name: value for name, value in (complete | more).items() if value is not None}

    def start(self, *command: str, environment: dict[str, str] | None = None, **options: Any) -> Container:
        """A container with a read-only root and a user without a name; `environment` None is a complete one."""
        gateway = self.network.attrs["IPAM"]["Config"][0]["Gateway"]
        container = self.engine.containers.run(
            self.image,
            list(command) or None,
            detach=True,
            environment=self.environment() if environment is None else environment,
            network=self.name,
            extra_hosts={"media.localhost": gateway},
            ports={"8000/tcp": ("127.0.0.1", None)},
            **({"read_only": True, "user": ANYBODY} | options),
        )
        self.made.append(container)
        return container

    def run(self, *command: str, **options: Any) -> tuple[int, str, str]:
        """Runs a container to its end; gives its exit status, stdout and stderr."""
        container = self.start(*command, **options)
        status = container.wait(timeout=60)["StatusCode"]
        out, err = (container.logs(stdout=o, stderr=not o).decode() for o in (True, False))
        container.remove()
        self.made.remove(container)
        return int(status), out, err

    @contextmanager
    def serving(self, **environment: str | None) -> Iterator[Site]:
        """The image's own server with a complete environment, changed by `environment`, once it answers."""
        container = self.start(environment=self.environment(**environment))
        try:
            container.reload()
            site = Site(self, container, int(container.ports["8000/tcp"][0]["HostPort"]))
            wait_until(site.answers, "a server that answers")
            yield site
        finally:
            container.remove(force=True, v=True)
            self.made.remove(container)


@dataclass
class Site:
    """A running server."""

    services: Services
    container: Container
    port: int

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    def get(self, path: str = "/", **more: Any) -> requests.Response:
        """Redirects are not followed."""
        return requests.get(f"http://127.0.0.1:{self.port}{path}", timeout=30, allow_redirects=False, **more)

    def answers(self) -> bool:
        self.container.reload()
        if self.container.status == "exited":
            pytest.fail(f"the server ended:\n{self.container.logs().decode()}")
        try:
            return self.get("/healthz/live").status_code in {200, 503}
        except requests.ConnectionError:
            return False

    def lines(self, *, stderr: bool = False) -> list[dict[str, Any]]:
        """The log of one stream, parsed."""
        text = self.container.logs(stdout=not stderr, stderr=stderr).decode()
        return [json.loads(line) for line in text.splitlines()]

    def visitor(self) -> Visitor:
        return Visitor(self)


class Visitor:
    """The administrator with a session, without a browser."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.session = requests.Session()
        self.log_in()

    def log_in(self) -> None:
        answer = self.send("/login/", {"username": ADMIN, "password": PASSWORD})
        assert answer.status_code == 302, answer.text

    def get(self, path: str = "/") -> requests.Response:
        return self.session.get(self.site.url.replace("localhost", "127.0.0.1") + path, timeout=30)

    def token(self, path: str) -> str:
        """The CSRF token of the form at `path`."""
        shown = self.get(path).text
        found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', shown)
        assert found, shown
        return found[1]

    def send(self, path: str, form: dict[str, str], **more: Any) -> requests.Response:
        return self.session.post(
            self.site.url.replace("localhost", "127.0.0.1") + path,
            data={**form, "csrfmiddlewaretoken": self.token(path)},
            timeout=60,
            allow_redirects=False,
            **more,
        )

    def upload(self, title: str, content: bytes | None = None) -> requests.Response:
        return self.send("/upload/", {"title": title}, files={"image": ("a.png", content or png(), "image/png")})

    def image_url(self, title: str, page: str = "/") -> str:
        """The address of a picture's file, as the gallery shows it."""
        shown = self.get(page).text
        for tag in re.findall(r"<img [^>]*>", shown):
            if f'alt="{title}"' in tag:
                return unescape(re.search(r'src="([^"]+)"', tag)[1])  # type: ignore[index]
        raise AssertionError(f"no picture {title!r} in\n{shown}")
