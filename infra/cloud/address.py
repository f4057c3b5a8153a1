"""Where the site answers on the internet: the load balancer, and TLS at it or in front of it."""

import pulumi
import pulumi_aws as aws
import pulumi_random as random

from infra.cloud.context import CloudContext
from infra.cloud.network import Network
from infra.cloud.tags import tags
from infra.origins import origin
from infra.reserved import PORT

# CloudFront's managed policies: https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-cache-policies.html
CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
CACHING_OPTIMIZED = "658327ea-f89d-4fab-a63d-7e88639e58f6"
# And using-managed-origin-request-policies.html: all headers of the visitor, Host included, and CloudFront's own.
ALL_VIEWER_AND_CLOUDFRONT_HEADERS = "33f36d7e-f396-46d9-90e0-52428a34d9dc"
ORIGIN_HEADER = "X-Origin-Key"


class Address(pulumi.ComponentResource):
    """Where the site answers, always by https: a domain at the load balancer, or a name of CloudFront in front of it.

    Exposes, besides what every platform's address does, `target_group_arn` (where tasks register), `connect_to` (the
    host that answers for `domain` even without DNS), and `load_balancer` and `target_group` by their CloudWatch names.
    """

    https = True

    def __init__(self, name: str, context: CloudContext, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("django-stack:cloud:Address", name, None, opts)
        settings, network = context.settings, context.network
        self._settings = settings
        self._own = own = pulumi.ResourceOptions(parent=self)
        self._balancer = balancer = aws.lb.LoadBalancer(
            name,
            name=settings.prefix,
            load_balancer_type="application",
            internal=False,
            security_groups=[network.load_balancer_group],
            subnets=network.public,
            drop_invalid_header_fields=True,
            enable_deletion_protection=settings.keep_data,
            access_logs=network.log_bucket.of("load-balancer") if network.log_bucket and settings.access_logs else None,
            idle_timeout=60,
            tags=tags(settings),
            # AWS refuses an internet-facing load balancer in a network that has no internet gateway yet.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[network]),
        )
        target_group = aws.lb.TargetGroup(
            f"{name}-tasks",
            name=settings.prefix,
            vpc_id=network.id,
            port=PORT,
            protocol="HTTP",
            target_type="ip",
            deregistration_delay=30,
            health_check={
                # Liveness, not readiness: when the database is away, ECS must not replace every task.
                "path": "/healthz/live",
                "matcher": "200",
                "interval": 15,
                "timeout": 5,
                "healthy_threshold": 2,
                "unhealthy_threshold": 3,
            },
            tags=tags(settings),
            opts=own,
        )
        self.target_group_arn: pulumi.Output[str] = target_group.arn
        self.load_balancer: pulumi.Output[str] = balancer.arn_suffix
        self.target_group: pulumi.Output[str] = target_group.arn_suffix
        self.domain_aliases = settings.domain_aliases
        if settings.domain:
            self.proxy_ssl_header = "X-Forwarded-Proto"
            self.domain: pulumi.Input[str] = settings.domain
            self.connect_to: pulumi.Output[str] = balancer.dns_name
            self._own_domain(name, network)
        else:
            # CloudFront reaches the load balancer over http, so the load balancer's X-Forwarded-Proto says http.
            self.proxy_ssl_header = "CloudFront-Forwarded-Proto"
            self.domain = self.connect_to = self._cloudfront(name, network)
        self.url = pulumi.Output.concat("https://", self.domain)
        self.origins: list[pulumi.Input[str]] = [self.url, *(origin("https", name) for name in self.domain_aliases)]
        self.register_outputs({"domain": self.domain, "url": self.url})

    def _own_domain(self, name: str, network: Network) -> None:
        """TLS at the load balancer, open to the world; http is redirected."""
        settings = self._settings
        for port in (80, 443):
            self._admit(name, network, port, cidr_ipv4="0.0.0.0/0")
        certificate: pulumi.Input[str] = settings.certificate or self._certificate(name)
        aws.lb.Listener(
            f"{name}-https",
            load_balancer_arn=self._balancer.arn,
            port=443,
            protocol="HTTPS",
            ssl_policy="ELBSecurityPolicy-TLS13-1-2-2021-06",
            certificate_arn=certificate,
            default_actions=[{"type": "forward", "target_group_arn": self.target_group_arn}],
            tags=tags(settings),
            opts=self._own,
        )
        aws.lb.Listener(
            f"{name}-http",
            load_balancer_arn=self._balancer.arn,
            port=80,
            protocol="HTTP",
            default_actions=[
                {"type": "redirect", "redirect": {"port": "443", "protocol": "HTTPS", "status_code": "HTTP_301"}}
            ],
            tags=tags(settings),
            opts=self._own,
        )
        if settings.hosted_zone:
            for host in self._hosts():
                aws.route53.Record(
                    f"{name}-{host}",
                    zone_id=settings.hosted_zone,
                    name=host,
                    type="A",
                    aliases=[
                        {
                            "name": self._balancer.dns_name,
                            "zone_id": self._balancer.zone_id,
                            "evaluate_target_health": False,
                        }
                    ],
                    opts=self._own,
                )

    def _certificate(self, name: str) -> pulumi.Output[str]:
        """A certificate for all host names, validated by records in the hosted zone; its ARN once it is issued."""
        settings = self._settings
        hosts = self._hosts()
        certificate = aws.acm.Certificate(
            f"{name}-certificate",
            domain_name=hosts[0],
            subject_alternative_names=hosts[1:] or None,
            validation_method="DNS",
            tags=tags(settings),
            opts=self._own,
        )

        def proof(host: str) -> aws.route53.Record:
            option = certificate.domain_validation_options.apply(
                lambda options: next(option for option in options if option.domain_name == host)
            )
            return aws.route53.Record(
                f"{name}-proof-{host}",
                zone_id=settings.hosted_zone,
                name=option.apply(lambda known: known.resource_record_name or ""),
                type=option.apply(lambda known: known.resource_record_type or ""),
                records=[option.apply(lambda known: known.resource_record_value or "")],
                ttl=300,
                allow_overwrite=True,  # a wildcard certificate may have left the same record
                opts=self._own,
            )

        proofs = [proof(host) for host in hosts]
        issued = aws.acm.CertificateValidation(
            f"{name}-issued",
            certificate_arn=certificate.arn,
            validation_record_fqdns=[record.fqdn for record in proofs],
            opts=self._own,
        )
        return issued.certificate_arn

    def _hosts(self) -> list[str]:
        settings = self._settings
        return list(dict.fromkeys((settings.domain, *settings.domain_aliases, *settings.domain_redirects)))

    def _cloudfront(self, name: str, network: Network) -> pulumi.Output[str]:
        """The domain name of a CloudFront distribution in front of the load balancer, which admits nothing else."""
        settings = self._settings
        cloudfront = aws.ec2.get_managed_prefix_list_output(
            name="com.amazonaws.global.cloudfront.origin-facing", opts=pulumi.InvokeOutputOptions(parent=self)
        )
        self._admit(name, network, 80, prefix_list_id=cloudfront.id)
        # The prefix list covers every CloudFront customer; the header identifies our distribution.
        key = random.RandomPassword(f"{name}-origin-key", length=40, special=False, opts=self._own)
        listener = aws.lb.Listener(
            f"{name}-http",
            load_balancer_arn=self._balancer.arn,
            port=80,
            protocol="HTTP",
            default_actions=[
                {"type": "fixed-response", "fixed_response": {"content_type": "text/plain", "status_code": "403"}}
            ],
            tags=tags(settings),
            opts=self._own,
        )
        aws.lb.ListenerRule(
            f"{name}-from-cloudfront",
            listener_arn=listener.arn,
            priority=1,
            conditions=[{"http_header": {"http_header_name": ORIGIN_HEADER, "values": [key.result]}}],
            actions=[{"type": "forward", "target_group_arn": self.target_group_arn}],
            tags=tags(settings),
            opts=self._own,
        )
        origin = "load-balancer"
        distribution = aws.cloudfront.Distribution(
            f"{name}-cloudfront",
            enabled=True,
            comment=settings.prefix,
            http_version="http2and3",
            is_ipv6_enabled=True,
            price_class="PriceClass_100",
            origins=[
                {
                    "origin_id": origin,
                    "domain_name": self._balancer.dns_name,
                    "custom_origin_config": {
                        "http_port": 80,
                        "https_port": 443,
                        "origin_protocol_policy": "http-only",
                        "origin_ssl_protocols": ["TLSv1.2"],
                        "origin_read_timeout": 60,
                        "origin_keepalive_timeout": 55,
                    },
                    "custom_headers": [{"name": ORIGIN_HEADER, "value": key.result}],
                }
            ],
            default_cache_behavior={
                "target_origin_id": origin,
                "viewer_protocol_policy": "redirect-to-https",
                "allowed_methods": ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"],
                "cached_methods": ["GET", "HEAD"],
                "compress": True,
                "cache_policy_id": CACHING_DISABLED,
                "origin_request_policy_id": ALL_VIEWER_AND_CLOUDFRONT_HEADERS,
            },
            ordered_cache_behaviors=[
                {
                    "path_pattern": "/static/*",
                    "target_origin_id": origin,
                    "viewer_protocol_policy": "redirect-to-https",
                    "allowed_methods": ["GET", "HEAD"],
                    "cached_methods": ["GET", "HEAD"],
                    "compress": True,
                    "cache_policy_id": CACHING_OPTIMIZED,
                    "origin_request_policy_id": ALL_VIEWER_AND_CLOUDFRONT_HEADERS,
                }
            ],
            restrictions={"geo_restriction": {"restriction_type": "none"}},
            viewer_certificate={"cloudfront_default_certificate": True},
            tags=tags(settings),
            opts=self._own,
        )
        domain: pulumi.Output[str] = distribution.domain_name
        return domain

    def _admit(
        self,
        name: str,
        network: Network,
        port: int,
        cidr_ipv4: str | None = None,
        prefix_list_id: pulumi.Input[str] | None = None,
    ) -> None:
        aws.vpc.SecurityGroupIngressRule(
            f"{name}-admits-{port}",
            security_group_id=network.load_balancer_group,
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
            cidr_ipv4=cidr_ipv4,
            prefix_list_id=prefix_list_id,
            tags=tags(self._settings, f"admits-{port}"),
            opts=self._own,
        )
