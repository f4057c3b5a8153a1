"""gunicorn's threaded worker, changed so that slow clients don't occupy the threads that others need.

gunicorn gives a connection a thread at once, and the thread waits for what the client still has to send, so that a few
slow clients block the site. Here the event loop, which can wait for a thousand connections, collects a request first.
Only a request that is too large for that (an upload) is read by a thread while it arrives, as long as it makes
progress, and never by all threads at once. The event loop also waits for connections to close.

A client that does not read its response holds a thread, for up to IDLE_TIMEOUT between two pieces that it takes, once
the response is larger than what the kernel buffers (figures: docs/decisions/0016-own-worker-measured.md).
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

IDLE_TIMEOUT = 20.0  # seconds for a head with a small body, and for a pause while a large one is sent or read
MIN_BYTES_PER_SECOND = 8 * 1024  # that an upload must reach on average after IDLE_TIMEOUT: 64 kbit/s
COLLECTED_BODY = 64 * 1024  # the most bytes of a body that the event loop collects
LINGER = 2.0  # seconds for a client to read the response before the connection is closed

LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,18})[ \t]*(?=\r\n|$)", re.IGNORECASE)
OF_UNKNOWN_LENGTH = re.compile(rb"\r\n(transfer-encoding|expect):", re.IGNORECASE)
LIVENESS_CHECK = b"GET /healthz/live "  # django_stack/health.py
TIMED_OUT = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class TooSlowError(NoMoreData):
    """The client stopped sending, or is too slow. gunicorn closes the connection without a response."""

    status = 408  # for `django_stack.middleware.BodyLimit`


class CompleteBody:
    """gunicorn's reader of a body of known length, except that it is an error when the client leaves halfway.

    gunicorn takes that for the end of the body, and half a form for a whole one (RFC 9112, section 6.3).
    """

    def __init__(self, reader: LengthReader) -> None:
        self.reader = reader

    def read(self, size: int) -> bytes:
        """Returns `size` bytes, or all that are left.

        Raises:
            NoMoreData: the client left before.
        """
        expected = min(size, self.reader.length)
        data: bytes = self.reader.read(size)
        if len(data) < expected:
            raise NoMoreData(data)
        return data


class Reader(SocketUnreader):
    """Supplies gunicorn's parser with bytes: what was collected, then the socket, as long as it makes progress."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        self.begin()

    def begin(self) -> None:
        """Starts to measure the progress."""
        self.begun, self.received = time.monotonic(), 0

    def chunk(self, size_hint: int | None = None) -> bytes:
        """The next bytes.

        Raises:
            TooSlowError: none come for IDLE_TIMEOUT seconds, or they are slower than MIN_BYTES_PER_SECOND.
        """
        before = self.sock.gettimeout()
        left = self.begun + IDLE_TIMEOUT + self.received / MIN_BYTES_PER_SECOND - time.monotonic()
        # gunicorn sets a time-out of its own while it discards an unread body; that one applies, too.
        self.sock.settimeout(max(min(left, IDLE_TIMEOUT, IDLE_TIMEOUT if before is None else before), 0.001))
        try:
            data: bytes = super().chunk(size_hint)
        except TimeoutError:
            raise TooSlowError from None
        finally:
            self.sock.settimeout(before)
        self.received += len(data)
        return data


def arrived(data: bytes) -> str:
    """The state of a request of which `data` arrived: "whole", "probe" (a whole health check), "large" (incomplete, for
    a thread to read), or "" (wait for more)."""
    head, end, body = data.partition(b"\r\n\r\n")
    if not end:
        return "large" if len(data) > COLLECTED_BODY else ""
    if OF_UNKNOWN_LENGTH.search(head):
        return "large"
    length = int(match[1]) if (match := LENGTH.search(head)) else 0
    if len(body) >= length:
        return "probe" if head.startswith(LIVENESS_CHECK) else "whole"
    return "large" if length > COLLECTED_BODY else ""


