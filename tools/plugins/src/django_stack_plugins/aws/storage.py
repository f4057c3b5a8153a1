"""Buckets and what belongs to one: aws.s3."""

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from django_stack_plugins.aws import tags
from django_stack_plugins.aws.base import AWSResource
from django_stack_plugins.aws.calls import Call, words
from django_stack_plugins.aws.session import CallError
from django_stack_plugins.resource import Operation
from django_stack_plugins.values import Properties


class Bucket(AWSResource):
    docs, token, service = "s3_bucket", "aws:s3/bucket:Bucket", "s3"
    replacing = words("bucketPrefix")
    in_place = words("forceDestroy")
    prefixed = ("bucketPrefix", "bucket")
    defaults: ClassVar[Mapping[str, Any]] = {"forceDestroy": False}
    id_input = "bucket"
    creating = Call("CreateBucket", {"CreateBucketConfiguration.LocationConstraint": "location"})
    reading = Call("HeadBucket", {"Bucket": "id"})
    outputs: ClassVar[Mapping[str, str]] = {
        "arn": "Arn",
        "bucket": "Bucket",
        "bucketDomainName": "DomainName",
        "bucketRegionalDomainName": "RegionalDomainName",
    }
    unread = words("bucketPrefix forceDestroy")
    missing = words("NoSuchBucket 404 NotFound")
    deleting = Call("DeleteBucket", {"Bucket": "id"})
    tagging = tags.BUCKETS

    def adopt(self, operation: Operation, resource_id: str) -> tuple[str, Properties, Properties] | None:
        document = self.find(operation, resource_id, {})
        if document is None:
            return None
        state = {**self.properties(operation, resource_id, document, {}, {}), "forceDestroy": False}
        # The provider tells by its end that it made a name up.
        if made_up := re.fullmatch(r"(.+?)\d{14,18}[0-9a-f]{8}", resource_id):
            state["bucketPrefix"] = made_up[1]
        inputs = {key: value for key, value in state.items() if key in self.inputs and value is not None}
        return resource_id, state, inputs

    def make(self, operation: Operation, inputs: Properties) -> Any:
        # The one region that must not be named.
        location = None if self.session.region == "us-east-1" else self.session.region
        return super().make(operation, {**inputs, "location": location})

    def find(self, operation: Operation, resource_id: str, scope: Properties) -> Any:
        if super().find(operation, resource_id, scope) is None:
            return None
        return {
            "Arn": f"arn:aws:s3:::{resource_id}",
            "Bucket": resource_id,
            "DomainName": f"{resource_id}.s3.amazonaws.com",
            "RegionalDomainName": f"{resource_id}.s3.{self.session.region}.amazonaws.com",
        }

    def remove(self, operation: Operation, scope: Properties) -> None:
        if scope["forceDestroy"]:
            self._empty(operation, scope)
        super().remove(operation, scope)

    def _empty(self, operation: Operation, scope: Properties) -> None:
        listing = Call(
            "ListObjectVersions",
            {"Bucket": "id"},
            gives="[Versions, DeleteMarkers][][].{Key: Key, VersionId: VersionId}",
        )
        while objects := self.call(operation, listing, scope, {}):
            operation.check_alive()
            deleting = Call("DeleteObjects", {"Bucket": "id", "Delete.Objects": "objects"}, gives="Errors[0]")
            refused = self.call(operation, deleting, {**scope, "objects": objects}, {})
            if refused:
                raise CallError(refused["Code"], f"{operation.name}: DeleteObjects: {refused['Message']}")


class _OfBucket(AWSResource):
    """A bucket's setting, which is put as a whole."""

    service = "s3"
    required = words("bucket")
    replacing = words("bucket")
    unread = words("bucket")
    id_input = "bucket"
    puts = True


class PublicAccessBlock(_OfBucket):
    docs, token = "s3_bucket_public_access_block", "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
    in_place = words("blockPublicAcls blockPublicPolicy ignorePublicAcls restrictPublicBuckets")
    defaults: ClassVar[Mapping[str, Any]] = dict.fromkeys(sorted(in_place), False)
    creating = Call(
        "PutPublicAccessBlock",
        {
            f"PublicAccessBlockConfiguration.{name[0].upper()}{name[1:]}": name
            for name in ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
        },
    )
    reading = Call("GetPublicAccessBlock", {"Bucket": "id"}, gives="PublicAccessBlockConfiguration")
    missing = words("NoSuchPublicAccessBlockConfiguration NoSuchBucket")
    deleting = Call("DeletePublicAccessBlock", {"Bucket": "id"})


