"""Own domains. MiniStack knows a load balancer and a distribution by AWS's own names for them alone.

A distribution serves its aliases, too: https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/CNAMEs.html
An alias record of Route 53 leads to either: https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/resource-record-sets-choosing-alias-non-alias.html
A request by TLS reaches the listener on 443, where MiniStack goes by the port in the Host header.
"""

from typing import Any

from ministack import app
from ministack.services import alb, cloudfront, route53

from tools.rehearsal.emulator.config import EmulatorConfig
from tools.rehearsal.overrides import replace


def apply(_: EmulatorConfig) -> None:
    """Wraps how MiniStack finds out whose a host name is."""
    find = alb.find_lb_for_host
    replace(alb, "find_lb_for_host", lambda host: find(host) or find(_alias(host)))
    may_be = app._is_potential_alb_request
    replace(app, "_is_potential_alb_request", lambda host, path: may_be(host, path) or may_be(_alias(host), path))
    parse = app._parse_cloudfront_dataplane_host

    def label(host: str) -> str | None:
        name = host.partition(":")[0].lower()
        serving = (
            distribution["DomainName"]
            for distribution in list(cloudfront._distributions.values())
            if name in cloudfront._get_distribution_aliases(distribution)
        )
        found: str | None = parse(host) or parse(next(serving, ""))
        return found

    replace(app, "_parse_cloudfront_dataplane_host", label)
    dispatch = alb.dispatch_request

    async def dispatch_request(
        balancer: Any,
        method: str,
        path: str,
        headers: dict[str, str],
        body: Any,
        query: Any,
        port: int = 80,
        **more: Any,
    ) -> Any:
        by_tls = (
            port == 80 and headers.get("x-forwarded-proto") == "https" and "cloudfront" not in headers.get("via", "")
        )
        return await dispatch(balancer, method, path, headers, body, query, 443 if by_tls else port, **more)

    replace(alb, "dispatch_request", dispatch_request)


def _alias(host: str) -> str:
    """The name that an alias record of this host leads to; nothing when there's none."""
    name = f"{host.partition(':')[0].lower()}."
    for records in list(route53._records.values()):
        for record in records:
            if record.get("Name") == name and record.get("AliasTarget"):
                return str(record["AliasTarget"]["DNSName"]).rstrip(".").removeprefix("dualstack.")
    return ""
