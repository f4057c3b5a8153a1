"""The cache, and a broker beside it: Valkey on ElastiCache, private, encrypted, only by TLS and with a password."""

import pulumi
import pulumi_aws as aws
import pulumi_random as random

from infra.cloud.context import CloudContext
from infra.cloud.groups import allow, make_group
from infra.cloud.tags import tags
from infra.dsn import CacheURL
from infra.services import BROKER, CACHE, EVICTION

PORT = 6379
ENGINE, VERSION, FAMILY = "valkey", "8.1", "valkey8"


class Cache(pulumi.ComponentResource):
    """One node of `cache-class` in the private subnets, or two in two zones with `cache-multi-az`; it admits only the
    tasks. Nothing of it is kept.

    It is no cluster, in which brokers don't work and which has one database only. Exposes `url` and `broker_url`, and
    the same as `host_url` and `host_broker_url`, since no other machine reaches it.
    """

    def __init__(self, name: str, context: CloudContext, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("django-stack:cloud:Cache", name, None, opts)
        settings, network = context.settings, context.network
        own = pulumi.ResourceOptions(parent=self)
        password = random.RandomPassword(f"{name}-password", length=32, special=False, opts=own).result
        group = make_group(
            f"{name}-group", "cache", "The cache: only the tasks may reach it", settings, network.id, own
        )
        allow(f"{name}-from-app", "app-to-cache", network.app_group, group, PORT, settings, own)
        subnets = aws.elasticache.SubnetGroup(
            f"{name}-subnets",
            name=settings.prefix,
            description=f"The private subnets of {settings.prefix}",
            subnet_ids=network.private,
            tags=tags(settings),
            opts=own,
        )
        parameters = aws.elasticache.ParameterGroup(
            f"{name}-parameters",
            name=f"{settings.prefix}-{FAMILY}",
            description=f"The cache of {settings.prefix}",
            family=FAMILY,
            parameters=[{"name": "maxmemory-policy", "value": EVICTION}],
            tags=tags(settings),
            opts=own,
        )
        cache = aws.elasticache.ReplicationGroup(
            name,
            replication_group_id=settings.prefix,
            description=f"The cache of {settings.prefix}",
            engine=ENGINE,
            engine_version=VERSION,
            auto_minor_version_upgrade=True,
            node_type=settings.cache_class,
            num_cache_clusters=settings.cache_nodes,
            automatic_failover_enabled=settings.cache_multi_az,
            multi_az_enabled=settings.cache_multi_az,
            port=PORT,
            parameter_group_name=parameters.name,
            subnet_group_name=subnets.name,
            security_group_ids=[group],
            at_rest_encryption_enabled=True,
            transit_encryption_enabled=True,
            transit_encryption_mode="required",
            auth_token=password,
            # Tasks of the version before keep the password that they have until they are gone.
            auth_token_update_strategy="ROTATE",  # noqa: S106
            snapshot_retention_limit=0,  # days
            apply_immediately=True,
            tags=tags(settings),
            # AWS raises the version by itself; going back to ours would replace the cache. Another class or number of
            # nodes copies every key, for which the provider has 40 minutes by itself.
            opts=pulumi.ResourceOptions(
                parent=self, custom_timeouts=pulumi.CustomTimeouts(update="2h"), ignore_changes=["engineVersion"]
            ),
        )

        def url(database: int, **options: str) -> pulumi.Output[str]:
            return pulumi.Output.secret(
                pulumi.Output.all(password, cache.primary_endpoint_address).apply(
                    lambda known: str(CacheURL(known[0], known[1], PORT, database, tls=True, options=options))
                )
            )

        # Without it, Celery's broker verifies no certificate, and its results refuse the address:
        # https://docs.celeryq.dev/en/stable/userguide/configuration.html#broker-use-ssl
        self.url, self.broker_url = url(CACHE), url(BROKER, ssl_cert_reqs="required")
        self.host_url, self.host_broker_url = self.url, self.broker_url
        self.register_outputs({"url": self.url, "broker_url": self.broker_url})
