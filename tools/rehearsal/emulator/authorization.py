"""What AWS asks of a caller's policy for a call: actions, each on resources and under conditions.

Which resources an action is asked of, and what it asks besides, stands in AWS's service authorization reference:
https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
Nothing here knows the emulator; tools/rehearsal/overrides/permissions.py does.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from tools.rehearsal.emulator.dependent_actions import DEPENDENT, SERVICE_LINKED_ROLES

# The action that a call asks besides its own when it gives tags to what it makes, by service; it is listed as a
# dependent action on the service's page of the reference.
TAGGING = {
    "acm": "AddTagsToCertificate",
    "application-autoscaling": "TagResource",
    "budgets": "TagResource",
    "cloudfront": "TagResource",
    "cloudwatch": "TagResource",
    "ecr": "TagResource",
    "ecs": "TagResource",
    "elasticache": "AddTagsToResource",
    "elasticloadbalancing": "AddTags",
    "events": "TagResource",
    "iam": "TagRole",
    "logs": "TagResource",
    "rds": "AddTagsToResource",
    "secretsmanager": "TagResource",
    "ses": "TagResource",
    "sns": "TagResource",
    "wafv2": "TagResource",
}
# The parameter that holds a request's XML document.
TEXT = "text"
CREATING_VERBS = ("Create", "Put", "Register", "Request", "Run")
# EC2's types by how their ids begin: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/resource-ids.html
EC2 = {
    "eipalloc": "elastic-ip",
    "fl": "vpc-flow-log",
    "igw": "internet-gateway",
    "nat": "natgateway",
    "pl": "prefix-list",
    "rtb": "route-table",
    "sg": "security-group",
    "sgr": "security-group-rule",
    "subnet": "subnet",
    "vpc": "vpc",
    "vpce": "vpc-endpoint",
}
CREATED_TYPES = {
    "CreateFlowLogs": "vpc-flow-log",
    "CreateInternetGateway": "internet-gateway",
    "CreateNatGateway": "natgateway",
    "CreateRouteTable": "route-table",
    "CreateSecurityGroup": "security-group",
    "CreateSubnet": "subnet",
    "CreateVpc": "vpc",
    "CreateVpcEndpoint": "vpc-endpoint",
    "AuthorizeSecurityGroupEgress": "security-group-rule",
    "AuthorizeSecurityGroupIngress": "security-group-rule",
}
# Of EC2's parameters, those that name what an action is not asked of: where a route leads to.
IGNORED_PARAMETERS = {"GatewayId", "DestinationPrefixListId"}
# ECS's actions, the type that they are asked of, and the parameters that name it.
ECS_NAMES = {
    "CreateCluster DeleteCluster DescribeClusters UpdateCluster": (
        "cluster/{name}",
        ("cluster", "clusterName", "clusters"),
    ),
    "CreateService DeleteService DescribeServices UpdateService": (
        "service/{cluster}/{name}",
        ("service", "serviceName", "services"),
    ),
    "DescribeTasks ExecuteCommand StopTask": ("task/{cluster}/{name}", ("task", "tasks")),
    "RunTask": ("task-definition/{name}", ("taskDefinition",)),
    "RegisterTaskDefinition": ("task-definition/{name}:*", ("family",)),
}
CACHE_NAMES = {
    "CacheClusterId": "cluster",
    "CacheParameterGroupName": "parametergroup",
    "CacheSubnetGroupName": "subnetgroup",
    "ReplicationGroupId": "replicationgroup",
}
RDS_NAMES = {
    "DBInstanceIdentifier": "db",
    "DBParameterGroupName": "pg",
    "DBSnapshotIdentifier": "snapshot",
    "DBSubnetGroupName": "subgrp",
    "OptionGroupName": "og",
    "SourceDBInstanceIdentifier": "db",
    "TargetDBInstanceIdentifier": "db",
}


class State(Protocol):
    """What is known of the account."""

    def boundary_of(self, role: str) -> str:
        """The ARN of the permissions boundary of a role; nothing for none."""

    def roles_of(self, definition: str) -> list[str]:
        """The ARNs of the roles in a task definition that is named by family, family:revision or ARN."""

    def route_table_of(self, association: str) -> list[str]:
        """The ids of the route table and the subnet of an association."""


@dataclass(frozen=True)
class Call:
    """One call. `parameters` are those of the request, by name, the numbers of lists left out: `Tag.Key`."""

    action: str  # "ecs:UpdateService"
    region: str
    account: str
    parameters: Mapping[str, list[str]] = field(default_factory=dict)
    resource: str = "*"  # where the request names it in a path

    @property
    def service(self) -> str:
        return self.action.partition(":")[0]

    @property
    def name(self) -> str:
        return self.action.partition(":")[2]

    def get(self, *names: str) -> list[str]:
        """The values of these parameters."""
        return [value for name in names for value in self.parameters.get(name, ())]

    def arn(self, rest: str, service: str = "") -> str:
        return f"arn:aws:{service or self.service}:{self.region}:{self.account}:{rest}"


@dataclass(frozen=True)
class PermissionCheck:
    """May the caller do `action` on `resource`, where the keys of `context` have these values?"""

    action: str
    resource: str
    context: Mapping[str, str] = field(default_factory=dict)


def action_of(action: str) -> str:
    """The action in IAM for a call; it has the call's name but for these."""
    name = action.partition(":")[2]
    if action.startswith("budgets:") and name.endswith(("Budget", "Budgets", "Subscriber", "Notification")):
        return "budgets:ViewBudget" if name.startswith("Describe") else "budgets:ModifyBudget"
    return action


