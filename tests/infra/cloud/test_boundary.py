"""The deployer can give no rights that it doesn't have, and touches nothing of others that has no name of its own."""

import json
from collections.abc import Iterator
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

import pytest

from tests.infra.cloud.test_deployer import EC2, _listed, all_needed, policy, reference
from tests.infra.cloud.variants import VARIANTS, run_variant
from tests.infra.conftest import ROOT, Run

BOUNDARY = "arn:aws:iam::123456789012:policy/django-stack-boundary"
# By these, a deployer could give a role more than the boundary, take the boundary away, or change it.
NEVER = (
    "iam:AddUserToGroup",
    "iam:AttachRolePolicy",
    "iam:AttachUserPolicy",
    "iam:CreateAccessKey",
    "iam:CreatePolicy",
    "iam:CreatePolicyVersion",
    "iam:CreateUser",
    "iam:DeleteRolePermissionsBoundary",
    "iam:PutUserPolicy",
    "iam:SetDefaultPolicyVersion",
    "sts:AssumeRole",
)
BOUNDED = ("iam:CreateRole", "iam:PutRolePermissionsBoundary", "iam:PutRolePolicy")
OF_TASKS = {"arn:aws:iam::*:role/django-stack-*-app", "arn:aws:iam::*:role/django-stack-*-execution"}
SCHEDULES = {"sweep": {"command": "true", "cron": "0 3 * * *"}}
TAG = "aws:ResourceTag/django-stack.project"


def statements(action: str) -> list[dict[str, Any]]:
    """The statements of the deployer's policy that allow an action."""
    return [one for one in policy()["Statement"] if any(fnmatchcase(action, name) for name in _listed(one["Action"]))]


def outside(run: Run) -> Iterator[str]:
    """What the roles of a run are given, but the boundary in the docs doesn't allow."""
    boundary = json.loads((ROOT / "docs" / "cloud-tasks-boundary.json").read_text())["Statement"]
    for rights in run.of_type("aws:iam/rolePolicy:RolePolicy"):
        for statement in json.loads(rights.inputs["policy"])["Statement"]:
            for action in _listed(statement["Action"]):
                for resource in _listed(statement["Resource"]):
                    if not any(
                        action in one["Action"] and any(fnmatchcase(resource, r) for r in _listed(one["Resource"]))
                        for one in boundary
                    ):
                        yield f"{action} on {resource}"


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_boundary_leaves_the_tasks_what_they_need(program: Any, variant: str) -> None:
    assert list(outside(run_variant(program, variant))) == []


def test_a_right_outside_of_the_boundary_is_found(program: Any) -> None:
    rights = run_variant(program, "shipped")["task-app-rights"]
    for word, other in (("s3:GetObject", "iam:PassRole"), ("arn:aws:s3:::django-stack", "arn:aws:s3:::another")):
        changed = {**rights.inputs, "policy": rights.inputs["policy"].replace(word, other)}
        assert any(other in found for found in outside(Run({rights.name: replace(rights, inputs=changed)})))


def test_a_role_has_the_boundary_that_is_set(cloud: Any) -> None:
    run = cloud({"permissions-boundary": BOUNDARY, "schedules": SCHEDULES})
    for role in ("task-app-role", "task-execution-role", "static-files-publisher", "schedules-role"):
        assert run[role].inputs["permissionsBoundary"] == BOUNDARY
        assert "permissionsBoundary" not in cloud({"schedules": SCHEDULES})[role].inputs


@pytest.mark.parametrize("action", BOUNDED)
def test_the_deployer_gives_rights_only_within_the_boundary(action: str) -> None:
    (statement,) = statements(action)
    assert set(statement["Resource"]) == OF_TASKS
    allowed = statement["Condition"]["ArnLike"]["iam:PermissionsBoundary"]
    assert fnmatchcase(BOUNDARY, allowed)
    assert not fnmatchcase("arn:aws:iam::aws:policy/AdministratorAccess", allowed)


@pytest.mark.parametrize("action", NEVER)
def test_the_deployer_can_not_leave_the_boundary(action: str) -> None:
    assert statements(action) == []


@pytest.mark.parametrize("action", ["iam:PassRole", "iam:UpdateAssumeRolePolicy"])
def test_the_deployer_uses_the_roles_of_tasks_only(action: str) -> None:
    (statement,) = statements(action)
    assert set(statement["Resource"]) == OF_TASKS


@pytest.mark.parametrize("action", ["DeleteFunction", "PublishFunction", "UpdateFunction"])
def test_cloudfronts_functions_are_changed_by_their_names_only(action: str) -> None:
    (statement,) = statements(f"cloudfront:{action}")
    assert statement["Resource"] == "arn:aws:cloudfront::*:function/django-stack-*"


def test_dns_is_changed_in_one_zone_only() -> None:
    (statement,) = statements("route53:ChangeResourceRecordSets")
    assert "*" not in statement["Resource"]


def test_what_has_no_name_is_changed_and_removed_only_with_the_tag_of_the_project() -> None:
    for statement in policy()["Statement"]:
        if statement["Resource"] != "*":
            continue
        for action in _listed(statement["Action"]):
            changes = action.startswith("ec2:") and not action.startswith(("ec2:Create", "ec2:Describe", "ec2:Get"))
            if changes or action in {
                "acm:DeleteCertificate",
                "cloudfront:DeleteDistribution",
                "cloudfront:DeleteKeyValueStore",
                "cloudfront:DeleteVpcOrigin",
                "cloudfront:UpdateDistribution",
                "cloudfront:UpdateKeyValueStore",
                "cloudfront:UpdateVpcOrigin",
                "ec2:CreateRoute",
                "ses:DeleteEmailIdentity",
                "ses:PutEmail*",
                "ses:UntagResource",
            }:
                assert statement.get("Condition") == {"StringEquals": {TAG: "django-stack"}}, action


def test_without_that_tag_only_groups_without_a_name_are_emptied_like_the_one_of_each_network() -> None:
    """AWS makes that group itself, and lets tags be set only on what is being made."""
    taken, open_ones = statements("ec2:RevokeSecurityGroupIngress")
    assert taken["Condition"] == {"StringEquals": {TAG: "django-stack"}}
    assert open_ones["Condition"] == {"Null": {"aws:ResourceTag/Name": "true"}}
    assert set(open_ones["Action"]) == {"ec2:RevokeSecurityGroupEgress", "ec2:RevokeSecurityGroupIngress"}
    assert len(statements("ec2:AuthorizeSecurityGroupIngress")) == 2  # of groups with the tag, and of single rules


def test_aws_knows_that_tag_of_everything_that_is_asked_for_it() -> None:
    """Of something that is being made, it doesn't: that has its tags only afterwards."""
    for statement in policy()["Statement"]:
        if TAG not in statement.get("Condition", {}).get("StringEquals", {}):
            continue
        allowed = _listed(statement["Action"])
        for action in (one for one in all_needed() if any(fnmatchcase(one, pattern) for pattern in allowed)):
            service, _, name = action.partition(":")
            assert action in {"ec2:CreateRoute", "ec2:CreateTags"} or not name.startswith("Create")
            kinds = reference()[service]["Actions"][name.lower()].get("Resources", [])
            for kind in set(kinds) & {*EC2, "certificate", "distribution", "identity", "key-value-store", "vpcorigin"}:
                assert "aws:ResourceTag/${TagKey}" in reference()[service]["Resources"][kind]["ConditionKeys"], action
