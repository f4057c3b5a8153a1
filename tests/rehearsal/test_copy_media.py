"""Media go between the cloud's bucket and this machine, from one bucket to another within AWS, and through archives."""

from __future__ import annotations

import hashlib
import os
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from infra.commands.data import media_copy
from infra.commands.data.media_s3 import S3Media
from infra.contract.storage_dsn import S3
from tests.bare_stacks import BareStack, BareStacks
from tests.infra.commands.data.s3_server import S3Server, s3_server
from tests.rehearsal.copies import run
from tests.rehearsal.stacks import Stack

pytestmark = [pytest.mark.docker, pytest.mark.pulumi, pytest.mark.rehearsal]

OBJECTS = int(os.environ.get("COPY_OBJECTS") or 40)
BYTES = int(os.environ.get("COPY_BYTES") or 4_000_000)
BUCKET = "media"
MIB = 2**20


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with s3_server() as server:
        server.client.create_bucket(Bucket=BUCKET)
        yield server


@pytest.fixture(scope="module")
def local(local_stacks: BareStacks, server: S3Server) -> BareStack:
    return local_stacks.make("beside", storage=server.dsn(BUCKET))


def fill(client: Any, bucket: str, prefix: str = "") -> None:
    """Objects of many sizes, one of which is uploaded in parts, of the size of boto3: the emulator doesn't tell it."""
    numbers = random.Random(prefix)
    weights = [numbers.lognormvariate(0, 1.2) for _ in range(OBJECTS)]

    def put(number: int) -> None:
        size = int(weights[number] / sum(weights) * BYTES)
        client.put_object(
            Bucket=bucket,
            Key=f"{prefix}uploads/{number % 20}/ü {number}.jpg",
            Body=random.Random(number).randbytes(size),
            ContentType="image/jpeg",
            CacheControl="max-age=60",
            Metadata={"owner": str(number)},
        )

    with ThreadPoolExecutor(8) as executor:
        list(executor.map(put, range(OBJECTS)))
    upload = client.create_multipart_upload(Bucket=bucket, Key=f"{prefix}large", ContentType="video/mp4")
    about = {"Bucket": bucket, "Key": f"{prefix}large", "UploadId": upload["UploadId"]}
    parts = []
    for number, size in enumerate((8 * MIB, 8 * MIB, 1000), 1):
        answer = client.upload_part(**about, PartNumber=number, Body=random.Random(number).randbytes(size))
        parts.append({"PartNumber": number, "ETag": answer["ETag"]})
    client.complete_multipart_upload(**about, MultipartUpload={"Parts": parts})


def contents(client: Any, bucket: str, prefix: str = "") -> dict[str, tuple[Any, ...]]:
    """The content of each object, and what S3 keeps beside it."""
    found = {}
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for one in page.get("Contents", []):
            answer = client.get_object(Bucket=bucket, Key=one["Key"])
            headers = (answer.get("ContentType"), answer.get("CacheControl"), answer["Metadata"])
            found[one["Key"]] = (hashlib.sha256(answer["Body"].read()).hexdigest(), one["ETag"], *headers)
    return found


def media_bucket(stack: Stack) -> str:
    (found,) = (one["Name"] for one in stack.client("s3").list_buckets()["Buckets"] if "-media-" in one["Name"])
    return str(found)


def test_media_come_into_the_cloud_and_back_and_once(stack: Stack, local: BareStack, server: S3Server) -> None:
    bucket, s3 = media_bucket(stack), stack.client("s3")
    fill(server.client, BUCKET)
    output = run(stack, "copy", local.name, "rehearsal", "--media", "--delete", "--yes", *stack.into)
    assert f"{OBJECTS + 1:,} objects" in output
    assert contents(s3, bucket) == contents(server.client, BUCKET)
    assert "none copied" in run(stack, "copy", local.name, "rehearsal", "--media", "--yes", *stack.into)
    assert s3.list_multipart_uploads(Bucket=bucket).get("Uploads", []) == []

    fill(s3, bucket, "of the cloud/")
    s3.delete_object(Bucket=bucket, Key="large")
    output = run(stack, "copy", "rehearsal", local.name, "--media", "--delete", "--yes", *stack.out_of)
    assert ", 1 removed" in output
    assert contents(server.client, BUCKET) == contents(s3, bucket)


def test_aws_copies_from_one_bucket_to_another_itself(stack: Stack, local: BareStack) -> None:
    s3, bucket = stack.client("s3"), media_bucket(stack)
    s3.create_bucket(Bucket="another-media")
    source, target = (
        S3Media(one, S3.of(one, prefix=prefix), s3, production=False, account="the same")
        for one, prefix in ((bucket, ""), ("another-media", "site"))
    )
    assert target.copies_from(source)
    media_copy.copy(source, target)
    wanted = {f"site/{key}": one for key, one in contents(s3, bucket).items()}
    assert contents(s3, "another-media") == wanted
    assert media_copy.copy(source, target).copied.objects == 0


def test_a_dump_of_the_cloud_is_loaded_here(stack: Stack, local: BareStack, server: S3Server) -> None:
    run(stack, "dump", "cloud.tar", "-s", "rehearsal")
    server.client.delete_object(Bucket=BUCKET, Key="of the cloud/large")
    output = run(stack, "load", "cloud.tar", "-s", local.name, "--yes", *stack.out_of)
    assert "serves what was loaded" in output
    assert contents(server.client, BUCKET) == contents(stack.client("s3"), media_bucket(stack))
    assert local.query("SELECT count(*) FROM django_migrations")[0][0] > 10


def test_the_newest_snapshot_is_checked_and_status_shows_it(stack: Stack) -> None:
    rds = stack.client("rds")
    rds.create_db_snapshot(
        DBInstanceIdentifier="django-stack-rehearsal", DBSnapshotIdentifier="django-stack-rehearsal-checked"
    )
    rds.get_waiter("db_snapshot_available").wait(
        DBSnapshotIdentifier="django-stack-rehearsal-checked", WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    output = run(stack, "backup", "check", "-s", "rehearsal")
    assert "the snapshot django-stack-rehearsal-checked" in output
    assert "can be used" in output
    identifiers = [one["DBInstanceIdentifier"] for one in rds.describe_db_instances()["DBInstances"]]
    assert identifiers == ["django-stack-rehearsal"]
    assert '"good": true' in run(stack, "status", "-s", "rehearsal", "--json")
