"""Where the site answers on the internet: CloudFront, under its own name or under a domain's."""

import pulumi
import pulumi_aws as aws

from infra.cloud.context import CloudContext
from infra.cloud.distribution import make_distribution
from infra.cloud.firewall import make_firewall
from infra.cloud.load_balancer import make_load_balancer
from infra.cloud.logs import deliver_requests
from infra.cloud.maintenance import maintenance_function
from infra.cloud.settings import CloudSettings
from infra.cloud.site_certificate import issued_certificate
from infra.cloud.static_files import StaticFiles
from infra.origins import origin


class Address(pulumi.ComponentResource):
    """One way in, always https: a CloudFront distribution, which reaches the internal load balancer by a VPC origin.

    Exposes, besides what every platform's address does, `target_group_arn` (where tasks register), `connect_to` (the
    host that answers for `domain` even without DNS), `load_balancer` and `target_group` by their CloudWatch names, and
    `static_files`, the bucket that CloudFront asks first for them.
    """

    https = True
    # CloudFront reaches the load balancer over http, so the load balancer's X-Forwarded-Proto says http.
    proxy_ssl_header = "CloudFront-Forwarded-Proto"

    def __init__(self, name: str, context: CloudContext, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("django-stack:cloud:Address", name, None, opts)
        settings = context.settings
        balancer = make_load_balancer(name, context, self)
        self.target_group_arn = balancer.target_group_arn
        self.load_balancer = balancer.load_balancer
        self.target_group = balancer.target_group
        hosts = _hosts(settings)
        certificate: pulumi.Input[str] | None = None
        if hosts:
            certificate = settings.certificate or issued_certificate(name, settings, hosts, self)
        firewall = make_firewall(name, settings, self) if settings.waf else None
        maintenance = maintenance_function(name, settings, self)
        own = pulumi.ResourceOptions(parent=self)
        self.static_files = StaticFiles("static-files", settings, context.network, own)
        distribution = make_distribution(
            name, settings, balancer, self.static_files, hosts, certificate, firewall, maintenance, self
        )
        self.static_files.admit(distribution.arn)
        if settings.access_logs and context.network.log_bucket:
            deliver_requests(name, settings, distribution.arn, context.network.log_bucket, self)
        if settings.hosted_zone:
            self._records(name, settings, hosts, distribution)
        self.connect_to: pulumi.Output[str] = distribution.domain_name
        self.domain: pulumi.Input[str] = settings.domain or distribution.domain_name
        self.domain_aliases = settings.domain_aliases
        self.url = pulumi.Output.concat("https://", self.domain)
        self.origins: list[pulumi.Input[str]] = [self.url, *(origin("https", name) for name in self.domain_aliases)]
        self.register_outputs({"domain": self.domain, "url": self.url})

    def _records(
        self, name: str, settings: CloudSettings, hosts: list[str], distribution: aws.cloudfront.Distribution
    ) -> None:
        """Leads each host to the distribution, by IPv4 and IPv6."""
        for host in hosts:
            for kind, record in (("A", f"{name}-{host}"), ("AAAA", f"{name}-{host}-ipv6")):
                aws.route53.Record(
                    record,
                    zone_id=settings.hosted_zone,
                    name=host,
                    type=kind,
                    aliases=[
                        {
                            "name": distribution.domain_name,
                            "zone_id": distribution.hosted_zone_id,
                            "evaluate_target_health": False,
                        }
                    ],
                    opts=pulumi.ResourceOptions(parent=self),
                )


def _hosts(settings: CloudSettings) -> list[str]:
    """The site's own host names, without repetition; those that redirect, too, since the app answers them."""
    hosts = (settings.domain, *settings.domain_aliases, *settings.domain_redirects)
    return list(dict.fromkeys(hosts)) if settings.domain else []
