"""The CloudFront distribution, the only way in: its origins, and which paths it takes from where."""

import pulumi
import pulumi_aws as aws
from pulumi_aws.cloudfront import (
    DistributionDefaultCacheBehaviorArgsDict,
    DistributionOrderedCacheBehaviorArgsDict,
    DistributionOriginArgsDict,
    DistributionOriginGroupArgsDict,
    DistributionViewerCertificateArgsDict,
)

from infra.cloud.load_balancer import LoadBalancer
from infra.cloud.settings import CloudSettings
from infra.cloud.static_files import StaticFiles
from infra.cloud.tags import tags

# CloudFront's managed policies: https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-cache-policies.html
CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
CACHING_OPTIMIZED = "658327ea-f89d-4fab-a63d-7e88639e58f6"
# And using-managed-origin-request-policies.html: all headers of the visitor, Host included, and CloudFront's own.
ALL_VIEWER_AND_CLOUDFRONT_HEADERS = "33f36d7e-f396-46d9-90e0-52428a34d9dc"

# And using-managed-response-headers-policies.html: static files may be read by any origin, as WhiteNoise says, too.
SIMPLE_CORS = "60669652-455b-4ae9-85a4-c4c02393f86c"

TASKS = "load-balancer"  # the id of the origin that answers all paths without a behavior of their own
STATIC, BUCKET = "static", "static-files"  # the ids of the group for static files, and of its first origin
# For which the tasks are asked: what the bucket doesn't have is a 403, since CloudFront may not list it.
MISSING = [403, 404, 500, 502, 503, 504]


def make_distribution(
    name: str,
    settings: CloudSettings,
    balancer: LoadBalancer,
    static_files: StaticFiles,
    hosts: list[str],
    certificate: pulumi.Input[str] | None,
    firewall: pulumi.Input[str] | None,
    maintenance: pulumi.Input[str],
    parent: pulumi.Resource,
) -> aws.cloudfront.Distribution:
    """Registers the distribution as a child of `parent`; `hosts` are its own names, for which it has `certificate`.

    `certificate`, `firewall`, a web ACL, and `maintenance`, a function, are ARNs.
    """
    return aws.cloudfront.Distribution(
        f"{name}-cloudfront",
        enabled=True,
        comment=settings.prefix,
        aliases=hosts or None,
        http_version="http2and3",
        is_ipv6_enabled=True,
        price_class="PriceClass_100",
        origins=_origins(balancer, static_files),
        origin_groups=_origin_groups(),
        default_cache_behavior=_every_page(maintenance),
        ordered_cache_behaviors=_behaviors(),
        restrictions={"geo_restriction": {"restriction_type": "none"}},
        viewer_certificate=_viewer_certificate(certificate),
        web_acl_id=firewall,
        tags=tags(settings),
        opts=pulumi.ResourceOptions(parent=parent),
    )


def _origins(balancer: LoadBalancer, static_files: StaticFiles) -> list[DistributionOriginArgsDict]:
    return [
        {
            "origin_id": TASKS,
            "domain_name": balancer.domain_name,
            "vpc_origin_config": {
                "vpc_origin_id": balancer.origin_id,
                "origin_read_timeout": 60,
                "origin_keepalive_timeout": 55,
            },
        },
        {
            "origin_id": BUCKET,
            "domain_name": static_files.bucket_domain,
            "origin_access_control_id": static_files.access_control_id,
        },
    ]


def _origin_groups() -> list[DistributionOriginGroupArgsDict]:
    """Static files are in the bucket; the tasks, by WhiteNoise, have what isn't there."""
    return [
        {
            "origin_id": STATIC,
            "failover_criteria": {"status_codes": MISSING},
            "members": [{"origin_id": BUCKET}, {"origin_id": TASKS}],
        }
    ]


def _every_page(maintenance: pulumi.Input[str]) -> DistributionDefaultCacheBehaviorArgsDict:
    """All paths but the cached ones, which are answered during maintenance as well."""
    return {
        "target_origin_id": TASKS,
        "viewer_protocol_policy": "redirect-to-https",
        "allowed_methods": ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"],
        "cached_methods": ["GET", "HEAD"],
        "compress": True,
        "cache_policy_id": CACHING_DISABLED,
        "origin_request_policy_id": ALL_VIEWER_AND_CLOUDFRONT_HEADERS,
        "function_associations": [{"event_type": "viewer-request", "function_arn": maintenance}],
    }


def _behaviors() -> list[DistributionOrderedCacheBehaviorArgsDict]:
    """The paths that are cached; the first pattern that fits a request decides."""
    return [
        {
            "path_pattern": "/static/*",
            "target_origin_id": STATIC,
            "viewer_protocol_policy": "redirect-to-https",
            "allowed_methods": ["GET", "HEAD"],
            "cached_methods": ["GET", "HEAD"],
            "compress": True,
            "cache_policy_id": CACHING_OPTIMIZED,
            # No policy for requests: S3 wants its own name in Host, not the visitor's.
            "response_headers_policy_id": SIMPLE_CORS,
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
