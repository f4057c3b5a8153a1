"""The CloudFront distribution, the only way in: its origins, and which paths it takes from where."""

import pulumi
import pulumi_aws as aws
from pulumi_aws.cloudfront import (
    DistributionDefaultCacheBehaviorArgsDict,
    DistributionOrderedCacheBehaviorArgsDict,
    DistributionOriginArgsDict,
    DistributionViewerCertificateArgsDict,
)

from infra.cloud.load_balancer import LoadBalancer
from infra.cloud.settings import CloudSettings
from infra.cloud.tags import tags

# CloudFront's managed policies: https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-cache-policies.html
CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
CACHING_OPTIMIZED = "658327ea-f89d-4fab-a63d-7e88639e58f6"
# And using-managed-origin-request-policies.html: all headers of the visitor, Host included, and CloudFront's own.
ALL_VIEWER_AND_CLOUDFRONT_HEADERS = "33f36d7e-f396-46d9-90e0-52428a34d9dc"

TASKS = "load-balancer"  # the id of the origin that answers all paths without a behavior of their own


def make_distribution(
    name: str,
    settings: CloudSettings,
    balancer: LoadBalancer,
    hosts: list[str],
    certificate: pulumi.Input[str] | None,
    firewall: pulumi.Input[str] | None,
    parent: pulumi.Resource,
) -> aws.cloudfront.Distribution:
    """Registers the distribution as a child of `parent`; `hosts` are its own names, for which it has `certificate`.

    `certificate` and `firewall`, a web ACL, are ARNs.
    """
    return aws.cloudfront.Distribution(
        f"{name}-cloudfront",
        enabled=True,
        comment=settings.prefix,
        aliases=hosts or None,
        http_version="http2and3",
        is_ipv6_enabled=True,
        price_class="PriceClass_100",
        origins=_origins(balancer),
        default_cache_behavior=_every_page(),
        ordered_cache_behaviors=_behaviors(),
        restrictions={"geo_restriction": {"restriction_type": "none"}},
        viewer_certificate=_viewer_certificate(certificate),
        web_acl_id=firewall,
        tags=tags(settings),
        opts=pulumi.ResourceOptions(parent=parent),
    )


def _origins(balancer: LoadBalancer) -> list[DistributionOriginArgsDict]:
    return [
        {
            "origin_id": TASKS,
            "domain_name": balancer.domain_name,
            "vpc_origin_config": {
                "vpc_origin_id": balancer.origin_id,
                "origin_read_timeout": 60,
                "origin_keepalive_timeout": 55,
            },
        }
    ]


def _every_page() -> DistributionDefaultCacheBehaviorArgsDict:
    return {
        "target_origin_id": TASKS,
        "viewer_protocol_policy": "redirect-to-https",
        "allowed_methods": ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"],
        "cached_methods": ["GET", "HEAD"],
        "compress": True,
        "cache_policy_id": CACHING_DISABLED,
        "origin_request_policy_id": ALL_VIEWER_AND_CLOUDFRONT_HEADERS,
    }


def _behaviors() -> list[DistributionOrderedCacheBehaviorArgsDict]:
    """The paths that are cached; the first pattern that fits a request decides."""
    return [
        {
            "path_pattern": "/static/*",
            "target_origin_id": TASKS,
            "viewer_protocol_policy": "redirect-to-https",
            "allowed_methods": ["GET", "HEAD"],
            "cached_methods": ["GET", "HEAD"],
            "compress": True,
            "cache_policy_id": CACHING_OPTIMIZED,
            "origin_request_policy_id": ALL_VIEWER_AND_CLOUDFRONT_HEADERS,
        }
    ]


def _viewer_certificate(certificate: pulumi.Input[str] | None) -> DistributionViewerCertificateArgsDict:
    if certificate is None:
        return {"cloudfront_default_certificate": True}
    return {
        "acm_certificate_arn": certificate,
        "ssl_support_method": "sni-only",  # the other way is a dedicated address in every location, $600 a month
        "minimum_protocol_version": "TLSv1.2_2021",
    }
