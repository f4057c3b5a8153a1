"""Waits for the local S3 server, makes the media bucket, and sets who may read it and from which pages.

Run by local.Command; it can be repeated.
"""

import json
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from infra.local.requests import MakeBucketRequest
from infra.local.steps.waiting import engine_errors, later, unanswered, wait
from infra.origins import EXPOSED, MAX_AGE
from infra.steps import read_request

if TYPE_CHECKING:
    from docker.models.containers import Container
    from mypy_boto3_s3.type_defs import CORSRuleTypeDef

READY_SECONDS = 60


def main() -> None:
    """Exits non-zero with the server's own message when the bucket can't be made."""
    request = read_request(MakeBucketRequest)
    bucket, keys = request.bucket, [request.access_key, request.secret_key]
    container = later(request.container)
    wait(container, "The S3 server", lambda: missing_here(container, request.endpoint_url), READY_SECONDS, keys)
    s3 = boto3.client(
        "s3",
        endpoint_url=request.endpoint_url,
        region_name=request.region,
        aws_access_key_id=request.access_key,
        aws_secret_access_key=request.secret_key,
        config=Config(
            signature_version="s3v4",
            s3={"addressing_style": "path"},
            connect_timeout=5,
            read_timeout=10,
            retries={"max_attempts": 5},
            proxies={},  # the default is the environment's proxies, even for addresses of this machine
        ),
    )
    try:
        if bucket not in {found["Name"] for found in s3.list_buckets()["Buckets"]}:
            s3.create_bucket(Bucket=bucket)
        if request.public:
            s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(public_read_policy(bucket)))
        else:
            s3.delete_bucket_policy(Bucket=bucket)
        s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [reading_by_pages_of(request.origins)]})
    except (BotoCoreError, ClientError) as error:
        sys.exit(f"The S3 server did not make the bucket {bucket}: {error}")


def missing_here(container: "Callable[[], Container]", url: str) -> str:
    """Why the server doesn't answer from here; exits at once when it answers only in its container."""
    health = f"{url}/health"
    missing = unanswered(health)
    # A second request after the health check, because the server may just have started.
    if (
        " answers nothing" in missing
        and _is_well(container())
        and " answers nothing" in (missing := unanswered(health))
    ):
        sys.exit(
            f"The S3 server is ready in its container, but from here {missing}. Are the ports that Docker publishes on "
            "127.0.0.1 another machine's, or is this program in a container of its own? "
            "Fix: run pulumi on the machine of the Docker engine, or in a container with --network host"
        )
    return missing


def _is_well(container: "Container") -> bool:
    """Whether the container's own health check succeeds now."""
    from docker.errors import APIError  # noqa: PLC0415  # loaded by now

    kind, *command = container.attrs["Config"]["Healthcheck"]["Test"]
    try:
        return kind == "CMD" and container.exec_run(command).exit_code == 0
    except APIError:  # the container isn't running at the moment
        return False


def reading_by_pages_of(origins: list[str]) -> "CORSRuleTypeDef":
    """The CORS rule by which the site's own pages (scripts, canvases, fonts) may read files, and only read them."""
    return {
        "AllowedOrigins": origins,
        "AllowedMethods": ["GET", "HEAD"],
        "AllowedHeaders": ["*"],
        "ExposeHeaders": EXPOSED,
        "MaxAgeSeconds": MAX_AGE,
    }


def public_read_policy(bucket: str) -> dict[str, object]:
    """The bucket policy by which everybody may read objects, and do nothing else."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "PublicRead",
                "Effect": "Allow",
                "Principal": "*",
                "Action": ["s3:GetObject"],
                "Resource": [f"arn:aws:s3:::{bucket}/*"],
            }
        ],
    }


if __name__ == "__main__":
    with engine_errors():
        main()