def parameters(query: Mapping[str, Any], document: Any) -> dict[str, list[str]]:
    """The parameters of a request: of its query or form, and of its JSON document."""
    found: dict[str, list[str]] = {}

    def add(name: str, value: Any) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                add(f"{name}.{key}" if name else str(key), inner)
        elif isinstance(value, list):
            for inner in value:
                add(name, inner)
        elif value is not None:
            found.setdefault(name, []).append(str(value))

    for name, value in query.items():
        add(re.sub(r"\.(member|\d+)(?=\.|$)", "", str(name)), value)
    add("", document)
    return found


def in_path(service: str, path: str, account: str) -> str:
    """The ARN of CloudFront's function or key-value store that a request's path names; nothing for another path.

    AWS gives a store's ARN an id, MiniStack its name.
    """
    found = re.match(r"/[0-9-]+/(function|key-value-store)/([^/]+)", path) if service == "cloudfront" else None
    return f"arn:aws:cloudfront::{account}:{found[1]}/{found[2]}" if found else ""


def permission_checks(call: Call, state: State) -> Iterator[PermissionCheck]:
    """All that AWS asks for a call."""
    resources = list(dict.fromkeys(_RESOURCES.get(call.service, _named_resources)(call, state))) or ["*"]
    context = _role_context(call, state) if call.service == "iam" else {}
    for resource in resources:
        yield PermissionCheck(action_of(call.action), resource, context)
    yield from _tags(call, resources)
    for role in _passed_roles(call, state):
        yield PermissionCheck("iam:PassRole", role, {"iam:PassedToService": "ecs-tasks.amazonaws.com"})
    if service := SERVICE_LINKED_ROLES.get(call.action):
        role = f"arn:aws:iam::{call.account}:role/aws-service-role/{service}/AWSServiceRole"
        yield PermissionCheck("iam:CreateServiceLinkedRole", role, {"iam:AWSServiceName": service})
    for actions in DEPENDENT.get(call.action, {}):
        for action in actions.split():
            for resource in _resources_of_dependent(call, action):
                yield PermissionCheck(action, resource)


