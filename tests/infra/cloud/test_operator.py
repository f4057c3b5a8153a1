"""The policy in the docs for whoever operates a stack: it allows what `django-stack` calls, and changes no stack."""

import ast
import json
import re
from collections.abc import Iterable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from infra.commands.operations.cloud_sessions import FORWARDING
from tests.infra.cloud.aws_calls import COMMANDS
from tests.infra.cloud.test_deployer import _listed, lacking, names, reference
from tests.infra.cloud.variants import VARIANTS
from tests.infra.conftest import ROOT

NEEDED = set(COMMANDS.split())
TAGS = "ecs:TagResource"
# What only looks, by AWS's names; everything else that the policy allows is here.
CHANGES = {
    "cloudfront-keyvaluestore:UpdateKeys",
    "ecs:ExecuteCommand",
    "ecs:RunTask",
    "ecs:StopTask",
    "ecs:TagResource",
    "iam:PassRole",
    "ssm:ResumeSession",
    "ssm:StartSession",
    "ssm:TerminateSession",
    "ssmmessages:OpenDataChannel",
}


def policy() -> dict[str, Any]:
    document: dict[str, Any] = json.loads((ROOT / "docs" / "cloud-operator-policy.json").read_text())
    return document


@pytest.fixture
def ours(program: Any) -> dict[tuple[str, str], list[str]]:
    found = names(program({**VARIANTS["execute-command"], **VARIANTS["schedules"]}, platform="cloud"))
    found["logs", "log-group"] = [
        arn for arn in found["logs", "log-group"] if "/aws/rds/" not in arn
    ]  # the app's alone
    return found


def missing(document: dict[str, Any], ours: dict[tuple[str, str], list[str]]) -> list[str]:
    """What a policy doesn't allow of what the commands call; they give tags to tasks alone."""
    tasks = {("ecs", "task"): ours["ecs", "task"]}
    return [*lacking(document, NEEDED - {TAGS}, ours), *lacking(document, {TAGS}, tasks)]


def test_it_allows_every_call_of_the_commands_on_the_stacks_own(ours: dict[tuple[str, str], list[str]]) -> None:
    assert missing(policy(), ours) == []
    for action in NEEDED:
        service, _, name = action.partition(":")
        assert name.lower() in reference()[service]["Actions"], action


def test_it_allows_nothing_else() -> None:
    allowed = {action for statement in policy()["Statement"] for action in _listed(statement["Action"])}
    assert allowed == NEEDED


def test_what_changes_something_is_allowed_on_this_projects_tasks_alone() -> None:
    for statement in policy()["Statement"]:
        for action in _listed(statement["Action"]):
            if action not in CHANGES:
                assert action.partition(":")[2].startswith(("Describe", "Filter", "Get", "List")), action
            elif action in {"ssm:ResumeSession", "ssm:TerminateSession", "ssmmessages:OpenDataChannel"}:
                ones_own = all("session/${aws:user" in one for one in statement["Resource"])
                # The names of a shell's session are ECS's own, whoever asked for it; its channel needs its token, too.
                of_a_shell = _listed(statement["Resource"]) == ["arn:aws:ssm:*:*:session/ecs-execute-command-*"]
                assert ones_own or (of_a_shell and action == "ssmmessages:OpenDataChannel")
            elif action == TAGS:  # those of the definition, while a task starts
                assert _listed(statement["Resource"]) == ["arn:aws:ecs:*:*:task/django-stack-*"]
                assert statement["Condition"] == {"StringEquals": {"ecs:CreateAction": "RunTask"}}
            elif action == "cloudfront-keyvaluestore:UpdateKeys":  # AWS gives a store a number for a name
                assert _listed(statement["Resource"]) == ["arn:aws:cloudfront::*:key-value-store/*"]
            else:
                assert all("django-stack-" in one or one.endswith(FORWARDING) for one in statement["Resource"]), action


def test_the_policy_of_another_project_does_not_reach_this_one(ours: dict[tuple[str, str], list[str]]) -> None:
    others = json.loads(json.dumps(policy()).replace("django-stack", "shop"))
    found = missing(others, ours)
    assert any(one.startswith("ecs:RunTask on arn:aws:ecs:") for one in found)
    assert any(one.startswith("secretsmanager:GetSecretValue on ") for one in found)


@pytest.mark.parametrize("action", sorted(NEEDED))
def test_an_action_that_is_missing_is_found(ours: dict[tuple[str, str], list[str]], action: str) -> None:
    document = deepcopy(policy())
    for statement in document["Statement"]:
        statement["Action"] = [one for one in _listed(statement["Action"]) if one != action]
    assert any(one.startswith(f"{action} on ") for one in missing(document, ours))


def test_every_call_in_the_commands_modules_is_listed() -> None:
    operations = sorted((ROOT / "infra" / "commands" / "operations").glob("cloud*.py"))
    called = set(_calls([*operations, ROOT / "infra" / "cloud" / "one_off_tasks.py"]))
    listed = {action.partition(":")[2] for action in NEEDED}
    assert called - listed == set()
    assert {"ExecuteCommand", "StartSession", "GetCostAndUsage", "DescribeAlarms", "RunTask", "TagResource"} <= called


def _calls(modules: Iterable[Path]) -> Iterator[str]:
    """AWS's operations that modules call: methods and paginators whose names only boto3 has.

    A call that gives tags, or passes them on, needs the right to tag as well.
    """
    verbs = re.compile(r"(?:describe|execute|filter|get|list|run|start|stop|terminate)_[a-z_0-9]+")
    for file in modules:
        for node in ast.walk(ast.parse(file.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            name = node.func.attr
            if name == "get_paginator" and isinstance(node.args[0], ast.Constant):
                name = str(node.args[0].value)
            if verbs.fullmatch(name) and name not in {"get_paginator", "start_all", "stop_all"}:
                yield "".join(word.capitalize() for word in name.split("_")).replace("Db", "DB")
                if any(keyword.arg in {"tags", "propagateTags"} for keyword in node.keywords):
                    yield "TagResource"
