"""VPC origins. MiniStack records them, and fetches as from an origin on the internet: from the domain name that the
distribution says, by the protocol of the visitor.

On AWS the VPC origin says where to, by which port and protocol, and nobody but CloudFront reaches an internal load
balancer from outside: https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-vpc-origins.html
"""

from typing import Any

from ministack import app
from ministack.services import alb, cloudfront

from tools.rehearsal.emulator.config import EmulatorConfig
from tools.rehearsal.overrides import replace


def apply(_: EmulatorConfig) -> None:
    """Wraps how a distribution reads its origins, and what is answered as a load balancer."""
    read = cloudfront._dataplane_origin

    def dataplane_origin(element: Any) -> dict[str, Any]:
        origin: dict[str, Any] = read(element)
        within = cloudfront._find(element, "VpcOriginConfig")
        return origin if within is None else origin | _way_of(within)

    replace(cloudfront, "_dataplane_origin", dataplane_origin)
    may_be = app._is_potential_alb_request

    def is_potential_alb_request(host: str, path: str) -> bool:
        return bool(may_be(host, path)) and (alb.find_lb_for_host(host) or {}).get("Scheme") != "internal"

    replace(app, "_is_potential_alb_request", is_potential_alb_request)


def _way_of(within: Any) -> dict[str, Any]:
    """What the VPC origin has instead of the origin's own."""
    vpc_origin = cloudfront._vpc_origins.get(cloudfront._text(within, "VpcOriginId")) or {}
    config = vpc_origin.get("VpcOriginEndpointConfig", {})
    named = [one["DNSName"] for one in list(alb._lbs.values()) if one["LoadBalancerArn"] == config.get("Arn")]
    return {
        "domain_name": next(iter(named), "no-such-origin.invalid"),
        "http_port": config.get("HTTPPort", 80),
        "https_port": config.get("HTTPSPort", 443),
        "protocol_policy": config.get("OriginProtocolPolicy", "http-only"),
        "read_timeout": int(cloudfront._text(within, "OriginReadTimeout") or 30),
    }
