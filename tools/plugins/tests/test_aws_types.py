"""The life of a resource of each type, against an AWS that answers as the real one does, as far as moto knows it."""

from collections.abc import Callable
from typing import Any

import pytest
from aws_account import KINDS, Account
from aws_edge_samples import MANAGED, group, limit
from aws_monitoring_samples import SENDS, TAGS, policy, task_target
from aws_samples import BEHAVIOR, SAMPLES, TRUST, expiry

# What moto doesn't know at all; tests/rehearsal of django-stack has them on another emulator.
UNKNOWN_TO_MOTO = {
    *("Budget", "CacheParameterGroup", "CacheSubnetGroup", "EmailIdentity", "NatGateway", "ReplicationGroup"),
    *("Function", "KeyValueStore", "ResponseHeadersPolicy", "Target", "VpcOrigin"),
}
TYPES = sorted(SAMPLES.keys() - UNKNOWN_TO_MOTO)
TAGGED = [name for name in TYPES if KINDS[name].tagging]
# Inputs that moto forgets.
FORGOTTEN = {
    "Service": {"alarms", "deploymentMaximumPercent", "deploymentMinimumHealthyPercent"},
}
# What stays when its resource is deleted: AWS has no deletion of them, or the sample says so.
STAYS = {"CertificateValidation", "DefaultSecurityGroup", "SecretVersion", "TopicPolicy", "Versioning"}


def test_there_is_a_sample_of_each_type() -> None:
    assert set(SAMPLES) == set(KINDS)


@pytest.mark.parametrize("name", TYPES)
def test_what_was_made_is_what_was_asked_for_and_goes_again(name: str, account: Account) -> None:
    thing = account.sample(name)
    assert {change.path for change in thing.changes()} <= FORGOTTEN.get(name, set())
    missing = {output for output in thing.kind.computed if thing.state.get(output) is None}
    assert not missing, "outputs that it has not"
    thing.delete()
    assert name in STAYS or thing.read() is None
    thing.delete()  # of what is gone: no error


@pytest.mark.parametrize("name", TAGGED)
def test_tags_are_changed_added_and_taken_away(name: str, account: Account) -> None:
    thing = account.sample(name)
    assert thing.state["tagsAll"] == TAGS
    thing.update(tags={"Name": "other", "new": "1"})
    real = thing.read() or {}
    assert real["tags"] == real["tagsAll"] == {"Name": "other", "new": "1"}
    thing.update(tags=None)
    assert (thing.read() or {})["tagsAll"] == {}


def without_address(target: dict[str, Any]) -> dict[str, Any]:
    """The same target, its tasks without public addresses."""
    target["ecsParameters"]["networkConfiguration"]["assignPublicIp"] = False
    return target


