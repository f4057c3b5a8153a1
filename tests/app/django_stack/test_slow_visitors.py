"""Visitors who are slow to send, to read, to leave: they hold nobody up, and in the end they are let go.

Over real sockets, with the real configuration of gunicorn: one process, four threads. Who must not be held up is asked
for with the real time-out, 20 s, so that nothing depends on how quick this machine is; who must be let go, with a
fraction of a second.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from django_stack.worker import COLLECTED_BODY, arrived

from tests.app.programs import APP
from tests.waiting import wait_until

SITE = """
import time
from pathlib import Path
from django_stack import worker
from django_stack.gunicorn_config import *
from gunicorn.workers import gthread

worker.LINGER, worker.MIN_BYTES_PER_SECOND = 0.2, 100_000
gthread.STOP_KEEPALIVE_LINGER = 0.2
preload_app = False
sendfile = False


def application(environ, start_response):
    path, body = environ["PATH_INFO"], environ["wsgi.input"]
    if path.startswith("/idle-timeout/"):
        worker.IDLE_TIMEOUT = float(path.split("/")[2])
    if path == "/held":
        Path("held").touch()
        while not Path("go").exists():
            time.sleep(0.01)
    try:
        answer = str(len(body.read())).encode() if path != "/unread" else b"unread"
    except OSError as error:
        answer = type(error).__name__.encode()
    if path == "/large":
        answer = b"x" * 20_000_000
    start_response("200 OK", [("Content-Length", str(len(answer)))])
    return [answer]


