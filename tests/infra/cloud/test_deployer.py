"""The policies in the docs for whoever deploys: they allow every call that is made, on the stack's own, and no more.

Which resources an action is asked of stands in cfn-lint's copy of AWS's service authorization reference.
"""

import json
from collections.abc import Iterator
from copy import deepcopy
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from typing import Any

import pytest

from tests.infra.cloud.aws_calls import CALLS, FUNCTIONS, LISTS, PROGRAMS
from tests.infra.cloud.variants import OTHER, VARIANTS, run_variant
from tests.infra.conftest import ROOT, Run
from tools.rehearsal.emulator.dependent_actions import DEPENDENT

WHERE = "us-east-1:123456789012"


# The types of EC2 that the program makes; all of them carry the tags of the stack.
EC2 = (
    "internet-gateway",
    "natgateway",
    "route-table",
    "security-group",
    "security-group-rule",
    "subnet",
    "vpc",
    "vpc-endpoint",
    "vpc-flow-log",
)


# What has the project's name in its own, and what has the project's tag. One document for both would be longer than IAM
# takes: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
DOCUMENTS = ("cloud-deployer-policy.json", "cloud-deployer-tags-policy.json")


def policy() -> dict[str, Any]:
    """What the policies in the docs allow together."""
    documents = [json.loads((ROOT / "docs" / name).read_text()) for name in DOCUMENTS]
    return {**documents[0], "Statement": [one for document in documents for one in document["Statement"]]}


@cache
def reference() -> dict[str, Any]:
    """AWS's services by prefix: their actions in small letters, each with the types of resources it is asked of."""
    text = (files("cfnlint") / "data" / "AdditionalSpecs" / "Policies.json").read_text()
    services: dict[str, Any] = json.loads(text)
    return services