class Worker(ThreadWorker):
    """Of the `threads` threads, all but one may read uploads; further uploads wait.

    One additional thread answers the liveness check, or a load balancer would replace every task whose threads all wait
    for the database.

    Everything except `handle` and `handle_request` runs in the event loop's thread.
    """

    def init_process(self) -> None:
        self.probes = ThreadPoolExecutor(1)
        self.uploading: set[TConn] = set()
        self.waiting: deque[TConn] = deque()  # uploads
        super().init_process()

    def set_accept_enabled(self, enabled: bool) -> None:
        """When the worker stops, accepts the connections in the queue and closes the listeners, which refuses others at
        once.

        gunicorn leaves them open until the last request is answered; new connections would wait and then be cut off.
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
        """Puts a new connection, or one with a further request, into the event loop instead of giving it a thread."""
        if conn.parser is None:
            conn.parser = get_parser(self.cfg, conn.sock, conn.client)
            conn.parser.unreader = Reader(conn.sock)
        conn.sock.setblocking(False)
        if state := self.gather(conn):
            self.dispatch(conn, state)
        else:
            self.wait_for(conn, IDLE_TIMEOUT, self.on_pending_socket_readable)

    def on_pending_socket_readable(self, conn: TConn, _: socket.socket) -> None:
        """Called when more of a request has arrived."""
        if state := self.gather(conn):
            self.forget(conn)
            self.dispatch(conn, state)

    def gather(self, conn: TConn) -> str:
        """Reads what has arrived; returns what `arrived` says, or "over" if the client left before a request."""
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

    def dispatch(self, conn: TConn, state: str) -> None:
        """Handles a connection whose request is whole or large, or which is over."""
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
        """Gives a connection a thread."""
        future = pool.submit(self.handle, conn)
        future.add_done_callback(lambda done: self.method_queue.defer(self.finish_request, conn, done))

    def begin_uploads(self) -> None:
        """Starts waiting uploads, as many as may be read at once."""
        while self.waiting and len(self.uploading) < max(1, self.cfg.threads - 1):
            conn = self.waiting.popleft()
            self.uploading.add(conn)
            self.begin(conn, self.tpool)

    def handle(self, conn: TConn) -> Any:
        conn.parser.unreader.begin()
        return super().handle(conn)

    def handle_request(self, req: Any, conn: TConn) -> bool:
        if isinstance(req.body.reader, LengthReader):
            req.body.reader = CompleteBody(req.body.reader)
        conn.sock.settimeout(IDLE_TIMEOUT)  # for each piece of the response
        try:
            return bool(super().handle_request(req, conn))
        except TimeoutError:
            self.log.info("A client did not read the response.")
            return False

    def finish_request(self, conn: TConn, fs: Future[Any]) -> None:
        """Leaves a kept-alive connection to gunicorn; otherwise waits in the event loop until the client has read the
        response, for which gunicorn would block the event loop."""
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
        """Discards what still arrives on a connection that is over."""
        with suppress(BlockingIOError):
            if receive(client)[1]:
                self.forget(conn)
                self.drop(conn)

    def wait_for(self, conn: TConn, seconds: float, then: Any) -> None:
        """Puts a connection into the event loop for at most `seconds`."""
        conn.sock.setblocking(False)
        conn.timeout = time.monotonic() + seconds
        self.pending_conns.append(conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(then, conn))

    def forget(self, conn: TConn) -> None:
        """Removes a connection from the event loop."""
        self.poller.unregister(conn.sock)
        self.pending_conns.remove(conn)

    def drop(self, conn: TConn) -> None:
        self.nr_conns -= 1
        conn.close()

    def murder_pending(self) -> None:
        """Closes connections whose time is over, with a 408 for those that began a request."""
        now = time.monotonic()
        for conn in [conn for conn in self.pending_conns if conn.timeout <= now]:
            self.forget(conn)
            if conn.parser.unreader.buf.getvalue():
                with suppress(OSError):
                    conn.sock.send(TIMED_OUT)
            self.drop(conn)

    def _cap_keepalive(self, deadline: float) -> None:
        """When the worker stops, doesn't wait for connections that have not begun a request."""
        super()._cap_keepalive(deadline)
        for conn in self.pending_conns:
            if not conn.parser.unreader.buf.getvalue():
                conn.timeout = min(conn.timeout, deadline)


def receive(client: socket.socket) -> tuple[bytes, bool]:
    """The bytes that have arrived, and whether the connection is over.

    Raises:
        BlockingIOError: none have arrived.
    """
    try:
        data = client.recv(COLLECTED_BODY)
    except BlockingIOError:
        raise
    except OSError:
        return b"", True
    return data, not data
