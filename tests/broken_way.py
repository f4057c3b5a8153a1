"""A way to a server of this machine on which connections break off."""

import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def way_to(port: int, passes: Callable[[int, bool], bool]) -> Iterator[int]:
    """The port of the way. `passes` is asked whether a connection goes on: when it is made, and after each block, with
    the bytes so far of this direction and whether they are of the server's answers."""

    class Way(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            if not passes(0, False):
                return
            with socket.create_connection(("127.0.0.1", port)) as server:
                threading.Thread(target=self.pass_on, args=(self.request, server, False), daemon=True).start()
                self.pass_on(server, self.request, True)

        def pass_on(self, origin: socket.socket, to: socket.socket, is_answer: bool) -> None:
            brought = 0
            try:
                while block := origin.recv(65536):
                    to.sendall(block)
                    brought += len(block)
                    if not passes(brought, is_answer):
                        break
                to.shutdown(socket.SHUT_RDWR)
            except OSError:
                return

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Way) as way:
        way.daemon_threads = True
        threading.Thread(target=way.serve_forever, daemon=True).start()
        yield int(way.server_address[1])
        way.shutdown()