def names(run: Run) -> dict[tuple[str, str], list[str]]:
    """The ARNs of what a run of the program makes, by service and type; a type without a name of its own isn't here."""
    cluster, service = run["network-cluster"].inputs["name"], run["web"].inputs["name"]
    balancer, database = run["address-load-balancer"].inputs["name"], run["database"].inputs
    prefix = cluster  # what all names of the stack begin with; the firewall is not in every run
    logs, repository = run["task-logs"].inputs["name"], run["image-repository"].inputs["name"]
    bucket = f"arn:aws:s3:::{run['media'].inputs['bucketPrefix']}20260101"
    front, ecs, rds = f"arn:aws:elasticloadbalancing:{WHERE}", f"arn:aws:ecs:{WHERE}", f"arn:aws:rds:{WHERE}"
    return {
        ("budgets", "budget"): [f"arn:aws:budgets::123456789012:budget/{cluster}-monthly"],
        ("cloudwatch", "dashboard"): [
            f"arn:aws:cloudwatch::123456789012:dashboard/{run['dashboard'].inputs['dashboardName']}"
        ],
        ("events", "rule-on-default-event-bus"): [
            f"arn:aws:events:{WHERE}:rule/{run['event-failed-release'].inputs['name']}"
        ],
        ("cloudwatch", "alarm"): [
            f"arn:aws:cloudwatch:{WHERE}:alarm:{run['alarm-no-task'].inputs['name']}",
            # The ones that autoscaling makes in the caller's name.
            f"arn:aws:cloudwatch:{WHERE}:alarm:TargetTracking-service/{cluster}/{service}-AlarmHigh-0a1b",
        ],
        **{("ec2", kind): [f"arn:aws:ec2:{WHERE}:{kind}/{kind}-0a1b"] for kind in EC2},
        ("acm", "certificate"): [f"arn:aws:acm:{WHERE}:certificate/0a1b"],
        ("cloudfront", "distribution"): ["arn:aws:cloudfront::123456789012:distribution/E1"],
        **{
            (service, "key-value-store"): ["arn:aws:cloudfront::123456789012:key-value-store/0a1b"]
            for service in ("cloudfront", "cloudfront-keyvaluestore")
        },
        ("cloudfront", "function"): [f"arn:aws:cloudfront::123456789012:function/{prefix}-maintenance"],
        ("cloudfront", "vpcorigin"): ["arn:aws:cloudfront::123456789012:vpcorigin/vo_1"],
        ("ecr", "repository"): [f"arn:aws:ecr:{WHERE}:repository/{repository}"],
        ("ecs", "cluster"): [f"{ecs}:cluster/{cluster}"],
        ("ecs", "service"): [f"{ecs}:service/{cluster}/{service}"],
        ("ecs", "task"): [f"{ecs}:task/{cluster}/0123456789abcdef"],
        ("ecs", "task-definition"): [f"{ecs}:task-definition/{run['task'].inputs['family']}:1"],
        ("elasticloadbalancing", "listener/app"): [f"{front}:listener/app/{balancer}/0a/1b"],
        ("elasticloadbalancing", "loadbalancer/app/"): [f"{front}:loadbalancer/app/{balancer}/0a"],
        ("elasticloadbalancing", "targetgroup"): [f"{front}:targetgroup/{run['address-targets'].inputs['name']}/0a"],
        ("iam", "role"): [
            f"arn:aws:iam::123456789012:role/{run[role].inputs['name']}"
            for role in ("task-app-role", "task-execution-role", "static-files-publisher", "schedules-role")
        ],
        ("logs", "log-group"): [
            f"arn:aws:logs:{WHERE}:log-group:{group.inputs['name']}:*"
            for group in run.of_type("aws:cloudwatch/logGroup:LogGroup")
        ],
        ("logs", "delivery"): ["arn:aws:logs:us-east-1:123456789012:delivery:0A1b"],
        **{
            ("logs", f"delivery-{end}"): [f"arn:aws:logs:us-east-1:123456789012:delivery-{end}:{prefix}"]
            for end in ("destination", "source")
        },
        ("logs", "log-stream"): [f"arn:aws:logs:{WHERE}:log-group:{logs}:log-stream:app/web/0a1b"],
        **{
            ("elasticache", kind): [f"arn:aws:elasticache:{WHERE}:{kind}:{prefix}{end}"]
            for kind, end in (
                ("cluster", "-001"),
                ("parametergroup", "-valkey8"),
                ("replicationgroup", ""),
                ("subnetgroup", ""),
            )
        },
        ("ses", "identity"): [f"arn:aws:ses:{WHERE}:identity/example.com"],
        ("rds", "db"): [f"{rds}:db:{database['identifier']}"],
        ("rds", "og"): [f"{rds}:og:default:postgres-17"],
        ("rds", "pg"): [f"{rds}:pg:{database['parameterGroupName']}"],
        ("rds", "snapshot"): [f"{rds}:snapshot:{database['finalSnapshotIdentifier']}"],
        ("rds", "subgrp"): [f"{rds}:subgrp:{database['dbSubnetGroupName']}"],
        ("route53", "hostedzone"): ["arn:aws:route53:::hostedzone/Z0123456789ABC"],
        ("scheduler", "schedule"): [
            f"arn:aws:scheduler:{WHERE}:schedule/{run['schedules-group'].inputs['name']}/{one.inputs['name']}"
            for one in run.of_type("aws:scheduler/schedule:Schedule")
        ],
        ("scheduler", "schedule-group"): [
            f"arn:aws:scheduler:{WHERE}:schedule-group/{run['schedules-group'].inputs['name']}"
        ],
        ("s3", "bucket"): [bucket],
        ("s3", "object"): [f"{bucket}/photos/cat.jpg"],
        ("secretsmanager", "secret"): [
            f"arn:aws:secretsmanager:{WHERE}:secret:{run['task-secret'].inputs['namePrefix']}20260101-AbCdEf"
        ],
        ("wafv2", "managedruleset"): ["arn:aws:wafv2:us-east-1:123456789012:global/managedruleset/AWS/Common"],
        ("wafv2", "webacl"): [f"arn:aws:wafv2:us-east-1:123456789012:global/webacl/{prefix}/0a1b"],
        ("ssm", "document"): ["arn:aws:ssm:us-east-1::document/AWS-StartPortForwardingSessionToRemoteHost"],
        ("ssm", "session"): [f"arn:aws:ssm:{WHERE}:session/${{aws:username}}-0a1b"],
        ("ssm", "task"): [f"{ecs}:task/{cluster}/0123456789abcdef"],
        ("sns", "topic"): [f"arn:aws:sns:{WHERE}:{run['alarms'].inputs['name']}"],
    }


def asked_of(action: str, ours: dict[tuple[str, str], list[str]]) -> list[str]:
    """The resources that AWS asks about for an action: the stack's own of its types, or all."""
    service, _, name = action.partition(":")
    if action == "iam:CreateServiceLinkedRole":
        return ["arn:aws:iam::123456789012:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS"]
    if action == "ssmmessages:OpenDataChannel":  # the copy of the reference is from before AWS asked about it
        return [*ours["ssm", "session"], f"arn:aws:ssm:{WHERE}:session/ecs-execute-command-0a1b"]
    kinds = reference()[service]["Actions"][name.lower()].get("Resources", [])
    found = [arn for kind in kinds for arn in ours.get((service, kind.lower()), [])]
    return ["*"] if action in LISTS or not found else found


def lacking(document: dict[str, Any], needed: set[str], ours: dict[tuple[str, str], list[str]]) -> Iterator[str]:
    """What the policy doesn't allow of the actions that are needed."""
    for action in sorted(needed):
        for resource in asked_of(action, ours):
            if not any(
                any(fnmatchcase(action, allowed) for allowed in _listed(statement["Action"]))
                and any(fnmatchcase(resource, allowed) for allowed in _listed(statement["Resource"]))
                for statement in document["Statement"]
            ):
                yield f"{action} on {resource}"


def _listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]


