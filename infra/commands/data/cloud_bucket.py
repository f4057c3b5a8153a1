"""A bucket for one copy: private, encrypted, without versions, read by TLS only; gone with the copy or in a day."""

import json
import re
import secrets
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from infra.commands.data.in_task import ANSWER, ORDERS, in_parts
from infra.commands.operations.cloud_stack import CloudStack

PART = "-copy"  # of its name, between the stack's prefix and random digits; no name of a stack has two hyphens in a row
RANDOM = 6  # bytes of those digits
DAYS = 1  # after which S3 removes what a killed copy left
# After which what nobody has written to is of a killed copy, whatever this machine's clock says.
OLD = timedelta(hours=1)


class CopyBucket:
    """The bucket of one copy. The roles (ARNs) of tasks that may use it are in its policy, so that theirs stay as they
    are."""

    def __init__(self, stack: CloudStack, name: str = "") -> None:
        self._s3 = stack.client("s3")
        self.region = stack.account.region
        self.name = name or f"{stack.prefix}-{PART}-{secrets.token_hex(RANDOM)}"
        self._roles: list[str] = []

    def make(self, role: str) -> None:
        # S3 encrypts each new object with a key of its own, and new buckets are closed to the public: both are said
        # here, too (https://docs.aws.amazon.com/AmazonS3/latest/userguide/default-bucket-encryption.html).
        place = {} if self.region == "us-east-1" else {"LocationConstraint": self.region}
        self._s3.create_bucket(Bucket=self.name, **({"CreateBucketConfiguration": place} if place else {}))
        self._s3.put_public_access_block(
            Bucket=self.name,
            PublicAccessBlockConfiguration={
                "BlockPublicAcls": True,
                "IgnorePublicAcls": True,
                "BlockPublicPolicy": True,
                "RestrictPublicBuckets": True,
            },
        )
        self._s3.put_bucket_encryption(
            Bucket=self.name,
            ServerSideEncryptionConfiguration={
                "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
            },
        )
        self._s3.put_bucket_lifecycle_configuration(
            Bucket=self.name,
            LifecycleConfiguration={
                "Rules": [
                    {
                        "ID": "leftovers",
                        "Status": "Enabled",
                        "Filter": {"Prefix": ""},
                        "Expiration": {"Days": DAYS},
                        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": DAYS},
                    }
                ]
            },
        )
        self.admit(role)

    def admit(self, role: str) -> None:
        """Lets the tasks of another role use it, too."""
        self._roles.append(role)
        arn = f"arn:{role.split(':')[1]}:s3:::{self.name}"
        statements = [
            {
                "Sid": "OnlyTLS",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:*",
                "Resource": [arn, f"{arn}/*"],
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            },
            {
                "Sid": "Tasks",
                "Effect": "Allow",
                "Principal": {"AWS": self._roles},
                "Action": ["s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject", "s3:PutObject"],
                "Resource": f"{arn}/*",
            },
            {
                "Sid": "TasksEmptyIt",
                "Effect": "Allow",
                "Principal": {"AWS": self._roles[0]},
                "Action": "s3:ListBucket",
                "Resource": arn,
            },
        ]
        policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
        self._s3.put_bucket_policy(Bucket=self.name, Policy=policy)

    def read(self, key: str) -> Any:
        """An object as a stream."""
        return self._s3.get_object(Bucket=self.name, Key=key)["Body"]

    def write(self, key: str, stream: Any, size: int) -> None:
        """Writes an object from a stream, of about so many bytes."""
        self._s3.upload_fileobj(stream, self.name, key, Config=in_parts(size))

    def order(self, order: Mapping[str, Any]) -> None:
        """Says what the bucket's task is to do."""
        self._s3.put_object(Bucket=self.name, Key=ORDERS, Body=json.dumps(order).encode())

    def answer(self, number: int) -> Any:
        """The task's answer to an order; None as long as there is none."""
        try:
            return json.loads(self._s3.get_object(Bucket=self.name, Key=f"{ANSWER}{number}")["Body"].read())
        except ClientError as error:
            if error.response["Error"].get("Code") != "NoSuchKey":
                raise
            return None

    def is_in_use(self, made: datetime) -> bool:
        """Whether the command that made it then may be alive."""
        try:
            written = self._s3.get_object(Bucket=self.name, Key=ORDERS)["LastModified"]
        except ClientError as error:
            if error.response["Error"].get("Code") not in {"NoSuchBucket", "NoSuchKey"}:
                raise
            written = made
        return bool(datetime.now(UTC) - max(made, written) < OLD)

    def remove(self) -> None:
        """Removes the bucket with all that is in it; one that is gone is fine."""
        try:
            for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=self.name):
                for one in page.get("Contents", []):
                    self._s3.delete_object(Bucket=self.name, Key=one["Key"])
            for page in self._s3.get_paginator("list_multipart_uploads").paginate(Bucket=self.name):
                for one in page.get("Uploads", []):
                    self._s3.abort_multipart_upload(Bucket=self.name, Key=one["Key"], UploadId=one["UploadId"])
            self._s3.delete_bucket(Bucket=self.name)
        except ClientError as error:
            if error.response["Error"].get("Code") != "NoSuchBucket":
                raise


def left(stack: CloudStack) -> Iterable[CopyBucket]:
    """The buckets that killed copies of the stack left."""
    ours = re.compile(re.escape(f"{stack.prefix}-{PART}-") + rf"[0-9a-f]{{{2 * RANDOM}}}")
    found = [one for one in stack.client("s3").list_buckets()["Buckets"] if ours.fullmatch(str(one["Name"]))]
    buckets = [(CopyBucket(stack, str(one["Name"])), one["CreationDate"]) for one in found]
    return [bucket for bucket, made in buckets if not bucket.is_in_use(made)]
