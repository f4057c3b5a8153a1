"""A server is taken for ready when it says so in PostgreSQL's protocol; tests/e2e have real ones."""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from infra.local.steps.postgres_ping import takes_connections
from tests.ports import free_ports

ASKS_PASSWORD = b"R\0\0\0\x17\0\0\0\nSCRAM-SHA-256\0\0"


def refusal(code: str) -> bytes:
    fields = f"SFATAL\0VFATAL\0C{code}\0Mthe words of it\0\0".encode()
    return b"E" + struct.pack("!i", len(fields) + 4) + fields


@contextmanager
def answering(answer: bytes, asked: list[bytes]) -> Iterator[int]:
    """A server on the port that is given, which answers one request and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                asked.append(connection.recv(1024))
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        thread.join(10)


@pytest.mark.parametrize(
    ("answer", "ready"),
    [
        (ASKS_PASSWORD, True),
        (refusal("28000"), True),
        (refusal("53300"), True),
        (refusal("57P03"), False),
        (b"", False),
        (b"HTTP/1.1 400 Bad Request\r\n", False),
    ],
    ids=["asks for a password", "no rule for us", "too many of us", "starting up", "hangs up", "is no PostgreSQL"],
)
def test_any_answer_counts_but_that_it_is_starting(answer: bytes, ready: bool) -> None:
    """As pg_isready decides (PQping in libpq)."""
    asked: list[bytes] = []
    with answering(answer, asked) as port:
        assert takes_connections(port, "app") is ready
    [request] = asked
    length, version = struct.unpack("!ii", request[:8])
    assert (length, version) == (len(request), 196608)
    assert request[8:] == b"user\0app\0database\0postgres\0\0"


def test_a_port_that_nobody_listens_on_is_not_ready() -> None:
    assert not takes_connections(*free_ports(1), "app")


def test_a_server_that_says_nothing_is_not_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert not takes_connections(server.getsockname()[1], "app", seconds=0.2)
