"""The local stack's S3 server for a test, and its buckets as ends of a copy."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import boto3
from botocore.config import Config

from infra import endpoint
from infra.commands.data.media_clients import client, parsed
from infra.commands.data.media_s3 import S3Media
from infra.contract.storage_dsn import S3
from tests.ports import free_ports
from tests.waiting import wait_until

KEY, SECRET = "the-key", "the-secret"


@dataclass(frozen=True)
class S3Server:
    port: int

    @property
    def client(self) -> Any:
        return boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{self.port}",
            region_name="us-east-1",
            aws_access_key_id=KEY,
            aws_secret_access_key=SECRET,
            config=Config(proxies={}, s3={"addressing_style": "path"}),
        )

    def bucket(self) -> str:
        """The name of a new bucket."""
        name = f"bucket-{secrets.token_hex(4)}"
        self.client.create_bucket(Bucket=name)
        return name

    def dsn(self, bucket: str, prefix: str = "", port: int = 0) -> str:
        endpoint = quote(f"http://127.0.0.1:{port or self.port}", safe="")
        return f"s3://{KEY}:{SECRET}@{bucket}/{prefix}?endpoint_url={endpoint}&region_name=us-east-1"

    def media(self, bucket: str, prefix: str = "", port: int = 0, account: str = "") -> S3Media:
        found = parsed("a", self.dsn(bucket, prefix, port))
        assert isinstance(found, S3)
        return S3Media(bucket, found, client(found), production=False, account=account)

    def contents(self, bucket: str) -> dict[str, tuple[Any, ...]]:
        """Everything that visitors can get of each object."""
        found = {}
        for page in self.client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
            for one in page.get("Contents", []):
                answer = self.client.get_object(Bucket=bucket, Key=one["Key"])
                headers = ("ContentType", "CacheControl", "ContentDisposition", "ContentEncoding", "Metadata")
                found[one["Key"]] = (answer["Body"].read(), one["ETag"], *(answer.get(name) for name in headers))
        return found

    def listing(self, bucket: str) -> dict[str, tuple[int, str]]:
        """Size and checksum of each object."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        return {one["Key"]: (one["Size"], one["ETag"]) for page in pages for one in page.get("Contents", [])}

    def count(self, bucket: str) -> int:
        return int(self.client.list_objects_v2(Bucket=bucket)["KeyCount"])

    def unfinished(self, bucket: str) -> int:
        return len(self.client.list_multipart_uploads(Bucket=bucket).get("Uploads", []))


@contextmanager
def s3_server(**options: Any) -> Iterator[S3Server]:
    """`options` are of its container, in which `/data` has what is stored."""
    (port,) = free_ports(1)
    container = endpoint.client().containers.run(
        "versity/versitygw:v1.8.0",
        ["--port", f":{port}", "--region", "us-east-1", "--health", "/health", "posix", "/data"],
        environment={"ROOT_ACCESS_KEY": KEY, "ROOT_SECRET_KEY": SECRET},
        ports={f"{port}/tcp": ("127.0.0.1", port)},
        detach=True,
        **({"volumes": ["/data"]} | options),
    )
    try:
        server = S3Server(port)
        wait_until(lambda: answers(server), "an S3 server that answers", 30)
        yield server
    finally:
        container.remove(force=True, v=True)


def answers(server: S3Server) -> bool:
    try:
        server.client.list_buckets()
    except Exception:  # it starts
        return False
    return True
