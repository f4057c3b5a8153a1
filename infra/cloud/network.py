"""The stack's own network in two or more zones, without NAT gateways, and the cluster in it."""

from collections.abc import Mapping
from ipaddress import IPv4Network

import pulumi
import pulumi_aws as aws

from infra.cloud.groups import allow, make_group
from infra.cloud.logs import LogBucket
from infra.cloud.settings import CloudSettings
from infra.cloud.sizes import ZONES
from infra.cloud.tags import tags
from infra.cloud.zones import usable
from infra.reserved import PORT

DATABASE_PORT = 5432


class Network(pulumi.ComponentResource):
    """A VPC: public subnets for the tasks, private ones for the load balancer and the database; and the ECS cluster.

    A subnet's name and addresses follow from the letter of its zone. So zones can be added while the stack runs, or
    removed if the database isn't in them (preflight), and the subnets of the other zones stay the same.
    Tasks have public addresses to reach AWS's services, but admit only the load balancer; with `nat-gateway` they have
    none, and the public subnets lead to the gateway. Neither
    is in a zone that CloudFront or Fargate lacks; the database may be.
    Exposes `id`, `account`, `log_bucket` (if a setting asks for such logs), subnet ids (`public` for the tasks,
    `internal` for the load balancer, `private` for the database), `load_balancer_group`, `app_group`, `database_group`
    (security group ids), `cluster` (name) and `cluster_arn`.
    """

    def __init__(self, name: str, settings: CloudSettings, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("django-stack:cloud:Network", name, None, opts)
        self._settings = settings
        self._own = own = pulumi.ResourceOptions(parent=self)
        vpc = aws.ec2.Vpc(
            name,
            cidr_block=settings.address_block,
            enable_dns_support=True,
            enable_dns_hostnames=True,
            tags=tags(settings),
            opts=own,
        )
        self.id: pulumi.Output[str] = vpc.id
        self.account: pulumi.Output[str] = vpc.owner_id
        # AWS makes this group with each network, puts into it whatever names no group, and lets its members reach each
        # other. Here it has no rules. It has no tags, since whoever deploys may set them only on what is being made.
        aws.ec2.DefaultSecurityGroup(f"{name}-default", vpc_id=vpc.id, ingress=[], egress=[], opts=own)
        self.log_bucket = LogBucket("logs", settings, vpc.owner_id, opts=own) if settings.logs_to_bucket else None
        if self.log_bucket and settings.flow_logs:
            aws.ec2.FlowLog(
                f"{name}-flow-log",
                vpc_id=vpc.id,
                traffic_type="ALL",
                log_destination_type="s3",
                log_destination=pulumi.Output.concat(self.log_bucket.arn, "/network"),
                max_aggregation_interval=600,  # seconds; every minute would be several times as many lines
                tags=tags(settings),
                opts=own,
            )
        gateway = aws.ec2.InternetGateway(f"{name}-gateway", vpc_id=vpc.id, tags=tags(settings), opts=own)
        routes = aws.ec2.RouteTable(f"{name}-public", vpc_id=vpc.id, tags=tags(settings, "public"), opts=own)
        # One for all zones, which needs no subnet and brings its own addresses:
        # https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateways-regional.html
        nat = (
            aws.ec2.NatGateway(
                f"{name}-nat",
                vpc_id=vpc.id,
                availability_mode="regional",
                connectivity_type="public",
                tags=tags(settings),
                opts=pulumi.ResourceOptions(parent=self, depends_on=[gateway]),
            )
            if settings.nat_gateway
            else None
        )
        to_world = aws.ec2.Route(
            f"{name}-to-world",
            route_table_id=routes.id,
            destination_cidr_block="0.0.0.0/0",
            gateway_id=None if nat else gateway.id,
            nat_gateway_id=nat.id if nat else None,
            opts=own,
        )
        # The private subnets have a table of their own, with no route out of the network.
        private_routes = aws.ec2.RouteTable(f"{name}-private", vpc_id=vpc.id, tags=tags(settings, "private"), opts=own)
        aws.ec2.VpcEndpoint(
            f"{name}-s3",  # a gateway endpoint is free, and keeps traffic to the bucket in AWS's network
            vpc_id=vpc.id,
            service_name=f"com.amazonaws.{settings.region}.s3",
            vpc_endpoint_type="Gateway",
            route_table_ids=[routes.id],
            tags=tags(settings, "s3"),
            opts=own,
        )
        zones, for_the_site = _zones(settings, self)
        blocks = [str(block) for block in IPv4Network(settings.address_block).subnets(prefixlen_diff=4)]
        public, private = (dict(zip(ZONES, half, strict=True)) for half in (blocks[:8], blocks[8:]))
        self.public = [self._subnet(f"{name}-public", zone, public, routes) for zone in for_the_site]
        by_zone = {zone: self._subnet(f"{name}-private", zone, private, private_routes) for zone in zones}
        self.private = list(by_zone.values())
        self.internal = [by_zone[zone] for zone in for_the_site]
        self.load_balancer_group = self._group(name, "load-balancer", "What may reach the load balancer")
        self.app_group = self._group(name, "app", "The tasks: only the load balancer may reach them")
        self.database_group = self._group(name, "database", "The database: only the tasks may reach it")
        self._between(name, "load-balancer-to-app", self.load_balancer_group, self.app_group, PORT)
        self._between(name, "app-to-database", self.app_group, self.database_group, DATABASE_PORT)
        # Tasks reach images, secrets and logs at AWS's public addresses, mail, and whatever else the app uses.
        aws.vpc.SecurityGroupEgressRule(
            f"{name}-app-to-world",
            security_group_id=self.app_group,
            ip_protocol="-1",
            cidr_ipv4="0.0.0.0/0",
            tags=tags(settings, "app-to-world"),
            opts=own,
        )
        cluster = aws.ecs.Cluster(
            f"{name}-cluster",
            name=settings.prefix,
            settings=[{"name": "containerInsights", "value": settings.container_insights}],  # billed by the metric
            tags=tags(settings),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[to_world]),
        )
        self.cluster: pulumi.Output[str] = cluster.name
        self.cluster_arn: pulumi.Output[str] = cluster.arn
        self.register_outputs({"id": self.id})

    def _subnet(
        self, kind: str, zone: str, blocks: Mapping[str, str], routes: aws.ec2.RouteTable
    ) -> pulumi.Output[str]:
        """The id of a subnet in one zone; `blocks` has the addresses by the letter of a zone."""
        name = f"{kind}-{zone[-1]}"
        subnet = aws.ec2.Subnet(
            name,
            vpc_id=self.id,
            cidr_block=blocks[zone[-1]],
            availability_zone=zone,
            map_public_ip_on_launch=False,  # tasks request theirs
            tags=tags(self._settings, name.removeprefix("network-")),
            opts=self._own,
        )
        aws.ec2.RouteTableAssociation(f"{name}-routes", subnet_id=subnet.id, route_table_id=routes.id, opts=self._own)
        return subnet.id

    def _group(self, name: str, part: str, description: str) -> pulumi.Output[str]:
        return make_group(f"{name}-{part}", part, description, self._settings, self.id, self._own)

    def _between(self, name: str, part: str, source: pulumi.Output[str], target: pulumi.Output[str], port: int) -> None:
        allow(f"{name}-{part}", part, source, target, port, self._settings, self._own)


def _zones(settings: CloudSettings, parent: pulumi.Resource) -> tuple[list[str], list[str]]:
    """The sorted zones of the settings, or else the region's first two usable ones; and those of them that are usable.

    Both are known already in a preview.
    """
    region = aws.get_availability_zones(
        # In any state: nothing may move because its zone is impaired for an hour.
        filters=[{"name": "zone-type", "values": ["availability-zone"]}],
        opts=pulumi.InvokeOptions(parent=parent),
    )
    ids = dict(zip(region.names, region.zone_ids, strict=True))
    zones = sorted(set(settings.zones)) or usable(ids.items())[:2]
    return zones, usable((zone, ids.get(zone, "")) for zone in zones)
