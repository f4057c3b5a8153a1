"""A Docker registry that takes pushes, keeps nothing but sizes, and wants a user's name and password."""

import base64
import hashlib
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from urllib.parse import parse_qs

USER, PASSWORD = "somebody", "a secret"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments: object) -> None:
        pass

    sizes: ClassVar[dict[str, int]] = {}  # of an upload by its id, then of the blob by its digest

    def _answer(self, code: int, size: int = 0, **headers: str) -> None:
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(size))
        self.end_headers()

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline() or b"0", 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _handle(self) -> None:
        body = self._body()
        expected = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if self.headers.get("Authorization") != expected:
            return self._answer(401, WWW_Authenticate='Basic realm="test"')
        if self.path == "/v2/":
            return self._answer(200)
        path, _, query = self.path.partition("?")
        name = path.rpartition("/")[2]
        if self.command in ("HEAD", "GET"):
            return self._answer(200, self.sizes[name]) if name in self.sizes else self._answer(404)
        if "/manifests/" in path:
            return self._answer(201, Docker_Content_Digest=f"sha256:{hashlib.sha256(body).hexdigest()}")
        if self.command == "POST":
            name = str(uuid.uuid4())
            path = f"{path.rstrip('/')}/{name}"
        self.sizes[name] = self.sizes.get(name, 0) + len(body)
        if self.command == "PUT":
            digest = parse_qs(query)["digest"][0]
            self.sizes[digest] = self.sizes[name]
            return self._answer(201, Docker_Content_Digest=digest)
        return self._answer(202, Location=path, Range=f"0-{max(0, self.sizes[name] - 1)}", Docker_Upload_UUID=name)

    do_GET = do_HEAD = do_POST = do_PATCH = do_PUT = _handle


@contextmanager
def fake_registry() -> Iterator[str]:
    """Serve on a free local port; gives host and port as they stand in an image's name."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
