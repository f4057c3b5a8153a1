"""As much of S3 as the storage's tests need, in place of the network."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from django_stack.storage_dsn import parse
from django_stack.storages import S3Media

SIGNED = "s3://K:S@media/?endpoint_url=http%3A%2F%2Fmedia.localhost%3A9000&region_name=us-east-1"


class Raw(io.BytesIO):
    """The body of an answer, as urllib3 gives it."""

    def stream(self, **_: object) -> Iterator[bytes]:
        yield self.read()


class Server:
    """As much of S3 as uploads need, in place of the network: it refuses to overwrite if asked to, as S3 does.

    With `barrier`, uploads wait for each other: all have looked whether the name is free before any is written.
    """

    def __init__(self, barrier: threading.Barrier | None = None, knows_conditions: bool = True) -> None:
        self.objects: dict[str, bytes] = {}
        self.headers: list[dict[str, bytes | str]] = []
        self.parts: list[bytes] = []
        self.lock = threading.Lock()
        self.barrier = barrier
        self.knows_conditions = knows_conditions

    def storage(self) -> S3Media:
        """A storage of a process of its own."""
        storage = S3Media(parse(SIGNED))
        storage.session.events.register("before-send.s3", self.answer)
        return storage

    def answer(self, request: AWSPreparedRequest, **_: object) -> AWSResponse:
        url = urlsplit(request.url)
        status, body = self.status(request.method, url.path.removeprefix("/media/"), url.query, request)
        return AWSResponse(request.url, status, {"ETag": '"e"'}, Raw(body))

    def status(self, method: str, key: str, query: str, request: AWSPreparedRequest) -> tuple[int, bytes]:
        if method == "HEAD":
            with self.lock:
                found = 200 if key in self.objects else 404
            if self.barrier and found == 404 and key == "a/b.png":
                self.barrier.wait(10)
            return found, b""
        if method == "DELETE":  # of an upload that has failed
            self.parts.clear()
            return 204, b""
        body = request.body.read() if hasattr(request.body, "read") else request.body
        if query == "uploads":
            return 200, b"<InitiateMultipartUploadResult><UploadId>1</UploadId></InitiateMultipartUploadResult>"
        with self.lock:
            if method == "PUT" and query:
                self.parts.append(body)
                return 200, b""
            self.headers.append({name.lower(): value for name, value in request.headers.items()})
            condition = "if-none-match" in self.headers[-1]
            if condition and not self.knows_conditions:
                return 501, b"<Error><Code>NotImplemented</Code></Error>"
            if condition and key in self.objects:
                return 412, b"<Error><Code>PreconditionFailed</Code></Error>"
            self.objects[key] = body if method == "PUT" else b"".join(self.parts)
        return 200, b"<CompleteMultipartUploadResult/>"
