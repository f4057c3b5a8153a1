"""Copies an image from one repository of ECR to another, byte by byte, so that its digest stays the same.

By the registry's own protocol, as the docker CLI speaks it (https://github.com/opencontainers/distribution-spec,
"Pulling manifests", "Pushing blobs"), since an engine that pulls and pushes may compress layers anew. In one registry
nothing passes through this machine where blob mounting is switched on
(https://docs.aws.amazon.com/AmazonECR/latest/userguide/blob-mounting.html).
"""

import base64
import hashlib
import json
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin

import requests

from infra.loopback import HOSTS
from infra.redaction import hide

MANIFESTS = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
SECONDS = 60.0  # without a byte
CHUNK = 1 << 20  # bytes


class RegistryError(Exception):
    """What a registry refused; the message says what."""


class Repository:
    """A repository as its registry serves it."""

    def __init__(self, ecr: Any, name: str) -> None:
        self.name = name
        uri = str(ecr.describe_repositories(repositoryNames=[name])["repositories"][0]["repositoryUri"])
        self.host = uri.partition("/")[0]
        # Registries on the loopback speak plain http, for docker's engine as well.
        scheme = "http" if self.host.partition(":")[0] in HOSTS else "https"
        self._url = f"{scheme}://{self.host}/v2/{name}/"
        token = ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
        user, _, password = base64.b64decode(token).decode().partition(":")
        hide([token, password])
        self._session = requests.Session()
        self._session.auth = user, password  # not passed on to S3, from where ECR has layers fetched

    def manifest(self, reference: str) -> tuple[bytes, str]:
        """The manifest of a digest, and its media type."""
        answer = self._ask("GET", f"manifests/{reference}", headers={"Accept": ", ".join(MANIFESTS)})
        return answer.content, answer.headers["Content-Type"].partition(";")[0]

    def put_manifest(self, reference: str, content: bytes, kind: str) -> None:
        """Stores a manifest under a tag or a digest."""
        self._ask("PUT", f"manifests/{reference}", data=content, headers={"Content-Type": kind})

    def blob(self, digest: str) -> Iterator[bytes]:
        """The content of a layer or of the image's configuration, in chunks."""
        return self._ask("GET", f"blobs/{digest}", stream=True).iter_content(CHUNK)

    def take_blob(self, digest: str, source: "Repository") -> None:
        """Stores a blob of another repository, unless it is there."""
        if self._ask("HEAD", f"blobs/{digest}", missing=True).status_code == requests.codes.ok:
            return
        mount = {"mount": digest, "from": source.name} if self.host == source.host else {}
        answer = self._ask("POST", "blobs/uploads/", params=mount)
        if answer.status_code == requests.codes.created:
            return
        answer = self._ask("PATCH", answer.headers["Location"], data=source.blob(digest), headers=_BYTES)
        self._ask("PUT", answer.headers["Location"], params={"digest": digest})

    def _ask(self, method: str, path: str, *, missing: bool = False, **more: Any) -> requests.Response:
        """The answer of the registry; one of 404 is allowed when it may be `missing`. Raises RegistryError."""
        try:
            answer = self._session.request(method, urljoin(self._url, path), timeout=SECONDS, **more)
        except requests.RequestException as error:
            raise RegistryError(f"The registry {self.host} can't be reached: {error}") from None
        if answer.ok or (missing and answer.status_code == requests.codes.not_found):
            return answer
        raise RegistryError(f"The registry {self.host} refuses {method} {path} ({answer.status_code}): {_why(answer)}")


_BYTES = {"Content-Type": "application/octet-stream"}


def copy(source: Repository, target: Repository, digest: str, tag: str) -> None:
    """Copies the image of that digest, and gives it the tag. Raises RegistryError, also for another digest."""
    content, kind = source.manifest(digest)
    found = f"sha256:{hashlib.sha256(content).hexdigest()}"
    if found != digest:
        raise RegistryError(f"The registry {source.host} has {found} where it should have {digest}.")
    manifest = json.loads(content)
    for child in manifest.get("manifests", []):  # an index, with an image for each platform
        copy(source, target, child["digest"], child["digest"])
    for blob in [*([manifest["config"]] if "config" in manifest else []), *manifest.get("layers", [])]:
        target.take_blob(blob["digest"], source)
        print(f"{blob['digest'].removeprefix('sha256:')[:12]}: copied", file=sys.stderr, flush=True)
    target.put_manifest(tag, content, kind)


def _why(answer: requests.Response) -> str:
    try:
        return "; ".join(str(one.get("message") or one.get("code")) for one in answer.json()["errors"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return answer.reason