def _resources_of_dependent(call: Call, action: str) -> list[str]:
    """The resources that a dependent action is asked of; those of IAM come with conditions, elsewhere in here."""
    if action.startswith("iam:"):
        return []
    if action == "ec2:GetSecurityGroupsForVpc":
        return [call.arn("vpc/*", "ec2")]
    if action.startswith("wafv2:"):  # of the firewall that the request names, if it does
        return [arn for text in call.get(TEXT) for arn in re.findall(r"arn:aws:wafv2:[^<\s]+", text)]
    if action == "cloudfront:AllowVendedLogDeliveryForResource":
        return call.get("resourceArn")
    return ["*"]


def _tags(call: Call, resources: list[str]) -> Iterator[PermissionCheck]:
    if call.service == "ec2" and call.name in CREATED_TYPES and call.get("TagSpecification.Tag.Key"):
        yield PermissionCheck(
            "ec2:CreateTags", call.arn(f"{CREATED_TYPES[call.name]}/*"), {"ec2:CreateAction": call.name}
        )
    tagged = any(name.lower().startswith(("tags.", "tag.")) for name in call.parameters)
    tagged = tagged or any("<Tag>" in text for text in call.get(TEXT))
    if call.name == "RunTask":  # also for those of its definition, which it passes on
        if tagged or {*call.get("propagateTags")} - {"NONE"}:
            yield PermissionCheck(
                "ecs:TagResource", call.arn(f"task/{_cluster(call)}/*"), {"ecs:CreateAction": call.name}
            )
    elif tagged and call.name.startswith(CREATING_VERBS) and call.service in TAGGING:
        for resource in resources:
            yield PermissionCheck(f"{call.service}:{TAGGING[call.service]}", resource)


def _passed_roles(call: Call, state: State) -> list[str]:
    if call.action == "ecs:RegisterTaskDefinition":
        return call.get("taskRoleArn", "executionRoleArn")
    if call.action == "ecs:RunTask":
        roles = [role for definition in call.get("taskDefinition") for role in state.roles_of(definition)]
        return [*roles, *call.get("overrides.taskRoleArn")]
    return []


def _role_context(call: Call, state: State) -> dict[str, str]:
    given = call.get("PermissionsBoundary")
    boundary = given[0] if given else state.boundary_of(*call.get("RoleName")[:1] or [""])
    return {"iam:PermissionsBoundary": boundary} if boundary else {}


def _named_resources(call: Call, _: State) -> list[str]:
    """The ARNs that the request gives, or what its path names."""
    if call.action == "cloudfront:CreateVpcOrigin":  # the reference names no type for it
        return ["*"]
    mark = f"arn:aws:{call.service}:"
    return [
        value for name, values in call.parameters.items() for value in values if "." not in name and mark in value[:40]
    ] or [call.resource]


def _ec2(call: Call, state: State) -> Iterator[str]:
    if call.name.startswith(("Describe", "Get")):
        return
    # What revokes a rule is asked of its group alone.
    ignored = IGNORED_PARAMETERS | ({"SecurityGroupRuleId"} if call.name.startswith("Revoke") else set())
    ids = [
        value
        for name, values in call.parameters.items()
        for value in values
        if ("." not in name or name.endswith("SecurityGroupRuleId")) and name not in ignored
    ]
    ids += [one for association in call.get("AssociationId") for one in state.route_table_of(association)]
    for value in ids:
        kind = EC2.get(value.partition("-")[0])
        if kind and re.fullmatch(r"[a-z]+-[0-9a-f]+", value):
            yield call.arn(f"{kind}/{value}")
    if call.name in CREATED_TYPES:
        yield call.arn(f"{CREATED_TYPES[call.name]}/*")


def _ecs(call: Call, state: State) -> list[str]:
    if call.name.endswith("Resource"):
        return _named_resources(call, state)
    cluster = _cluster(call)
    kind, names = next((found for action, found in ECS_NAMES.items() if call.name in action.split()), ("", ()))
    return [call.arn(kind.format(cluster=cluster, name=value.rpartition("/")[2])) for value in call.get(*names)] or [
        "*"
    ]


