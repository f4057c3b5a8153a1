"""What all buckets of a stack have in common: they are private, encrypted, and read by TLS only."""

import pulumi
import pulumi_aws as aws
from pulumi_aws.s3 import BucketLifecycleConfigurationRuleArgsDict


def make_private(name: str, bucket: aws.s3.Bucket, opts: pulumi.ResourceOptions) -> aws.s3.BucketPublicAccessBlock:
    """Keeps the bucket from the public and from other accounts, without ACLs, and encrypts it with S3's own keys.

    Returns the block of public access, which a bucket's policy has to wait for.
    """
    blocked = aws.s3.BucketPublicAccessBlock(
        f"{name}-private",
        bucket=bucket.bucket,
        block_public_acls=True,
        block_public_policy=True,
        ignore_public_acls=True,
        restrict_public_buckets=True,
        opts=opts,
    )
    aws.s3.BucketOwnershipControls(
        f"{name}-ownership", bucket=bucket.bucket, rule={"object_ownership": "BucketOwnerEnforced"}, opts=opts
    )
    aws.s3.BucketServerSideEncryptionConfiguration(
        f"{name}-encryption",
        bucket=bucket.bucket,
        # With a key of one's own, a load balancer couldn't write its logs.
        rules=[{"apply_server_side_encryption_by_default": {"sse_algorithm": "AES256"}}],
        opts=opts,
    )
    return blocked


def expire(
    name: str,
    bucket: aws.s3.Bucket,
    what: str,
    opts: pulumi.ResourceOptions,
    *,
    days: int | None = None,
    noncurrent_days: int | None = None,
) -> None:
    """Deletes objects after `days`, or earlier versions of them after `noncurrent_days`; `what` is the rule's name.

    Uploads that were never completed go after a week.
    """
    rule: BucketLifecycleConfigurationRuleArgsDict = {
        "id": what,
        "status": "Enabled",
        "filter": {"prefix": ""},
        "abort_incomplete_multipart_upload": {"days_after_initiation": 7},
    }
    if days:
        rule["expiration"] = {"days": days}
    if noncurrent_days:
        rule["noncurrent_version_expiration"] = {"noncurrent_days": noncurrent_days}
    aws.s3.BucketLifecycleConfiguration(f"{name}-lifecycle", bucket=bucket.bucket, rules=[rule], opts=opts)


def make_access_control(
    name: str, physical_name: str, opts: pulumi.ResourceOptions
) -> aws.cloudfront.OriginAccessControl:
    """By which CloudFront signs what it asks a private bucket for."""
    return aws.cloudfront.OriginAccessControl(
        f"{name}-access",
        name=physical_name,
        origin_access_control_origin_type="s3",
        signing_behavior="always",
        signing_protocol="sigv4",
        opts=opts,
    )


def only_tls(bucket: pulumi.Output[str]) -> dict[str, object]:
    """The statement of a bucket's policy that refuses what doesn't come by TLS; `bucket` is an ARN."""
    return {
        "Sid": "OnlyTLS",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [bucket, pulumi.Output.concat(bucket, "/*")],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def read_through_cloudfront(bucket: pulumi.Output[str], distribution: pulumi.Output[str]) -> dict[str, object]:
    """The statement by which a distribution may read the bucket's objects; both are ARNs."""
    return {
        "Sid": "ReadThroughCloudFront",
        "Effect": "Allow",
        "Principal": {"Service": "cloudfront.amazonaws.com"},
        "Action": "s3:GetObject",
        "Resource": pulumi.Output.concat(bucket, "/*"),
        "Condition": {"StringEquals": {"AWS:SourceArn": distribution}},
    }