class OwnershipControls(_OfBucket):
    docs, token = "s3_bucket_ownership_controls", "aws:s3/bucketOwnershipControls:BucketOwnershipControls"
    required = words("bucket rule")
    in_place = words("rule")
    creating = Call("PutBucketOwnershipControls", {"OwnershipControls.Rules": "rule"})
    reading = Call("GetBucketOwnershipControls", {"Bucket": "id"}, gives="OwnershipControls.{rule: Rules[0]}")
    missing = words("OwnershipControlsNotFoundError NoSuchBucket")
    deleting = Call("DeleteBucketOwnershipControls", {"Bucket": "id"})


class Encryption(_OfBucket):
    docs = "s3_bucket_server_side_encryption_configuration"
    token = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
    required = words("bucket rules")
    in_place = words("rules")
    creating = Call("PutBucketEncryption", {"ServerSideEncryptionConfiguration.Rules": "rules"})
    reading = Call("GetBucketEncryption", {"Bucket": "id"}, gives="ServerSideEncryptionConfiguration")
    missing = words("ServerSideEncryptionConfigurationNotFoundError NoSuchBucket")
    deleting = Call("DeleteBucketEncryption", {"Bucket": "id"})


class Cors(_OfBucket):
    docs, token = "s3_bucket_cors_configuration", "aws:s3/bucketCorsConfiguration:BucketCorsConfiguration"
    required = words("bucket corsRules")
    in_place = words("corsRules")
    creating = Call("PutBucketCors", {"CORSConfiguration.CORSRules": "corsRules"})
    reading = Call("GetBucketCors", {"Bucket": "id"})
    missing = words("NoSuchCORSConfiguration NoSuchBucket")
    deleting = Call("DeleteBucketCors", {"Bucket": "id"})


class Versioning(_OfBucket):
    docs, token = "s3_bucket_versioning", "aws:s3/bucketVersioning:BucketVersioning"
    required = words("bucket versioningConfiguration")
    in_place = words("versioningConfiguration")
    creating = Call("PutBucketVersioning", {"VersioningConfiguration": "versioningConfiguration"})
    reading = Call("GetBucketVersioning", {"Bucket": "id"}, gives="{versioningConfiguration: @}")
    missing = words("NoSuchBucket")
    # It can't be taken away again.
    deleting = Call(
        "PutBucketVersioning", {"Bucket": "id"}, constants={"VersioningConfiguration": {"Status": "Suspended"}}
    )


class Logging(_OfBucket):
    docs, token = "s3_bucket_logging", "aws:s3/bucketLogging:BucketLogging"
    required = words("bucket targetBucket targetPrefix")
    in_place = words("targetBucket targetPrefix")
    creating = Call(
        "PutBucketLogging",
        {
            "BucketLoggingStatus.LoggingEnabled.TargetBucket": "targetBucket",
            "BucketLoggingStatus.LoggingEnabled.TargetPrefix": "targetPrefix",
        },
    )
    reading = Call("GetBucketLogging", {"Bucket": "id"}, gives="LoggingEnabled")
    missing = words("NoSuchBucket")
    deleting = Call("PutBucketLogging", {"Bucket": "id"}, constants={"BucketLoggingStatus": {}})


class Lifecycle(_OfBucket):
    docs = "s3_bucket_lifecycle_configuration"
    token = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
    required = words("bucket rules")
    in_place = words("rules")
    creating = Call("PutBucketLifecycleConfiguration", {"LifecycleConfiguration.Rules": "rules"})
    reading = Call("GetBucketLifecycleConfiguration", {"Bucket": "id"})
    missing = words("NoSuchLifecycleConfiguration NoSuchBucket")
    deleting = Call("DeleteBucketLifecycle", {"Bucket": "id"})


class BucketPolicy(_OfBucket):
    docs, token = "s3_bucket_policy", "aws:s3/bucketPolicy:BucketPolicy"
    required = words("bucket policy")
    in_place = words("policy")
    creating = Call("PutBucketPolicy")
    reading = Call("GetBucketPolicy", {"Bucket": "id"})
    missing = words("NoSuchBucketPolicy NoSuchBucket")
    deleting = Call("DeleteBucketPolicy", {"Bucket": "id"})
