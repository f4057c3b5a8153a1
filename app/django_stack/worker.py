"""gunicorn's threaded worker, but for one thing: no visitor who is slow holds a thread that others need.

gunicorn gives a connection a thread at once, and there the thread waits for whatever the visitor has still to send; a
few who send a byte and then dawdle stop the site. Here the event loop, which can wait for a thousand, gathers a request
first. Only what is too large to be gathered (an upload) is read by a thread while it arrives, for no longer than it
keeps moving, and never by all threads at once. The end of a connection is waited for in the event loop, too.
"""

from __future__ import annotations

import re
import selectors
import socket
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any

from gunicorn.http import get_parser
from gunicorn.http.body import LengthReader
from gunicorn.http.errors import NoMoreData
from gunicorn.http.unreader import SocketUnreader
from gunicorn.workers.gthread import TConn, ThreadWorker

PATIENCE = 20.0  # seconds for a head with a small body, and for the pause of a visitor who sends or reads a large one
SLOWEST = 8 * 1024  # bytes a second that an upload must bring on average, once PATIENCE is over: a line of 64 kbit/s
SMALL = 64 * 1024  # bytes of a body that the event loop gathers
LINGER = 2.0  # seconds for a visitor to take the answer before the connection is cut

LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,18})[ \t]*(?=\r\n|$)", re.IGNORECASE)
OF_UNKNOWN_LENGTH = re.compile(rb"\r\n(transfer-encoding|expect):", re.IGNORECASE)
ALIVE = b"GET /healthz/live "  # django_stack/health.py
TIMED_OUT = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class TooSlowError(NoMoreData):
    """The visitor sends nothing more, or too little. gunicorn closes the connection without another word."""

    status = 408  # for `django_stack.middleware.BodyLimit`


class Whole:
    """gunicorn's reader of a body of known length, but for one thing: a visitor who leaves halfway is an error.

    To gunicorn that is the end of the body, and half a form would be taken for a whole one (RFC 9112, section 6.3).
    """

    def __init__(self, reader: LengthReader) -> None:
        self.reader = reader

    def read(self, size: int) -> bytes:
        """As many bytes as asked for, or all that are left.

        Raises:
            NoMoreData: they do not come.
        """
        expected = min(size, self.reader.length)
        data: bytes = self.reader.read(size)
        if len(data) < expected:
            raise NoMoreData(data)
        return data