def all_needed() -> set[str]:
    """All actions that anything of the cloud platform needs."""
    dependent = [action for actions in DEPENDENT.values() for action in actions]
    return set(" ".join([*CALLS.values(), FUNCTIONS, PROGRAMS, *dependent]).split())


@pytest.fixture
def needed() -> set[str]:
    return all_needed()


@pytest.fixture
def ours(program: Any) -> dict[tuple[str, str], list[str]]:
    return names(run_variant(program, "schedules"))


@pytest.mark.parametrize("variant", VARIANTS)
def test_what_the_provider_calls_is_known_for_every_type_that_is_used(program: Any, variant: str) -> None:
    used = {resource.type for resource in run_variant(program, variant).resources.values()}
    assert {token.removeprefix("aws:") for token in used if token.startswith("aws:")} <= CALLS.keys()


def test_every_type_of_the_list_is_used_and_every_action_exists(program: Any, needed: set[str]) -> None:
    runs = [run_variant(program, variant) for variant in VARIANTS]
    runs.append(program(OTHER, platform="cloud"))
    used = {resource.type.removeprefix("aws:") for run in runs for resource in run.resources.values()}
    assert used >= CALLS.keys()
    assert needed >= DEPENDENT.keys()
    for action in needed:
        service, _, name = action.partition(":")
        assert name.lower() in reference()[service]["Actions"], action


def test_the_policy_allows_every_call_on_the_stacks_own(
    needed: set[str], ours: dict[tuple[str, str], list[str]]
) -> None:
    assert list(lacking(policy(), needed, ours)) == []


def test_the_policy_covers_every_stack_of_this_project_and_of_no_other(program: Any, needed: set[str]) -> None:
    assert list(lacking(policy(), needed, names(program(VARIANTS["schedules"], stack="pr-12", platform="cloud")))) == []
    others = json.loads(json.dumps(policy()).replace("django-stack", "shop"))
    assert (
        "ecs:UpdateService on arn:aws:ecs:us-east-1:123456789012:service/django-stack-cloud/django-stack-cloud-web"
        in (lacking(others, needed, names(run_variant(program, "schedules"))))
    )


def test_the_policy_allows_nothing_that_is_not_called(needed: set[str]) -> None:
    for statement in policy()["Statement"]:
        for allowed in _listed(statement["Action"]):
            assert any(fnmatchcase(action, allowed) for action in needed), allowed


def test_whole_services_are_allowed_on_the_stacks_own_names_only() -> None:
    for statement in policy()["Statement"]:
        for allowed in _listed(statement["Action"]):
            if allowed.endswith(":*"):
                assert all(
                    "django-stack" in resource or ":og:default" in resource
                    for resource in _listed(statement["Resource"])
                ), statement["Sid"]


def test_one_of_them_is_for_names_and_the_other_for_tags() -> None:
    named, tagged = (json.loads((ROOT / "docs" / name).read_text())["Statement"] for name in DOCUMENTS)
    assert [one["Sid"] for one in named if "*" in _listed(one["Resource"])] == []
    assert "django-stack-" not in json.dumps(tagged)


@pytest.mark.parametrize(
    ("take_away", "lacks"),
    [
        (
            "arn:aws:cloudfront::*:function/django-stack-*",
            "cloudfront:PublishFunction on arn:aws:cloudfront::123456789012:function/django-stack-cloud-maintenance",
        ),
        ("cloudwatch:DescribeAlarms", "cloudwatch:DescribeAlarms on *"),
        ("acm:*Tags*", "acm:RemoveTagsFromCertificate on arn:aws:acm"),
        ("arn:aws:cloudwatch:*:*:alarm:TargetTracking-service/django-stack-*", "alarm:TargetTracking-service/"),
        ("arn:aws:rds:*:*:og:default*", "rds:CreateDBInstance on arn:aws:rds:us-east-1:123456789012:og:default"),
        ("ec2:Replace*", "ec2:ReplaceRoute on arn:aws:ec2:us-east-1:123456789012:route-table/"),
        ("wafv2:*", "wafv2:CreateWebACL on arn:aws:wafv2:us-east-1:123456789012:global/webacl/django-stack-cloud/"),
        ("arn:aws:wafv2:us-east-1:*:global/managedruleset/*", "wafv2:CreateWebACL on arn:aws:wafv2:us-east-1:"),
        ("ec2:GetSecurityGroupsForVpc", "ec2:GetSecurityGroupsForVpc on arn:aws:ec2:us-east-1:123456789012:vpc/"),
        ("arn:aws:ecs:*:*:task/django-stack-*", "ecs:StopTask on arn:aws:ecs:us-east-1:123456789012:task/"),
    ],
)
def test_an_action_or_a_resource_that_is_missing_is_found(
    needed: set[str], ours: dict[tuple[str, str], list[str]], take_away: str, lacks: str
) -> None:
    document = deepcopy(policy())
    for statement in document["Statement"]:
        for key in ("Action", "Resource"):
            statement[key] = [entry for entry in _listed(statement[key]) if entry != take_away]
    assert any(lacks in found for found in lacking(document, needed, ours))