CHANGES: list[tuple[str, Callable[[Account], dict[str, Any]]]] = [
    ("Vpc", lambda _: {"enableDnsHostnames": False}),
    ("Vpc", lambda _: {"enableDnsSupport": False}),
    ("Subnet", lambda _: {"mapPublicIpOnLaunch": True}),
    ("IngressRule", lambda _: {"fromPort": 82, "toPort": 83}),
    ("RouteTableAssociation", lambda account: {"routeTableId": account.other("RouteTable").id}),
    ("VpcEndpoint", lambda account: {"routeTableIds": [account.other("RouteTable").id]}),
    ("Repository", lambda _: {"imageTagMutability": "MUTABLE"}),
    ("Repository", lambda _: {"imageScanningConfiguration": {"scanOnPush": False}}),
    ("LifecyclePolicy", lambda _: {"policy": expiry(31)}),
    ("Role", lambda _: {"assumeRolePolicy": policy({**TRUST, "Principal": {"Service": "ec2.amazonaws.com"}})}),
    ("Role", lambda _: {"permissionsBoundary": "arn:aws:iam::aws:policy/ReadOnlyAccess"}),
    ("Role", lambda _: {"permissionsBoundary": None}),
    ("RolePolicy", lambda _: {"policy": policy({"Effect": "Deny", "Action": "*", "Resource": "*"})}),
    ("LogGroup", lambda _: {"retentionInDays": 14}),
    ("MetricAlarm", lambda _: {"threshold": 81.5, "comparisonOperator": "LessThanThreshold"}),
    ("MetricAlarm", lambda _: {"dimensions": {"DBInstanceIdentifier": "other"}}),
    (
        "MetricAlarm",
        lambda _: {"statistic": None, "extendedStatistic": "p95", "evaluateLowSampleCountPercentiles": "ignore"},
    ),
    ("TopicPolicy", lambda account: {"policy": policy({**SENDS, "Sid": "B", "Resource": account.sample("Topic").id})}),
    ("Dashboard", lambda _: {"dashboardBody": '{"widgets": [{"type": "text"}]}'}),
    ("EventRule", lambda _: {"description": "other", "eventPattern": '{"source": ["aws.rds"]}'}),
    ("EventTarget", lambda _: {"inputTransformer": {"inputPaths": {"x": "$.id"}, "inputTemplate": '"<x>"'}}),
    ("EventTarget", lambda account: {"arn": account.make("Topic", {"name": "other"}).id}),
    ("Schedule", lambda _: {"scheduleExpression": "cron(0 4 * * ? *)", "scheduleExpressionTimezone": "UTC"}),
    ("Schedule", lambda _: {"state": "DISABLED", "description": "other"}),
    ("Schedule", lambda account: {"target": task_target(account, "sweep", "--all")}),
    ("Schedule", lambda account: {"target": without_address(task_target(account, "sweep"))}),
    ("Secret", lambda _: {"description": "Other variables"}),
    ("Service", lambda _: {"desiredCount": 2}),
    ("ParameterGroup", lambda _: {"parameters": [{"name": "rds.force_ssl", "value": "0", "applyMethod": "immediate"}]}),
    ("Instance", lambda _: {"allocatedStorage": 30, "multiAz": True}),
    ("Instance", lambda _: {"enabledCloudwatchLogsExports": ["upgrade"]}),
    ("Instance", lambda _: {"identifier": "renamed"}),
    ("Instance", lambda _: {"backupRetentionPeriod": 8, "copyTagsToSnapshot": False}),
    ("LoadBalancer", lambda _: {"idleTimeout": 61, "dropInvalidHeaderFields": False}),
    (
        "LoadBalancer",
        lambda account: {"accessLogs": {"bucket": account.sample("Bucket").id, "prefix": "lb", "enabled": True}},
    ),
    (
        "LoadBalancer",
        lambda account: {
            "securityGroups": [account.make("SecurityGroup", {"name": "b", "vpcId": account.sample("Vpc").id}).id]
        },
    ),
    ("TargetGroup", lambda _: {"deregistrationDelay": 31}),
    ("TargetGroup", lambda _: {"healthCheck": {"path": "/other", "matcher": "200-299", "interval": 16, "timeout": 6}}),
    (
        "Listener",
        lambda _: {
            "defaultActions": [
                {"type": "redirect", "redirect": {"protocol": "HTTPS", "port": "443", "statusCode": "HTTP_301"}}
            ]
        },
    ),
    ("Distribution", lambda _: {"aliases": ["www.example.com", "example.com"]}),
    ("Distribution", lambda _: {"originGroups": [group(403, 404)]}),
    ("Distribution", lambda _: {"comment": "other", "priceClass": "PriceClass_All"}),
    (
        "Distribution",
        lambda _: {"defaultCacheBehavior": {**BEHAVIOR, "allowedMethods": ["GET", "HEAD"], "compress": False}},
    ),
    ("WebAcl", lambda _: {"rules": [MANAGED, limit(100)]}),
    ("WebAcl", lambda _: {"rules": [limit(2000)], "defaultAction": {"block": {}}}),
    (
        "LogDeliveryDestination",
        lambda account: {
            "deliveryDestinationConfiguration": {
                "destinationResourceArn": f"arn:aws:s3:::{account.sample('Bucket').id}/b"
            }
        },
    ),
    ("OriginAccessControl", lambda _: {"signingBehavior": "never"}),
    ("OwnershipControls", lambda _: {"rule": {"objectOwnership": "BucketOwnerPreferred"}}),
    ("PublicAccessBlock", lambda _: {"blockPublicAcls": False}),
    ("Cors", lambda _: {"corsRules": [{"allowedMethods": ["GET"], "allowedOrigins": ["https://other.example.com"]}]}),
    ("Logging", lambda _: {"targetPrefix": "other/"}),
    ("Versioning", lambda _: {"versioningConfiguration": {"status": "Suspended"}}),
    (
        "Lifecycle",
        lambda _: {
            "rules": [
                {
                    "id": "a",
                    "status": "Enabled",
                    "filter": {"prefix": "x/"},
                    "noncurrentVersionExpiration": {"noncurrentDays": 9},
                }
            ]
        },
    ),
    ("Record", lambda _: {"ttl": 60, "records": ["example.net"]}),
    ("Record", lambda _: {"type": "A", "records": ["192.0.2.1"]}),
    (
        "Record",
        lambda account: {
            "type": "A",
            "records": None,
            "ttl": None,
            "aliases": [
                {"name": "a.example.com", "zoneId": account.zone("example.com"), "evaluateTargetHealth": False}
            ],
        },
    ),
]


@pytest.mark.parametrize(("name", "news"), CHANGES, ids=[f"{name}-{index}" for index, (name, _) in enumerate(CHANGES)])
def test_a_change_in_place_arrives(name: str, news: Callable[[Account], dict[str, Any]], account: Account) -> None:
    thing = account.sample(name)
    inputs = news(account)
    changes = thing.changes(**inputs)
    assert changes, "no change is seen"
    assert not [change for change in changes if thing.kind.replaces(change)]
    before = thing.id
    thing.update(**inputs)
    assert {change.path for change in thing.changes()} <= FORGOTTEN.get(name, set())
    assert thing.id == before
