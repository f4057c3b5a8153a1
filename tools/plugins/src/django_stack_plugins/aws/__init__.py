"""pulumi-resource-aws: the types and functions that django-stack's cloud stack uses, for an AWS emulator.

`base` has what all types have in common, in the terms of `calls`, `shapes` and `tags`; the tables are one module a
service. Real calls of AWS's API, by boto3.
"""

from django_stack_plugins.aws import (
    balancer,
    billing,
    cache,
    cdn,
    database,
    delivery,
    domain,
    edge,
    events,
    firewall,
    groups,
    mail,
    monitoring,
    network,
    registry,
    rights,
    scaling,
    scheduler,
    secret,
    storage,
    tasks,
)
from django_stack_plugins.aws.base import AWSResource
from django_stack_plugins.aws.functions import functions
from django_stack_plugins.aws.session import Session
from django_stack_plugins.server import serve_provider

VERSION = "7.51.1"

TYPES: tuple[type[AWSResource], ...] = (
    network.Vpc,
    network.Subnet,
    network.InternetGateway,
    network.NatGateway,
    network.RouteTable,
    network.Route,
    network.RouteTableAssociation,
    network.VpcEndpoint,
    network.FlowLog,
    groups.SecurityGroup,
    groups.DefaultSecurityGroup,
    groups.IngressRule,
    groups.EgressRule,
    registry.Repository,
    registry.LifecyclePolicy,
    tasks.Cluster,
    tasks.TaskDefinition,
    tasks.Service,
    database.SubnetGroup,
    database.ParameterGroup,
    database.Instance,
    cache.CacheSubnetGroup,
    cache.CacheParameterGroup,
    cache.ReplicationGroup,
    mail.EmailIdentity,
    balancer.LoadBalancer,
    balancer.TargetGroup,
    balancer.Listener,
    cdn.VpcOrigin,
    cdn.Distribution,
    cdn.OriginAccessControl,
    cdn.ResponseHeadersPolicy,
    edge.Function,
    edge.KeyValueStore,
    firewall.WebAcl,
    delivery.LogDeliverySource,
    delivery.LogDeliveryDestination,
    delivery.LogDelivery,
    domain.Record,
    domain.Certificate,
    domain.CertificateValidation,
    storage.Bucket,
    storage.PublicAccessBlock,
    storage.OwnershipControls,
    storage.Encryption,
    storage.Cors,
    storage.Versioning,
    storage.Lifecycle,
    storage.Logging,
    storage.BucketPolicy,
    rights.Role,
    rights.RolePolicy,
    monitoring.LogGroup,
    monitoring.MetricAlarm,
    monitoring.Dashboard,
    monitoring.Topic,
    monitoring.TopicPolicy,
    monitoring.TopicSubscription,
    events.EventRule,
    events.EventTarget,
    billing.Budget,
    secret.Secret,
    secret.SecretVersion,
    scaling.Target,
    scaling.Policy,
    scheduler.ScheduleGroup,
    scheduler.Schedule,
)


def main() -> None:
    """Console script."""
    session = Session()
    serve_provider(VERSION, [kind(session) for kind in TYPES], session, functions(session))
