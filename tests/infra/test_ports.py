"""Which ports are free, asked of the operating system."""

import errno
import socket
from typing import Any

import pytest

from infra import ports
from infra.ports import any_free_port, is_free_port


def test_a_free_port_can_be_opened() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", any_free_port()))


@pytest.mark.parametrize(("number", "free"), [(errno.EADDRINUSE, False), (errno.EACCES, True)])
def test_a_port_that_only_root_may_open_counts_as_free(
    monkeypatch: pytest.MonkeyPatch, number: int, free: bool
) -> None:
    class Probe(socket.socket):
        def bind(self, address: Any) -> None:
            raise OSError(number, "no")

    monkeypatch.setattr(ports.socket, "socket", Probe)
    assert is_free_port(80) is free


def test_a_port_is_taken_while_somebody_listens_and_free_a_moment_after() -> None:
    """A connection that was closed keeps its port for a minute, which is no obstacle to a server."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        client = socket.create_connection(("127.0.0.1", port))
        accepted, _ = server.accept()
        assert not is_free_port(port)
        accepted.close()  # the server's side closes first, and waits
        client.close()
    assert is_free_port(port)
