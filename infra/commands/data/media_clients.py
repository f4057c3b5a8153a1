"""Clients of S3 for copies of media: by the keys in a bucket's address, or by this machine's credentials for AWS."""

from typing import Any, cast
from urllib.parse import urlsplit

from infra.commands.data.ends import DataError
from infra.contract import storage_dsn
from infra.contract.malformed import MalformedError
from infra.contract.storage_dsn import S3, Files

THREADS = 8  # that copy at the same time


def parsed(name: str, dsn: str) -> S3 | Files:
    """Where the stack's media are. Raises DataError for a DSN that the app would refuse."""
    try:
        return storage_dsn.parse(dsn.strip())
    except MalformedError as error:
        raise DataError(f"DEFAULT_STORAGE_DSN of {name} {error}") from None


def client(bucket: S3) -> Any:
    """A client by the keys of the bucket's address. A name that only containers and browsers know is this machine's."""
    import boto3  # noqa: PLC0415  # takes a third of a second, which a media folder doesn't need
    from botocore.config import Config  # noqa: PLC0415

    endpoint, host = bucket.endpoint, urlsplit(bucket.endpoint).hostname or ""
    here = host.endswith(".localhost") or host in {"localhost", "127.0.0.1", "::1"}
    if host.endswith(".localhost"):
        endpoint = endpoint.replace(host, "127.0.0.1", 1)
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name=bucket.region or "us-east-1",
        aws_access_key_id=bucket.key or None,
        aws_secret_access_key=bucket.secret or None,
        config=Config(
            signature_version=bucket.signature,
            s3={"addressing_style": cast("Any", bucket.addressing_style)},
            connect_timeout=10,
            read_timeout=60,
            retries={"mode": "standard", "total_max_attempts": 8},
            max_pool_connections=2 * THREADS,
            # Not every server knows S3's newer checksums; the MD5 sum that each upload carries all of them do.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            proxies={} if here else None,  # None: those of this machine
        ),
    )
