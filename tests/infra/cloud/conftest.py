"""A scripted AWS, a site with TLS, and the cloud's steps run as `local.Command` runs them."""

import importlib
import io
import json
import os
import signal
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.infra.cloud.fake_aws import FakeAWS, fake_aws

ROOT = Path(__file__).resolve().parents[3]
ACCOUNT = "arn:aws:ecs:us-east-1:123456789012"
NEW, OLD = f"{ACCOUNT}:task-definition/app:2", f"{ACCOUNT}:task-definition/app:1"


@pytest.fixture
def aws() -> Iterator[FakeAWS]:
    with fake_aws() as fake:
        yield fake


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(aws: FakeAWS, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """Runs a step of infra/cloud to its end in this process: exit status, standard output, standard error."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)

    def to_the_end(module: str, request: dict[str, Any], environment: dict[str, str] | None = None) -> Any:
        for name, value in {**aws.environment, **(environment or {})}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(request)))
        try:
            importlib.import_module(module).main()
        except SystemExit as end:
            out, error = capsys.readouterr()
            return 1, out, f"{error}{end.code}\n"
        return 0, *capsys.readouterr()

    yield to_the_end
    for number, handler in handlers.items():
        signal.signal(number, handler)


Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(aws: FakeAWS) -> Iterator[Start]:
    """Starts a step of infra/cloud with its request on standard input."""
    started: list[subprocess.Popen[str]] = []

    def begin(module: str, request: dict[str, Any], environment: dict[str, str] | None = None) -> Any:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        process = subprocess.Popen(
            [sys.executable, "-m", module],
            cwd=ROOT,
            env=kept | aws.environment | (environment or {}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdin is not None
        process.stdin.write(json.dumps(request))
        process.stdin.close()
        process.stdin = None
        return process

    yield begin
    for process in started:
        process.kill()
        process.wait()


READY = '{"status": "ok", "database": "ok", "migrations": "applied"}'
UNREADY = '{"status": "unavailable", "database": "ok", "migrations not applied": ["gallery.0001_initial"]}'
JSON, HTML = "application/json", "text/html; charset=utf-8"


class Site:
    """A site on https://localhost:PORT that answers as it's told; `certificate` is the file to trust it by.

    `answers` has, for a path, the answers one after the other, of which the last one stays: status, media type, text.
    """

    def __init__(self, port: int, certificate: Path) -> None:
        self.address = f"localhost:{port}"
        self.certificate = certificate
        self.answers = {"/healthz/ready": [(200, JSON, READY)], "/": [(200, HTML, "<h1>Welcome</h1>")]}
        self.asked: list[tuple[str, str]] = []


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and its own certificate, for localhost, www.example.com and CloudFront, in one file."""
    folder = tmp_path_factory.mktemp("tls")
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    subprocess.run(
        [
            *command.split(),
            "-addext",
            "subjectAltName=DNS:localhost,DNS:www.example.com,DNS:*.cloudfront.net",
            "-keyout",
            "key.pem",
            "-out",
            "cert.pem",
        ],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    both = folder / "both.pem"
    both.write_text((folder / "key.pem").read_text() + (folder / "cert.pem").read_text())
    return both


@pytest.fixture
def site(certificate: Path) -> Iterator[Site]:
    with tls_site(certificate) as running:
        yield running


@contextmanager
def tls_site(certificate: Path) -> Iterator[Site]:
    """The site, on a free port of the loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the base class's name
            running.asked.append((self.headers["Host"], self.path))
            answers = running.answers[self.path]
            status, kind, text = answers.pop(0) if len(answers) > 1 else answers[0]
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *arguments: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    running = Site(server.server_port, certificate)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield running
    server.shutdown()
    server.server_close()
