"""Security groups, and the rules between them."""

import pulumi
import pulumi_aws as aws

from infra.cloud.settings import CloudSettings
from infra.cloud.tags import tags


def make_group(
    name: str,
    part: str,
    description: str,
    settings: CloudSettings,
    network: pulumi.Output[str],
    opts: pulumi.ResourceOptions,
) -> pulumi.Output[str]:
    """The id of a group in the network of that id, which admits nothing yet."""
    group = aws.ec2.SecurityGroup(
        name,
        name=f"{settings.prefix}-{part}",
        description=description,
        vpc_id=network,
        tags=tags(settings, part),
        opts=opts,
    )
    return group.id


def allow(
    name: str,
    part: str,
    source: pulumi.Output[str],
    target: pulumi.Output[str],
    port: int,
    settings: CloudSettings,
    opts: pulumi.ResourceOptions,
) -> None:
    """Allows TCP to `port` from the group `source` to the group `target`, by a rule for each of them."""
    aws.vpc.SecurityGroupEgressRule(
        f"{name}-out",
        security_group_id=source,
        referenced_security_group_id=target,
        ip_protocol="tcp",
        from_port=port,
        to_port=port,
        tags=tags(settings, part),
        opts=opts,
    )
    aws.vpc.SecurityGroupIngressRule(
        f"{name}-in",
        security_group_id=target,
        referenced_security_group_id=source,
        ip_protocol="tcp",
        from_port=port,
        to_port=port,
        tags=tags(settings, part),
        opts=opts,
    )
