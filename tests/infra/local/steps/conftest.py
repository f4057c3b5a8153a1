"""The local steps, run to their end in this process with a scripted Docker engine."""

import importlib
import io
import json
import signal
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from infra import endpoint
from tests.infra.local.steps.engine import Engine

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """Runs a step of infra/local: exit status, standard output, standard error."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}

    def to_the_end(step: str, request: dict[str, Any], engine: Engine) -> tuple[int, str, str]:
        monkeypatch.setattr(endpoint, "client", lambda: engine)
        monkeypatch.setattr(sys, "argv", ["step"])
        monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(request)))
        module = importlib.import_module(f"infra.local.steps.{step}")
        try:
            module.main()
        except SystemExit as end:
            out, error = capsys.readouterr()
            return 1, out, f"{error}{end.code}\n"
        return 0, *capsys.readouterr()

    yield to_the_end
    for number, handler in handlers.items():
        signal.signal(number, handler)