wsgi_app = "site_config:application"
"""
POST = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"
GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Server:
    """gunicorn in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "site_config.py").write_text(SITE)
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "--config", "python:site_config"],
            cwd=folder,
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": f"{APP}:{folder}",
                "PYTHONDONTWRITEBYTECODE": "1",
                "PORT": str(self.port),
                "WEB_CONCURRENCY": "1",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        wait_until(self.serves, "the server")

    def serves(self) -> bool:
        """False while it starts."""
        assert self.process.poll() is None, self.output()
        try:
            self.get()
        except ConnectionRefusedError:
            return False
        return True

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)

    def get(self, path: str = "/") -> None:
        """Asks for a page, and has it in less than the real time-out."""
        with self.connect() as connection:
            connection.settimeout(15)
            connection.sendall(GET.replace(b"/", path.encode(), 1))
            assert connection.recv(1000).startswith(b"HTTP/1.1 200 OK")

    def output(self) -> str:
        """All that was printed, once it has ended."""
        return self.process.communicate(timeout=20)[0]


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    server = Server(folder)
    try:
        yield server
    finally:
        server.process.kill()
        server.process.wait(10)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Shared: a test leaves it as it was."""
    with serving(tmp_path_factory.mktemp("site")) as server:
        yield server


@pytest.fixture
def server_with_short_timeout(server: Server) -> Iterator[Server]:
    """With a time-out of 0.2 s."""
    server.get("/idle-timeout/0.2")
    yield server
    server.get("/idle-timeout/20")


def read_until(connection: socket.socket, end: bytes) -> bytes:
    """What comes, which has to end so."""
    answer = b""
    while not answer.endswith(end):
        data = connection.recv(1000)
        assert data, answer
        answer += data
    return answer


def read_all(connection: socket.socket) -> bytes:
    """What comes until the server closes the connection."""
    answer = b""
    while data := connection.recv(65536):
        answer += data
    return answer


SLOW = {  # what they send, and what they are answered
    "nothing": (b"", b""),
    "half a head": (b"GET / HTTP/1.1\r\nHost: lo", b"HTTP/1.1 408 "),
    "half a form": (POST % 50 + b"x", b"HTTP/1.1 408 "),
    "half an upload": (POST % 10_000_000 + b"x", b"TooSlowError"),
    "half a chunk": (POST.replace(b"Content-Length: %d", b"Transfer-Encoding: chunked") + b"5\r\nx", b"TooSlowError"),
    "expecting": (POST.replace(b"%d\r\n", b"9\r\nExpect: 100-continue\r\n"), b"HTTP/1.1 100 Continue"),
}


def test_many_who_send_a_little_and_dawdle_hold_nobody_up(server: Server) -> None:
    """Sixty times as many as there are threads."""
    with ExitStack() as stack:
        for _ in range(40):
            for sent, _ in SLOW.values():
                stack.enter_context(server.connect()).sendall(sent)
        for _ in range(10):
            server.get()


def test_those_who_send_a_little_and_dawdle_are_let_go(server_with_short_timeout: Server) -> None:
    with ExitStack() as stack:
        slow = [(stack.enter_context(server_with_short_timeout.connect()), *kind) for kind in SLOW.values()]
        for connection, sent, _ in slow:
            connection.sendall(sent)
        for connection, _, end in slow:
            assert end in read_all(connection)


def test_uploads_that_wait_for_a_thread_are_answered_in_turn(server: Server) -> None:
    """Ten at once, three at a time; the one thread that is left answers the others."""
    with ExitStack() as stack:
        uploads = [stack.enter_context(server.connect()) for _ in range(10)]
        for connection in uploads:
            connection.sendall(POST % 100_000)
        server.get()
        for connection in uploads:
            connection.sendall(b"x" * 100_000)
        for connection in uploads:
            read_until(connection, b"\r\n100000")


def test_those_who_drip_byte_by_byte_are_let_go_as_well(server_with_short_timeout: Server) -> None:
    """Each byte starts the time-out of a read again; the bytes a second count."""
    with server_with_short_timeout.connect() as in_the_head, server_with_short_timeout.connect() as in_the_body:
        dripping = {in_the_head, in_the_body}
        in_the_head.sendall(b"GET / HTTP/1.1\r\nX: ")
        in_the_body.sendall(POST % 10_000_000)
        begun = time.monotonic()
        while dripping:
            assert time.monotonic() - begun < 15
            time.sleep(0.05)
            for connection in list(dripping):
                try:
                    connection.sendall(b"x")
                except OSError:
                    dripping.remove(connection)


def test_an_upload_over_a_slow_line_passes_as_long_as_it_moves(server_with_short_timeout: Server) -> None:
    """It takes longer than the time-out for a pause, but no pause does; and it is not slower than the slowest line."""
    server_with_short_timeout.get("/idle-timeout/2")
    with server_with_short_timeout.connect() as connection:
        connection.sendall(POST % 200_000)
        for _ in range(10):
            connection.sendall(b"x" * 20_000)
            time.sleep(0.25)
        read_until(connection, b"\r\n200000")


def test_who_does_not_take_the_answer_is_let_go(server_with_short_timeout: Server) -> None:
    with ExitStack() as stack:
        for _ in range(8):
            connection = stack.enter_context(server_with_short_timeout.connect())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.sendall(GET.replace(b"/ ", b"/large ", 1))
        time.sleep(0.1)
        server_with_short_timeout.get()  # after two rounds of four


def test_who_does_not_leave_holds_nobody_up(server: Server) -> None:
    """gunicorn's own worker stops its event loop for two seconds for each of them."""
    begun = time.monotonic()
    with ExitStack() as stack:
        for _ in range(20):
            connection = stack.enter_context(server.connect())
            connection.sendall(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
            assert read_all(connection).startswith(b"HTTP/1.1 200 OK")
        server.get()
    assert time.monotonic() - begun < 20


def test_requests_that_come_in_pieces_or_several_at_once_are_answered(server: Server) -> None:
    with server.connect() as connection:
        for piece in (b"PO", POST[2:20], POST[20:] % 6, b"abc", b"def"):
            connection.sendall(piece)
            time.sleep(0.03)
        read_until(connection, b"\r\n6")
        connection.sendall(GET + POST % 3 + b"abc" + GET)
        answers = b""
        while answers.count(b"HTTP/1.1 200 OK") < 3 or not answers.endswith(b"\r\n0"):
            data = connection.recv(1000)
            assert data, answers
            answers += data
        assert b"\r\n3HTTP/1.1" in answers


def test_a_body_that_nobody_reads_ends_the_connection_with_the_answer_read(server_with_short_timeout: Server) -> None:
    with server_with_short_timeout.connect() as connection:
        connection.sendall(POST.replace(b"/ ", b"/unread ", 1) % 10_000_000 + b"x" * 500_000)
        assert read_all(connection).endswith(b"unread")


def test_a_process_whose_threads_are_all_busy_says_that_it_is_alive(server: Server) -> None:
    with ExitStack() as stack:
        for _ in range(8):
            stack.enter_context(server.connect()).sendall(GET.replace(b"/ ", b"/held ", 1))
        wait_until((server.folder / "held").exists, "a request that is held")
        server.get("/healthz/live")
        with server.connect() as other:
            other.sendall(GET)
            other.settimeout(0.1)
            with pytest.raises(TimeoutError):
                other.recv(1000)
            (server.folder / "go").touch()
            other.settimeout(15)
            assert other.recv(1000).startswith(b"HTTP/1.1 200 OK")


def test_sigterm_answers_who_is_in_and_refuses_who_comes(tmp_path: Path) -> None:
    with serving(tmp_path) as server, server.connect() as working, server.connect() as late, server.connect() as idle:
        late.sendall(GET[:10])
        working.sendall(GET.replace(b"/ ", b"/held ", 1))
        wait_until((tmp_path / "held").exists, "a request that is held")
        time.sleep(0.1)
        server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: refuses(server), "a closed listener")
        late.sendall(GET[10:])
        assert read_all(late).startswith(b"HTTP/1.1 200 OK")
        (tmp_path / "go").touch()
        assert read_all(working).startswith(b"HTTP/1.1 200 OK")
        assert read_all(idle) == b""
        assert server.process.wait(5) == 0
        assert "Traceback" not in server.output()


