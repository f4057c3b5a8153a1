"""The bucket of a copy, against moto's S3."""

import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from infra.commands.data import cloud_bucket
from infra.commands.data.cloud_bucket import OLD, CopyBucket, left
from infra.commands.data.in_task import ANSWER, ORDERS

# Not of a copy of shop-cloud: the third one is of the stack `cloud-copy`.
OTHERS = ("shop-cloud-media-0a", "shop-cloud-2--copy-0a1b2c3d4e5f", "shop-cloud-copy-0a1b2c3d4e5f", "shop--copy-0a")
ROLE = "arn:aws:iam::123456789012:role/shop-cloud-app"


@pytest.fixture
def stack(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "nobody")
    region = getattr(request, "param", "eu-central-1")
    with mock_aws():
        yield SimpleNamespace(
            prefix="shop-cloud",
            account=SimpleNamespace(region=region),
            client=lambda service: boto3.client(service, region_name=region),
        )


@pytest.mark.parametrize("stack", ["us-east-1", "eu-central-1"], indirect=True)
def test_it_is_private_encrypted_without_versions_and_emptied_in_a_day(stack: Any) -> None:
    bucket = CopyBucket(stack)
    bucket.make(ROLE)
    s3 = stack.client("s3")
    blocked = s3.get_public_access_block(Bucket=bucket.name)["PublicAccessBlockConfiguration"]
    assert set(blocked.values()) == {True}
    (rule,) = s3.get_bucket_encryption(Bucket=bucket.name)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    assert s3.get_bucket_versioning(Bucket=bucket.name).get("Status") is None
    (rule,) = s3.get_bucket_lifecycle_configuration(Bucket=bucket.name)["Rules"]
    assert rule["Expiration"]["Days"] == rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"] == 1


def test_nobody_but_the_tasks_roles_is_admitted_and_only_by_tls(stack: Any) -> None:
    bucket = CopyBucket(stack)
    bucket.make(ROLE)
    bucket.admit(f"{ROLE}-of-another-stack")
    policy = json.loads(stack.client("s3").get_bucket_policy(Bucket=bucket.name)["Policy"])
    tls, tasks, own = policy["Statement"]
    assert (tls["Effect"], tls["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    assert tasks["Principal"] == {"AWS": [ROLE, f"{ROLE}-of-another-stack"]}
    assert tasks["Resource"] == f"arn:aws:s3:::{bucket.name}/*"
    assert (own["Principal"], own["Action"]) == ({"AWS": ROLE}, "s3:ListBucket"), "its own task empties it"


def test_it_goes_with_all_that_is_in_it_and_a_second_time_does_no_harm(
    stack: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without its policy: moto denies whatever a statement denies, whether or not its condition holds."""
    monkeypatch.setattr(CopyBucket, "admit", lambda *_: None)
    bucket = CopyBucket(stack)
    bucket.make(ROLE)
    bucket.write("data", io.BytesIO(b"rows"), 4)
    assert bucket.read("data").read() == b"rows"
    stack.client("s3").create_multipart_upload(Bucket=bucket.name, Key="broken-off")
    bucket.remove()
    with pytest.raises(ClientError):
        stack.client("s3").head_bucket(Bucket=bucket.name)
    bucket.remove()


def test_orders_and_answers_go_by_it(stack: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CopyBucket, "admit", lambda *_: None)
    bucket = CopyBucket(stack)
    bucket.make(ROLE)
    assert bucket.answer(1) is None
    bucket.order({"number": 1})
    s3 = stack.client("s3")
    assert s3.get_object(Bucket=bucket.name, Key=ORDERS)["Body"].read() == b'{"number": 1}'
    s3.put_object(Bucket=bucket.name, Key=f"{ANSWER}1", Body=b'{"found": 42}')
    assert bucket.answer(1) == {"found": 42}


def test_a_bucket_is_in_use_as_long_as_its_command_gives_orders(stack: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CopyBucket, "admit", lambda *_: None)
    bucket = CopyBucket(stack)
    bucket.make(ROLE)
    made, now = datetime.now(UTC) - 2 * OLD, datetime.now(UTC)
    assert not bucket.is_in_use(made)
    assert bucket.is_in_use(now), "its first order may come yet"
    bucket.order({"number": 0})
    assert bucket.is_in_use(made)
    bucket.remove()
    assert not bucket.is_in_use(made)


def test_what_a_killed_copy_left_is_found_by_its_name_and_age_and_nothing_else_is(
    stack: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CopyBucket, "admit", lambda *_: None)
    bucket = CopyBucket(stack)
    bucket.make(ROLE)
    assert left(stack) == []
    monkeypatch.setattr(cloud_bucket, "OLD", timedelta())
    s3 = stack.client("s3")
    place = {"LocationConstraint": "eu-west-1"}
    for other in OTHERS:
        boto3.client("s3", region_name="eu-west-1").create_bucket(Bucket=other, CreateBucketConfiguration=place)
    assert [one.name for one in left(stack)] == [bucket.name]
    assert len(s3.list_buckets()["Buckets"]) == 1 + len(OTHERS)