def _cluster(call: Call) -> str:
    return (call.get("cluster") or ["default"])[0].rpartition("/")[2]


def _rds(call: Call, state: State) -> list[str]:
    found = [call.arn(f"{kind}:{name}") for key, kind in RDS_NAMES.items() for name in call.get(key)]
    if call.name == "CreateDBInstance" and not call.get("OptionGroupName"):
        found.append(call.arn("og:default"))
    return found or _named_resources(call, state)


def _caches(call: Call, state: State) -> list[str]:
    found = [call.arn(f"{kind}:{name}") for key, kind in CACHE_NAMES.items() for name in call.get(key)]
    return found or _named_resources(call, state)


def _senders(call: Call, state: State) -> list[str]:
    return [call.arn(f"identity/{name}") for name in call.get("EmailIdentity")] or _named_resources(call, state)


def _balancers(call: Call, state: State) -> list[str]:
    if call.name.startswith("Describe"):  # whatever the call names
        return ["*"]
    kind = {"CreateLoadBalancer": "loadbalancer/app", "CreateTargetGroup": "targetgroup"}.get(call.name)
    if kind:
        return [call.arn(f"{kind}/{name}/*") for name in call.get("Name")]
    return _named_resources(call, state)


def _alarms(call: Call, state: State) -> list[str]:
    if call.name == "DescribeAlarms":  # asks whether all may be seen
        return ["*"]
    if "Dashboard" in call.name:
        names = call.get("DashboardName", "DashboardNames")
        return [f"arn:aws:cloudwatch::{call.account}:dashboard/{name}" for name in names]
    return [call.arn(f"alarm:{name}") for name in call.get("AlarmName", "AlarmNames")] or _named_resources(call, state)


def _logs(call: Call, state: State) -> list[str]:
    if call.name.endswith(("DeliverySource", "DeliveryDestination")):
        kind = "delivery-source" if call.name.endswith("Source") else "delivery-destination"
        return [call.arn(f"{kind}:{name}") for name in call.get("name")]
    if call.name == "CreateDelivery":
        sources = [call.arn(f"delivery-source:{name}") for name in call.get("deliverySourceName")]
        return [*sources, *call.get("deliveryDestinationArn"), call.arn("delivery:*")]
    if call.name.endswith("Delivery"):
        return [call.arn(f"delivery:{name}") for name in call.get("id")]
    groups = [call.arn(f"log-group:{name}") for name in call.get("logGroupName")]
    streams = call.get("logStreamName")
    return (
        [f"{group}:log-stream:{stream}" for group in groups for stream in streams]
        or groups
        or _named_resources(call, state)
    )


def _repositories(call: Call, state: State) -> list[str]:
    return [
        call.arn(f"repository/{name}") for name in call.get("repositoryName", "repositoryNames")
    ] or _named_resources(call, state)


def _rules(call: Call, state: State) -> list[str]:
    """Those of EventBridge's default bus, whose ARNs don't name it."""
    return [call.arn(f"rule/{name}") for name in call.get("Name", "Rule")] or _named_resources(call, state)


def _budgets(call: Call, state: State) -> list[str]:
    names = call.get("BudgetName", "Budget.BudgetName")
    return [f"arn:aws:budgets::{call.account}:budget/{name}" for name in names] or _named_resources(call, state)


def _roles(call: Call, _: State) -> list[str]:
    return [f"arn:aws:iam::{call.account}:role/{name}" for name in call.get("RoleName")] or [call.resource]


_RESOURCES: dict[str, Callable[[Call, State], Any]] = {
    "budgets": _budgets,
    "cloudwatch": _alarms,
    "ec2": _ec2,
    "ecr": _repositories,
    "ecs": _ecs,
    "elasticache": _caches,
    "elasticloadbalancing": _balancers,
    "events": _rules,
    "iam": _roles,
    "logs": _logs,
    "rds": _rds,
    "ses": _senders,
}
