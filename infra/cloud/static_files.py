"""Static files of every version, in a bucket that CloudFront asks first, so that no page of a roll-out lacks one.

Pages of the old and the new version are asked for together while a roll-out lasts, and each task has the files of its
own version alone. The release copies the files whose names have a hash (`manage.py publish_static`) before anything of
the new version serves. The tasks answer for the rest, and for what isn't in the bucket.
"""

import pulumi
import pulumi_aws as aws

from infra.cloud.buckets import expire, make_access_control, make_private, only_tls, read_through_cloudfront
from infra.cloud.network import Network
from infra.cloud.settings import CloudSettings
from infra.cloud.tags import tags
from infra.cloud.task_role import make_task_role

PREFIX = "static"  # of the objects, which CloudFront asks for by their path
# After the last release that had the file. The version that runs is in its tasks, too; the file must be in the bucket
# when the next roll-out begins, however long ago the last one was, so the days are many and the bytes few.
KEPT_DAYS = 365


class StaticFiles(pulumi.ComponentResource):
    """A private bucket, which a task of the release may write with a role of its own, and nobody else.

    Nothing in it is worth protection: the images have it all. Exposes `bucket_domain` and `access_control_id`
    (where and how CloudFront reads), `dsn` (what `publish_static` takes) and `publisher_arn` (the role); `admit` lets a
    distribution read.
    """

    def __init__(
        self, name: str, settings: CloudSettings, network: Network, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("django-stack:cloud:StaticFiles", name, None, opts)
        self._name = name
        own = pulumi.ResourceOptions(parent=self)
        self._bucket = bucket = aws.s3.Bucket(
            name,
            bucket_prefix=f"{settings.prefix}-{PREFIX}",  # names of buckets are unique in all of AWS
            force_destroy=True,
            tags=tags(settings),
            opts=own,
        )
        self._blocked = make_private(name, bucket, own)
        expire(name, bucket, "old-files", own, days=KEPT_DAYS)
        control = make_access_control(name, f"{settings.prefix}-{PREFIX}", own)
        role = make_task_role(f"{name}-publisher", "publisher-app", settings, network.account, own)
        rights = aws.iam.RolePolicy(
            f"{name}-publisher-rights",
            name="rights",
            role=role.name,
            policy=pulumi.Output.json_dumps(_rights(bucket.arn), sort_keys=True),
            opts=own,
        )
        self.bucket_domain: pulumi.Output[str] = bucket.bucket_regional_domain_name
        self.access_control_id: pulumi.Output[str] = control.id
        self.dsn: pulumi.Output[str] = pulumi.Output.concat(
            "s3://", bucket.bucket, ".s3.", settings.region, ".amazonaws.com/", PREFIX
        )
        # Known only when the role has its rights.
        self.publisher_arn: pulumi.Output[str] = pulumi.Output.all(role.arn, rights.id).apply(
            lambda known: str(known[0])
        )
        self.register_outputs({"dsn": self.dsn})

    def admit(self, distribution: pulumi.Output[str]) -> None:
        """The bucket's policy: TLS only, and the distribution, by its ARN, may read objects."""
        statements = [only_tls(self._bucket.arn), read_through_cloudfront(self._bucket.arn, distribution)]
        aws.s3.BucketPolicy(
            f"{self._name}-policy",
            bucket=self._bucket.bucket,
            policy=pulumi.Output.json_dumps({"Version": "2012-10-17", "Statement": statements}, sort_keys=True),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self._blocked]),
        )


def _rights(bucket: pulumi.Output[str]) -> dict[str, object]:
    statement = {
        "Sid": "Publish",
        "Effect": "Allow",
        "Action": ["s3:AbortMultipartUpload", "s3:PutObject"],
        "Resource": pulumi.Output.concat(bucket, f"/{PREFIX}/*"),
    }
    return {"Version": "2012-10-17", "Statement": [statement]}
