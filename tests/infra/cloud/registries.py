"""A registry on the loopback, with ECR's answers about it: what copying an image takes, and what it was asked."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def sha256(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@dataclass
class Registry:
    """Repositories by name: blobs and manifests by digest, digests by tag. `mounts` is whether it mounts blobs."""

    mounts: bool = True
    blobs: dict[str, dict[str, bytes]] = field(default_factory=dict)
    manifests: dict[str, dict[str, tuple[bytes, str]]] = field(default_factory=dict)
    tags: dict[str, dict[str, str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    uploads: dict[str, bytes] = field(default_factory=dict)
    port: int = 0

    def repository(self, name: str) -> None:
        self.blobs[name], self.manifests[name], self.tags[name] = {}, {}, {}

    def image(self, name: str, *layers: bytes) -> str:
        """Puts an image there, by hand; its digest."""
        config = b'{"architecture": "amd64"}'
        for blob in (config, *layers):
            self.blobs[name][sha256(blob)] = blob
        manifest = {"config": {"digest": sha256(config)}, "layers": [{"digest": sha256(layer)} for layer in layers]}
        return self.put(name, json.dumps(manifest, indent=3).encode(), MANIFEST)

    def put(self, name: str, content: bytes, kind: str) -> str:
        self.manifests[name][sha256(content)] = content, kind
        return sha256(content)

    # boto3's client of ECR

    def describe_repositories(self, repositoryNames: list[str]) -> dict[str, Any]:  # noqa: N803  # boto3's
        return {"repositories": [{"repositoryUri": f"127.0.0.1:{self.port}/{repositoryNames[0]}"}]}

    def get_authorization_token(self) -> dict[str, Any]:
        return {"authorizationData": [{"authorizationToken": "QVdTOnNlY3JldA=="}]}  # AWS:secret

    # The protocol

    def answer(self, method: str, url: str, body: bytes, kind: str) -> tuple[int, bytes, dict[str, str]]:
        path, query = urlsplit(url).path, {key: value[0] for key, value in parse_qs(urlsplit(url).query).items()}
        name, _, rest = path.removeprefix("/v2/").partition("/blobs/")
        if not rest:
            name, _, reference = path.removeprefix("/v2/").partition("/manifests/")
            if method == "PUT":
                digest = self.put(name, body, kind)
                if reference != digest:
                    self.tags[name][reference] = digest
                return 201, b"", {}
            found = self.manifests[name].get(reference)
            return (200, found[0], {"Content-Type": found[1]}) if found else _missing("MANIFEST_UNKNOWN")
        if rest == "uploads/":
            if self.mounts and query.get("mount") in self.blobs.get(query.get("from", ""), {}):
                self.blobs[name][query["mount"]] = self.blobs[query["from"]][query["mount"]]
                return 201, b"", {}
            return 202, b"", {"Location": f"/v2/{name}/blobs/uploads/1?state=a"}
        if rest.startswith("uploads/"):
            if method == "PATCH":
                self.uploads[name] = body
                return 202, b"", {"Location": f"http://127.0.0.1:{self.port}/v2/{name}/blobs/uploads/1?state=b"}
            assert query["state"] == "b", "the last address that it gave"
            assert query["digest"] == sha256(self.uploads[name])
            self.blobs[name][query["digest"]] = self.uploads.pop(name)
            return 201, b"", {}
        blob = self.blobs[name].get(rest)
        return (200, blob, {}) if blob is not None else _missing("BLOB_UNKNOWN")


def _missing(code: str) -> tuple[int, bytes, dict[str, str]]:
    return 404, json.dumps({"errors": [{"code": code, "message": f"{code} to the registry"}]}).encode(), {}


@contextmanager
def serving(registry: Registry) -> Iterator[None]:
    """Serves a registry until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def reply(self) -> None:
            registry.asked.append(f"{self.command} {self.path}")
            body = self._body()
            if self.headers["Authorization"] != "Basic QVdTOnNlY3JldA==":
                status, content, headers = 401, b"", {}
            else:
                status, content, headers = registry.answer(
                    self.command, self.path, body, self.headers["Content-Type"] or ""
                )
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        def _body(self) -> bytes:
            if self.headers["Transfer-Encoding"] != "chunked":
                return self.rfile.read(int(self.headers["Content-Length"] or 0))
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = reply  # noqa: N815  # the base class's names

        def log_message(self, *arguments: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    registry.port = server.server_port
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
