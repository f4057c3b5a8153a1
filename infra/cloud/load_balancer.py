"""The load balancer before the tasks: internal, so that CloudFront alone reaches it, through a VPC origin."""

import hashlib
import json
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.cloud.context import CloudContext
from infra.cloud.tags import tags
from infra.reserved import PORT

HTTP, HTTPS = 80, 443
POLICY = "http-only"  # inside AWS's network, to an address that nobody else can reach
# AWS refuses a second load balancer or target group of a name, and a target group can't belong to two load balancers.
# So the ones on the internet, which stacks had before there was a VPC origin, stay until the new ones serve.
SUFFIX = "-i"
WAITS = "60m"  # for the VPC origin


@dataclass(frozen=True)
class LoadBalancer:
    """`domain_name` and `origin_id` are what a distribution's origin needs, `target_group_arn` is where tasks register;
    `load_balancer` and `target_group` are the names that CloudWatch has for both."""

    domain_name: pulumi.Output[str]
    origin_id: pulumi.Output[str]
    target_group_arn: pulumi.Output[str]
    load_balancer: pulumi.Output[str]
    target_group: pulumi.Output[str]


def make_load_balancer(name: str, context: CloudContext, parent: pulumi.Resource) -> LoadBalancer:
    """Registers the load balancer, its target group and its VPC origin as children of `parent`."""
    settings, network = context.settings, context.network
    own = pulumi.ResourceOptions(parent=parent)
    balancer = aws.lb.LoadBalancer(
        f"{name}-load-balancer",
        name=f"{settings.prefix}{SUFFIX}",
        load_balancer_type="application",
        internal=True,
        security_groups=[network.load_balancer_group],
        subnets=network.internal,
        drop_invalid_header_fields=True,
        enable_deletion_protection=settings.keep_data,
        access_logs=network.log_bucket.of("load-balancer") if network.log_bucket and settings.access_logs else None,
        idle_timeout=60,
        tags=tags(settings),
        opts=own,
    )
    targets = aws.lb.TargetGroup(
        f"{name}-targets",
        name=f"{settings.prefix}{SUFFIX}",
        vpc_id=network.id,
        port=PORT,
        protocol="HTTP",
        target_type="ip",
        deregistration_delay=30,
        health_check={
            # Liveness, not readiness: when the database is away, ECS must not replace every task.
            "path": "/healthz/live",
            "matcher": "200",
            # A new task gets requests after the first check that it passes, so checks are as frequent as AWS lets them:
            # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/load-balancer-healthcheck.html
            # One that answered before has 45 seconds to answer again.
            "interval": 5,
            "timeout": 4,
            "healthy_threshold": 2,
            "unhealthy_threshold": 9,
        },
        tags=tags(settings),
        opts=own,
    )
    listener = aws.lb.Listener(
        f"{name}-http",
        load_balancer_arn=balancer.arn,
        port=HTTP,
        protocol="HTTP",
        default_actions=[{"type": "forward", "target_group_arn": targets.arn}],
        tags=tags(settings),
        opts=own,
    )
    _admit_cloudfront(name, context, own)
    return LoadBalancer(
        domain_name=balancer.dns_name,
        origin_id=_vpc_origin(name, context, balancer, pulumi.ResourceOptions(parent=parent, depends_on=[listener])),
        target_group_arn=targets.arn,
        load_balancer=balancer.arn_suffix,
        target_group=targets.arn_suffix,
    )


def _admit_cloudfront(name: str, context: CloudContext, own: pulumi.ResourceOptions) -> None:
    """A rule for CloudFront's addresses. What comes from another customer's distribution has no way to the subnets."""
    cloudfront = aws.ec2.get_managed_prefix_list_output(
        name="com.amazonaws.global.cloudfront.origin-facing", opts=pulumi.InvokeOutputOptions(parent=own.parent)
    )
    aws.vpc.SecurityGroupIngressRule(
        f"{name}-admits-{HTTP}",
        security_group_id=context.network.load_balancer_group,
        ip_protocol="tcp",
        from_port=HTTP,
        to_port=HTTP,
        prefix_list_id=cloudfront.id,
        tags=tags(context.settings, f"admits-{HTTP}"),
        opts=own,
    )


def _vpc_origin(
    name: str, context: CloudContext, balancer: aws.lb.LoadBalancer, opts: pulumi.ResourceOptions
) -> pulumi.Output[str]:
    """The id of CloudFront's way into the network.

    AWS neither changes nor deletes one that a distribution uses (409), so every change makes another one, the
    distribution takes that, and then the old one goes. For that the name follows from the content: names are unique.
    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-vpc-origins.html#vpc-origins-update
    https://github.com/hashicorp/terraform-provider-aws/issues/40905
    """
    settings = context.settings

    def named(arn: str) -> str:
        content = json.dumps([arn, HTTP, HTTPS, POLICY, tags(settings)], sort_keys=True)
        return f"{settings.prefix}-{hashlib.sha256(content.encode()).hexdigest()[:8]}"

    origin = aws.cloudfront.VpcOrigin(
        f"{name}-origin",
        vpc_origin_endpoint_config={
            "name": balancer.arn.apply(named),
            "arn": balancer.arn,
            "http_port": HTTP,
            "https_port": HTTPS,
            "origin_protocol_policy": POLICY,
            "origin_ssl_protocols": {"items": ["TLSv1.2"], "quantity": 1},
        },
        # AWS takes up to fifteen minutes, and the provider gives it no longer by itself: one that is a moment late
        # would end the update, and be in the account without being in the state. It is the provider's own argument:
        # Pulumi's custom time-outs don't reach this type.
        timeouts={"create": WAITS, "update": WAITS, "delete": WAITS},
        tags=tags(settings),
        opts=pulumi.ResourceOptions.merge(
            opts,
            pulumi.ResourceOptions(
                replace_on_changes=["vpcOriginEndpointConfig", "tags"],
                # The network needs its internet gateway: it says that traffic may come from outside.
                depends_on=[context.network],
            ),
        ),
    )
    identity: pulumi.Output[str] = origin.id
    return identity