class Reader(SocketUnreader):
    """Where gunicorn's parser gets its bytes: what was gathered, then the socket, as long as it keeps moving."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        self.begin()

    def begin(self) -> None:
        """From now on time is measured."""
        self.begun, self.received = time.monotonic(), 0

    def chunk(self, size_hint: int | None = None) -> bytes:
        """The next bytes.

        Raises:
            TooSlowError: there are none for PATIENCE, or fewer than SLOWEST demands.
        """
        before = self.sock.gettimeout()
        left = self.begun + PATIENCE + self.received / SLOWEST - time.monotonic()
        # gunicorn's own time-out, which it sets when it throws away a body that nobody read, counts as well.
        self.sock.settimeout(max(min(left, PATIENCE, PATIENCE if before is None else before), 0.001))
        try:
            data: bytes = super().chunk(size_hint)
        except TimeoutError:
            raise TooSlowError from None
        finally:
            self.sock.settimeout(before)
        self.received += len(data)
        return data


def arrived(data: bytes) -> str:
    """What `data`, the beginning of a request, is: "whole", "probe" (the same, of the load balancer), "large" (not
    whole, a thread's business), or "" (waits)."""
    head, end, body = data.partition(b"\r\n\r\n")
    if not end:
        return "large" if len(data) > SMALL else ""
    if OF_UNKNOWN_LENGTH.search(head):
        return "large"
    length = int(match[1]) if (match := LENGTH.search(head)) else 0
    if len(body) >= length:
        return "probe" if head.startswith(ALIVE) else "whole"
    return "large" if length > SMALL else ""


class Worker(ThreadWorker):
    """All `threads` threads but one may be busy with uploads that are still on their way; further uploads wait.

    One more thread says that the process is alive: a load balancer would replace every task whose threads all wait for
    the database.

    All but `handle` and `handle_request` runs in the event loop's thread.
    """

    def init_process(self) -> None:
        self.probes = ThreadPoolExecutor(1)
        self.uploading: set[TConn] = set()
        self.waiting: deque[TConn] = deque()  # uploads
        super().init_process()

    def set_accept_enabled(self, enabled: bool) -> None:
        """At the end, takes who is already in the queue, and closes the door: the others are refused at once.

        gunicorn leaves it open until the last request is answered; who comes meanwhile waits, and is cut off.
        """
        super().set_accept_enabled(enabled)
        if self.alive:
            return
        for listener in self.sockets:
            before = -1
            while before != self.nr_conns:
                before = self.nr_conns
                self.accept(listener)
            listener.close()

    def enqueue_req(self, conn: TConn) -> None:
        """A new connection, or one with a further request: in place of a thread it gets a place in the event loop."""
        if conn.parser is None:
            conn.parser = get_parser(self.cfg, conn.sock, conn.client)
            conn.parser.unreader = Reader(conn.sock)
        conn.sock.setblocking(False)
        if state := self.gather(conn):
            self.go_on(conn, state)
        else:
            self.wait_for(conn, PATIENCE, self.on_pending_socket_readable)

    def on_pending_socket_readable(self, conn: TConn, _: socket.socket) -> None:
        """More of a request that is waited for."""
        if state := self.gather(conn):
            self.forget(conn)
            self.go_on(conn, state)

    def gather(self, conn: TConn) -> str:
        """Takes what there is; gives what `arrived` says of it, or "over" if the visitor left before a request."""
        gathered = conn.parser.unreader.buf
        try:
            data, ended = receive(conn.sock)
        except BlockingIOError:
            data, ended = b"", False
        gathered.seek(0, 2)
        gathered.write(data)
        if ended:
            return "whole" if gathered.tell() else "over"
        return arrived(gathered.getvalue())

    def go_on(self, conn: TConn, state: str) -> None:
        """With a request that is whole, or large."""
        if state == "over":
            self.drop(conn)
            return
        conn.data_ready = True
        if state == "large":
            self.waiting.append(conn)
            self.begin_uploads()
        else:
            self.begin(conn, self.probes if state == "probe" else self.tpool)

    def begin(self, conn: TConn, pool: ThreadPoolExecutor) -> None:
        """Gives a connection its thread."""
        future = pool.submit(self.handle, conn)
        future.add_done_callback(lambda done: self.method_queue.defer(self.finish_request, conn, done))

    def begin_uploads(self) -> None:
        """As many as may be busy with them."""
        while self.waiting and len(self.uploading) < max(1, self.cfg.threads - 1):
            conn = self.waiting.popleft()
            self.uploading.add(conn)
            self.begin(conn, self.tpool)

    def handle(self, conn: TConn) -> Any:
        conn.parser.unreader.begin()
        return super().handle(conn)

    def handle_request(self, req: Any, conn: TConn) -> bool:
        if isinstance(req.body.reader, LengthReader):
            req.body.reader = Whole(req.body.reader)
        conn.sock.settimeout(PATIENCE)  # for each piece of the answer
        try:
            return bool(super().handle_request(req, conn))
        except TimeoutError:
            self.log.info("A visitor did not take the answer.")
            return False

    def finish_request(self, conn: TConn, fs: Future[Any]) -> None:
        """Kept alive: gunicorn's business. Else the visitor may take the rest of the answer; gunicorn would stop the
        event loop for that."""
        self.uploading.discard(conn)
        self.begin_uploads()
        if fs.exception() or fs.result():
            super().finish_request(conn, fs)
            return
        try:
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self.drop(conn)
            return
        self.wait_for(conn, LINGER, self.discard)

    def discard(self, conn: TConn, client: socket.socket) -> None:
        """Throws away what still comes on a connection that is over."""
        with suppress(BlockingIOError):
            if receive(client)[1]:
                self.forget(conn)
                self.drop(conn)

    def wait_for(self, conn: TConn, seconds: float, then: Any) -> None:
        """Puts a connection into the event loop, for no longer than that."""
        conn.sock.setblocking(False)
        conn.timeout = time.monotonic() + seconds
        self.pending_conns.append(conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(then, conn))

    def forget(self, conn: TConn) -> None:
        """Takes it out again."""
        self.poller.unregister(conn.sock)
        self.pending_conns.remove(conn)

    def drop(self, conn: TConn) -> None:
        self.nr_conns -= 1
        conn.close()

    def murder_pending(self) -> None:
        """Ends the waiting of those whose time is over, with a word to those who began a request."""
        now = time.monotonic()
        for conn in [conn for conn in self.pending_conns if conn.timeout <= now]:
            self.forget(conn)
            if conn.parser.unreader.buf.getvalue():
                with suppress(OSError):
                    conn.sock.send(TIMED_OUT)
            self.drop(conn)

    def _cap_keepalive(self, deadline: float) -> None:
        """When the worker stops: who has not begun a request is not waited for."""
        super()._cap_keepalive(deadline)
        for conn in self.pending_conns:
            if not conn.parser.unreader.buf.getvalue():
                conn.timeout = min(conn.timeout, deadline)


def receive(client: socket.socket) -> tuple[bytes, bool]:
    """The bytes that are there, and whether there will be no more.

    Raises:
        BlockingIOError: none are there.
    """
    try:
        data = client.recv(SMALL)
    except BlockingIOError:
        raise
    except OSError:
        return b"", True
    return data, not data
