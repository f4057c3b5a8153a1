"""A proxy for https that a test brings up on the loopback."""

import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field


@dataclass
class ConnectProxy:
    """The proxy's port, and what it was asked: the first line and the headers of each request."""

    port: int = 0
    refuses: bool = False
    asked: list[list[str]] = field(default_factory=list)


@contextmanager
def connect_proxy(target: int) -> Iterator[ConnectProxy]:
    """Leads every CONNECT, wherever it is to go, to a port of the loopback."""
    proxy = ConnectProxy()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            lines = list(iter(lambda: self.rfile.readline().decode().strip(), ""))
            proxy.asked.append(lines)
            if proxy.refuses:
                self.wfile.write(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
                return
            with socket.create_connection(("127.0.0.1", target)) as site:
                self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                back = threading.Thread(target=_pass_on, args=(site, self.connection), daemon=True)
                back.start()
                _pass_on(self.connection, site)
                back.join()

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        proxy.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield proxy
        server.shutdown()


def _pass_on(source: socket.socket, to: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            to.sendall(data)
        to.shutdown(socket.SHUT_WR)
