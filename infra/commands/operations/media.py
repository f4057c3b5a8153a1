"""Counts what is in the media, for the status of both platforms."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from infra.commands.operations.status import Section, counted, size
from infra.dsn import S3DSN

MOST_OBJECTS = 10_000  # ten calls; more objects aren't counted


@dataclass(frozen=True)
class Count:
    """Objects and their bytes; `is_least` when there are more that weren't counted."""

    objects: int
    bytes: int
    is_least: bool = False

    def section(self, when: str = "") -> Section:
        """What the status says of it; `when` follows the words."""
        least = "more than " if self.is_least else ""
        facts: dict[str, object] = {"objects": self.objects, "bytes": self.bytes}
        if self.is_least:
            facts["at_least"] = True
        return Section(f"{least}{counted(self.objects, 'object')}, {size(self.bytes)}{when}", facts)


def count(dsn: S3DSN, client: Any = None) -> Count:
    """The objects of a bucket, up to `MOST_OBJECTS`. Raises boto3's errors; `client` is for S3 by a profile."""
    pages = (
        (client or _client(dsn))
        .get_paginator("list_objects_v2")
        .paginate(Bucket=dsn.bucket, Prefix=dsn.prefix, PaginationConfig={"MaxItems": MOST_OBJECTS + 1})
    )
    sizes = [int(one["Size"]) for page in pages for one in page.get("Contents", [])]
    return Count(len(sizes[:MOST_OBJECTS]), sum(sizes[:MOST_OBJECTS]), len(sizes) > MOST_OBJECTS)


def _client(dsn: S3DSN) -> Any:
    """A client by the DSN's own keys; a name that only containers and browsers know is this machine's address."""
    import boto3  # noqa: PLC0415  # takes a third of a second, which a media folder doesn't need
    from botocore.config import Config  # noqa: PLC0415

    endpoint = dsn.endpoint_url or None
    host = urlsplit(dsn.endpoint_url).hostname or ""
    if host.endswith(".localhost"):
        endpoint = dsn.endpoint_url.replace(host, "127.0.0.1", 1)
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name=dsn.region,
        aws_access_key_id=dsn.access_key or None,
        aws_secret_access_key=dsn.secret_key or None,
        config=Config(
            signature_version="s3v4",
            s3={"addressing_style": "path" if endpoint else "auto"},
            connect_timeout=2,
            read_timeout=5,
            retries={"max_attempts": 1},
            proxies={} if host.endswith((".localhost", "127.0.0.1")) else None,  # None: those of this machine
        ),
    )
