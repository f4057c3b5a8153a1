"""The bucket for logs that AWS's services deliver to S3: of CloudFront, the load balancer, a bucket, the network."""

import pulumi
import pulumi_aws as aws
from pulumi_aws.lb import LoadBalancerAccessLogsArgsDict

from infra.cloud.buckets import expire, make_private, only_tls
from infra.cloud.settings import GLOBAL_REGION, CloudSettings
from infra.cloud.tags import tags

CLOUDFRONT = "cloudfront"  # the beginning of its files' names


class LogBucket(pulumi.ComponentResource):
    """A private bucket in which logs are kept for `log-days`. Exposes `name`, known once AWS may write, and `arn`.

    With `keep-data`, a stack that logs no more, or is removed, leaves the bucket as it is, and what is in it comes to
    its end there.
    """

    def __init__(
        self,
        name: str,
        settings: CloudSettings,
        account: pulumi.Output[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("django-stack:cloud:LogBucket", name, None, opts)
        own = pulumi.ResourceOptions(parent=self, retain_on_delete=settings.keep_data)
        bucket = aws.s3.Bucket(
            name,
            bucket_prefix=f"{settings.prefix}-logs-",
            force_destroy=not settings.keep_data,
            tags=tags(settings),
            opts=own,
        )
        blocked = make_private(name, bucket, own)
        expire(name, bucket, "old-logs", own, days=settings.log_days)
        policy = aws.s3.BucketPolicy(
            f"{name}-policy",
            bucket=bucket.bucket,
            policy=pulumi.Output.json_dumps(_policy(bucket.arn, account, settings), sort_keys=True),
            opts=pulumi.ResourceOptions.merge(own, pulumi.ResourceOptions(depends_on=[blocked])),
        )
        self.arn: pulumi.Output[str] = pulumi.Output.all(bucket.arn, policy.id).apply(lambda known: str(known[0]))
        self.name: pulumi.Output[str] = pulumi.Output.all(bucket.bucket, policy.id).apply(lambda known: str(known[0]))
        self.register_outputs({"name": self.name})

    def of(self, prefix: str) -> LoadBalancerAccessLogsArgsDict:
        """The load balancer's setting by which its logs go here, under a prefix."""
        return {"bucket": self.name, "prefix": prefix, "enabled": True}


def deliver_requests(
    name: str, settings: CloudSettings, distribution: pulumi.Output[str], bucket: LogBucket, parent: pulumi.Resource
) -> None:
    """Has CloudFront write a line of JSON for each request to the distribution, an ARN; by way of us-east-1.

    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/standard-logging.html
    """
    own = pulumi.ResourceOptions(parent=parent)
    source = aws.cloudwatch.LogDeliverySource(
        f"{name}-log-source",
        region=GLOBAL_REGION,
        name=settings.prefix,
        log_type="ACCESS_LOGS",
        resource_arn=distribution,
        tags=tags(settings),
        opts=own,
    )
    destination = aws.cloudwatch.LogDeliveryDestination(
        f"{name}-log-destination",
        region=GLOBAL_REGION,
        name=settings.prefix,
        output_format="json",
        delivery_destination_configuration={
            "destination_resource_arn": pulumi.Output.concat(bucket.arn, f"/{CLOUDFRONT}")
        },
        tags=tags(settings),
        opts=own,
    )
    aws.cloudwatch.LogDelivery(
        f"{name}-log-delivery",
        region=GLOBAL_REGION,
        delivery_source_name=source.name,
        delivery_destination_arn=destination.arn,
        tags=tags(settings),
        opts=own,
    )


def _policy(bucket: pulumi.Output[str], account: pulumi.Output[str], settings: CloudSettings) -> dict[str, object]:
    """TLS only, and AWS's services may write logs of this account.

    CloudFront: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/AWS-logs-infrastructure-V2-S3.html
    Load balancer: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html
    Buckets: https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html
    Network: https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-s3-permissions.html
    """
    ours = {"StringEquals": {"aws:SourceAccount": account}}
    statements = [only_tls(bucket)]
    if settings.access_logs:
        statements += [
            {
                "Sid": "CloudFront",
                "Effect": "Allow",
                "Principal": {"Service": "delivery.logs.amazonaws.com"},
                "Action": "s3:PutObject",
                "Resource": pulumi.Output.concat(bucket, f"/{CLOUDFRONT}/AWSLogs/", account, "/*"),
                "Condition": {"StringEquals": {**ours["StringEquals"], "s3:x-amz-acl": "bucket-owner-full-control"}},
            },
            {
                "Sid": "LoadBalancer",
                "Effect": "Allow",
                "Principal": {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"},
                "Action": "s3:PutObject",
                "Resource": pulumi.Output.concat(bucket, "/load-balancer/AWSLogs/", account, "/*"),
            },
            {
                "Sid": "Buckets",
                "Effect": "Allow",
                "Principal": {"Service": "logging.s3.amazonaws.com"},
                "Action": "s3:PutObject",
                "Resource": pulumi.Output.concat(bucket, "/media/*"),
                "Condition": ours,
            },
        ]
    if settings.flow_logs:
        statements += [
            {
                "Sid": "Network",
                "Effect": "Allow",
                "Principal": {"Service": "delivery.logs.amazonaws.com"},
                "Action": "s3:PutObject",
                "Resource": pulumi.Output.concat(bucket, "/network/AWSLogs/", account, "/*"),
                "Condition": {"StringEquals": {**ours["StringEquals"], "s3:x-amz-acl": "bucket-owner-full-control"}},
            },
            {
                "Sid": "NetworkAsksWhose",
                "Effect": "Allow",
                "Principal": {"Service": "delivery.logs.amazonaws.com"},
                "Action": ["s3:GetBucketAcl", "s3:ListBucket"],
                "Resource": bucket,
                "Condition": ours,
            },
        ]
    return {"Version": "2012-10-17", "Statement": statements}
