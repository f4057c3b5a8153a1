"""Where uploaded files are stored: a private S3 bucket, or an existing bucket."""

import pulumi
import pulumi_aws as aws

from infra.cloud.address import Address
from infra.cloud.buckets import expire, make_access_control, make_private, only_tls, read_through_cloudfront
from infra.cloud.context import CloudContext
from infra.cloud.distribution import CACHING_OPTIMIZED
from infra.cloud.settings import CloudSettings
from infra.cloud.tags import tags
from infra.dsn import S3DSN
from infra.origins import EXPOSED, MAX_AGE

# CloudFront's managed policy that passes a page's origin to S3: https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-origin-request-policies.html
CORS_S3_ORIGIN = "88a5eaf4-2fd4-4709-b370-b4c650ea3fcf"
READING = ["GET", "HEAD"]  # the methods that CORS allows to pages of the site
KEPT_DAYS = 90  # for overwritten and deleted files


class MediaStorage(pulumi.ComponentResource):
    """A bucket that only this stack's tasks use; with `media-access: public`, visitors read it through CloudFront.

    Exposes `dsn` (without keys, since the tasks' role has the rights), `host_dsn` (the same) and `bucket_arn`, which is
    None for an existing bucket.
    """

    def __init__(
        self,
        name: str,
        context: CloudContext,
        address: Address,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("django-stack:cloud:MediaStorage", name, None, opts)
        settings = context.settings
        self.bucket_arn: pulumi.Output[str] | None = None
        if settings.storage_dsn:
            self.dsn = pulumi.Output.secret(settings.storage_dsn)
        else:
            self._make_bucket(name, context, address)
        self.host_dsn = self.dsn
        self.register_outputs({"dsn": self.dsn, "host_dsn": self.host_dsn})

    def _make_bucket(self, name: str, context: CloudContext, address: Address) -> None:
        settings, logs = context.settings, context.network.log_bucket
        own = pulumi.ResourceOptions(parent=self)
        bucket = aws.s3.Bucket(
            name,
            bucket_prefix=f"{settings.prefix}-media-",  # names of buckets are unique in all of AWS
            force_destroy=not settings.keep_data,
            tags=tags(settings),
            opts=pulumi.ResourceOptions(
                parent=self,
                protect=settings.keep_data,
                ignore_changes=["bucketPrefix"],  # a stack may adopt the bucket of another one
            ),
        )
        self.bucket_arn = bucket.arn
        blocked = make_private(name, bucket, own)
        aws.s3.BucketCorsConfiguration(
            f"{name}-cors",
            bucket=bucket.bucket,
            cors_rules=[
                {
                    "allowed_headers": ["*"],
                    "allowed_methods": READING,
                    "allowed_origins": address.origins,
                    "expose_headers": EXPOSED,
                    "max_age_seconds": MAX_AGE,
                }
            ],
            opts=own,
        )
        if logs and settings.access_logs:
            aws.s3.BucketLogging(
                f"{name}-access-log", bucket=bucket.bucket, target_bucket=logs.name, target_prefix="media/", opts=own
            )
        versioning = aws.s3.BucketVersioning(
            f"{name}-versions", bucket=bucket.bucket, versioning_configuration={"status": "Enabled"}, opts=own
        )
        after_versioning = pulumi.ResourceOptions(parent=self, depends_on=[versioning])
        expire(name, bucket, "old-versions", after_versioning, noncurrent_days=KEPT_DAYS)
        public = self._cloudfront(name, settings, bucket, address) if settings.media_access == "public" else None
        policy = aws.s3.BucketPolicy(
            f"{name}-policy",
            bucket=bucket.bucket,
            policy=pulumi.Output.json_dumps(_policy(bucket.arn, public.arn if public else None), sort_keys=True),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[blocked]),
        )
        self.dsn = pulumi.Output.secret(
            pulumi.Output.all(bucket.bucket, public.domain_name if public else "", policy.id).apply(
                lambda known: str(
                    S3DSN(
                        bucket=known[0],
                        region=settings.region,
                        signed=not known[1],
                        options={"domain": known[1]} if known[1] else {},
                    )
                )
            )
        )

    def _cloudfront(
        self, name: str, settings: CloudSettings, bucket: aws.s3.Bucket, address: Address
    ) -> aws.cloudfront.Distribution:
        """The distribution through which everybody reads; the bucket itself stays private."""
        own = pulumi.ResourceOptions(parent=self)
        control = make_access_control(name, f"{settings.prefix}-media", own)
        # A cached file may have been fetched for a page of another origin, so CloudFront sets these headers itself.
        cors = aws.cloudfront.ResponseHeadersPolicy(
            f"{name}-cors-headers",
            name=f"{settings.prefix}-media",
            cors_config={
                "access_control_allow_credentials": False,
                "access_control_allow_headers": {"items": ["*"]},
                "access_control_allow_methods": {"items": READING},
                "access_control_allow_origins": {"items": address.origins},
                "access_control_expose_headers": {"items": EXPOSED},
                "access_control_max_age_sec": MAX_AGE,
                "origin_override": True,
            },
            opts=own,
        )
        return aws.cloudfront.Distribution(
            f"{name}-cloudfront",
            enabled=True,
            comment=f"{settings.prefix} media",
            http_version="http2and3",
            is_ipv6_enabled=True,
            price_class="PriceClass_100",
            origins=[
                {
                    "origin_id": "media",
                    "domain_name": bucket.bucket_regional_domain_name,
                    "origin_access_control_id": control.id,
                }
            ],
            default_cache_behavior={
                "target_origin_id": "media",
                "viewer_protocol_policy": "redirect-to-https",
                "allowed_methods": ["GET", "HEAD", "OPTIONS"],  # the bucket itself answers CORS preflight requests
                "cached_methods": READING,
                "compress": True,
                "cache_policy_id": CACHING_OPTIMIZED,
                "origin_request_policy_id": CORS_S3_ORIGIN,
                "response_headers_policy_id": cors.id,
            },
            restrictions={"geo_restriction": {"restriction_type": "none"}},
            viewer_certificate={"cloudfront_default_certificate": True},
            tags=tags(settings),
            opts=own,
        )


def _policy(bucket: pulumi.Output[str], distribution: pulumi.Output[str] | None) -> dict[str, object]:
    """The bucket's policy: TLS only, and the distribution, if there is one, may read objects."""
    statements = [only_tls(bucket)]
    if distribution is not None:
        statements.append(read_through_cloudfront(bucket, distribution))
    return {"Version": "2012-10-17", "Statement": statements}
