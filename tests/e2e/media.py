"""The media of a local stack, as this machine sees them: by their URLs, and in their bucket."""

from urllib.parse import urlsplit

import boto3
import requests
from botocore.config import Config

from infra.dsn import S3DSN


def fetch(url: str, **headers: str) -> requests.Response:
    """Gets a URL whose host is a name of this machine's own (media.localhost) as a browser would.

    Most resolvers don't know `*.localhost`; a signed URL is signed for its host, so that goes into the header.
    """
    parts = urlsplit(url)
    here = parts._replace(netloc=f"127.0.0.1:{parts.port}")
    return requests.get(here.geturl(), headers={"Host": parts.netloc, **headers}, timeout=30)


class Bucket:
    """The bucket of a DSN, as a client on this machine sees it."""

    def __init__(self, dsn: S3DSN) -> None:
        self.name = dsn.bucket
        self.client = boto3.client(
            "s3",
            endpoint_url=dsn.endpoint_url,
            region_name=dsn.region,
            aws_access_key_id=dsn.access_key,
            aws_secret_access_key=dsn.secret_key,
            config=Config(signature_version="s3v4", s3={"addressing_style": "path"}, retries={"max_attempts": 2}),
        )

    def objects(self) -> set[str]:
        """Their keys."""
        return {entry["Key"] for entry in self.client.list_objects_v2(Bucket=self.name).get("Contents", [])}
