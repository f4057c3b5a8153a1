"""The wait for a server of the stack: what it says counts, since Docker takes connections before it is there."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from infra.local.steps import answer as step
from tests.infra.local.steps.conftest import Run
from tests.infra.local.steps.engine import Container, Engine


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step, "READY_SECONDS", 0.5)
    monkeypatch.setattr(time, "sleep", lambda seconds: None)


@contextmanager
def saying(*answers: bytes) -> Iterator[tuple[int, list[bytes]]]:
    """A server that says these one after the other, the last one again and again; its port, and what it was asked."""
    asked: list[bytes] = []
    left = list(answers)

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                asked.append(connection.recv(200))
                said = left.pop(0) if len(left) > 1 else left[0]
                if said:
                    connection.sendall(said)

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1], asked
        server.shutdown(socket.SHUT_RDWR)


def request(port: int) -> dict[str, Any]:
    question = "AUTH TOP-SECRET\r\n"
    asked = {"container": "cache-id", "what": "The cache", "port": port, "question": question, "answer": "+OK"}
    return {**asked, "secrets": ["TOP-SECRET"]}


def test_it_waits_until_the_server_says_the_right_thing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step, "READY_SECONDS", 30)
    with saying(b"", b"-LOADING\r\n", b"+OK\r\n") as (port, asked):
        assert run("answer", request(port), Engine(Container("cache"))) == (0, "", "")
    assert asked == [b"AUTH TOP-SECRET\r\n"] * 3


def test_a_server_that_refuses_the_password_fails_with_its_words_and_last_lines(run: Run) -> None:
    container = Container("cache", ("Ready to accept connections", "refused TOP-SECRET"))
    with saying(b"-WRONGPASS invalid\r\n") as (port, _):
        status, _, error = run("answer", request(port), Engine(container))
    assert status == 1
    assert f"The cache is not ready after 0.5 seconds: 127.0.0.1:{port} answers '-WRONGPASS invalid'" in error
    assert "Ready to accept connections" in error
    assert "TOP-SECRET" not in error


def test_a_port_that_is_taken_and_says_nothing_is_no_answer(run: Run) -> None:
    with saying(b"") as (port, _):
        status, _, error = run("answer", request(port), Engine(Container("cache")))
    assert (status, f"127.0.0.1:{port} closes the connection" in error) == (1, True)


def test_a_container_that_keeps_restarting_ends_the_wait(run: Run) -> None:
    container = Container("cache", ("FATAL CONFIG FILE ERROR",))
    container.attrs |= {"RestartCount": 3, "State": {"Restarting": True}}
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    status, _, error = run("answer", request(port), Engine(container))
    assert status == 1
    assert "The cache keeps restarting" in error
    assert "FATAL CONFIG FILE ERROR" in error
