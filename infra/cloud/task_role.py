"""The roles of ECS's tasks."""

import pulumi
import pulumi_aws as aws

from infra.cloud.settings import CloudSettings
from infra.cloud.tags import tags


def make_task_role(
    name: str, part: str, settings: CloudSettings, account: pulumi.Output[str], opts: pulumi.ResourceOptions
) -> aws.iam.Role:
    """A role without any rights yet, which tasks of this account alone can have, within `permissions-boundary`.

    `part` is the end of its physical name; the deployer's policy in the docs knows the names.
    """
    return aws.iam.Role(
        name,
        name=f"{settings.prefix}-{part}",
        assume_role_policy=pulumi.Output.json_dumps(
            {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Principal": {"Service": "ecs-tasks.amazonaws.com"},
                        "Action": "sts:AssumeRole",
                        "Condition": {"StringEquals": {"aws:SourceAccount": account}},
                    }
                ],
            },
            sort_keys=True,
        ),
        permissions_boundary=settings.permissions_boundary or None,
        tags=tags(settings),
        opts=opts,
    )