def refuses(server: Server) -> bool:
    """Whether it takes no connection any more."""
    try:
        server.connect().close()
    except ConnectionRefusedError:
        return True
    return False


def test_connections_that_wait_at_the_door_at_sigterm_are_let_in(tmp_path: Path) -> None:
    """The process is stopped for a moment, so that the kernel has accepted what it has not seen yet."""
    with serving(tmp_path) as server, ExitStack() as stack:
        children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
        worker = int(children[-1])
        os.kill(worker, signal.SIGSTOP)
        waiting = [stack.enter_context(server.connect()) for _ in range(10)]
        for connection in waiting:
            connection.sendall(GET)
        os.kill(worker, signal.SIGTERM)
        os.kill(worker, signal.SIGCONT)
        for connection in waiting:
            assert read_all(connection).startswith(b"HTTP/1.1 200 OK")


@pytest.mark.parametrize(
    ("data", "state"),
    [
        (b"", ""),
        (b"GET / HTTP/1.1\r\nA: b\r\n", ""),
        (b"GET / HTTP/1.1\r\nA: b\r\n\r\n", "whole"),
        (b"GET /healthz/live HTTP/1.1\r\nA: b\r\n\r\n", "probe"),
        (b"GET /healthz/live HTTP/1.1\r\nContent-Length: 3\r\n\r\nab", ""),
        (b"GET /healthz/live/x HTTP/1.1\r\nA: b\r\n\r\n", "whole"),
        (b"POST / HTTP/1.1\r\ncontent-LENGTH:3\r\n\r\nab", ""),
        (b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", "whole"),
        (b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcGET", "whole"),
        (b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (COLLECTED_BODY + 1), "large"),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", "large"),
        (b"POST / HTTP/1.1\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n", "large"),
        (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", "whole"),
        (b"POST / HTTP/1.1\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n", "whole"),
        (b"x" * (COLLECTED_BODY + 1), "large"),
    ],
)
def test_what_is_gathered_and_what_is_a_threads_business(data: bytes, state: str) -> None:
    """What makes no sense is "whole": gunicorn's parser refuses it."""
    assert arrived(data) == state
