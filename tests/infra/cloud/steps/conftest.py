"""The cloud's steps, run as `local.Command` runs them, with a scripted AWS and a site with TLS."""

import importlib
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import ROOT
from tests.infra.cloud.fake_aws import FakeAWS, fake_aws
from tests.infra.cloud.site import Site, tls_site

ACCOUNT = "arn:aws:ecs:us-east-1:123456789012"
NEW, OLD = f"{ACCOUNT}:task-definition/app:2", f"{ACCOUNT}:task-definition/app:1"


@pytest.fixture
def aws() -> Iterator[FakeAWS]:
    with fake_aws() as fake:
        yield fake


@pytest.fixture
def site(certificate: Path) -> Iterator[Site]:
    with tls_site(certificate) as running:
        yield running


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
