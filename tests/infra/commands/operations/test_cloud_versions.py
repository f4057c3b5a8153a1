"""The versions of a cloud stack, by what ECR and ECS say of it, and a program in one of them."""

import json
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from infra.commands.operations import cloud_stack, cloud_versions
from infra.commands.operations.versions import Update
from tests.infra.cloud.fake_aws import FakeAWS, RefusalError, fake_aws

ECS = "arn:aws:ecs:us-east-1:123456789012"
TASK = f"{ECS}:task/shop-cloud/0123456789abcdef0123456789abcdef"
REGISTRY = "123456789012.dkr.ecr.us-east-1.amazonaws.com/shop/cloud"
# Failed is a version whose release failed: it was pushed and registered, and never ran.
OLD, FAILED, RUNS, COPIED = "111111111111", "222222222222", "333333333333", "444444444444"
PUSHED = {OLD: 1000, FAILED: 2000, RUNS: 3000, COPIED: 4000}


def digest(tag: str) -> str:
    return f"sha256:{tag}"


def moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def definition(tag: str) -> dict[str, Any]:
    image = f"{REGISTRY}@{digest(tag)}"
    options = {"awslogs-group": "/shop/cloud", "awslogs-stream-prefix": "app"}
    web = {"name": "web", "image": image, "logConfiguration": {"logDriver": "awslogs", "options": options}}
    return {
        "taskDefinition": {
            "registeredAt": PUSHED[tag] + 10,
            "family": "shop-cloud",
            "revision": 7,
            "status": "ACTIVE",
            "compatibilities": ["FARGATE"],
            "networkMode": "awsvpc",
            "cpu": "256",
            "executionRoleArn": "arn:aws:iam::123456789012:role/shop-cloud-execution",
            "containerDefinitions": [{"name": "prepare", "image": image}, web, {"name": "proxy", "image": "envoy"}],
        }
    }


@pytest.fixture
def aws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeAWS]:
    """The stack `cloud` of the project `shop`, which runs RUNS."""
    (tmp_path / "Pulumi.yaml").write_text("name: shop\n")
    (tmp_path / "Pulumi.cloud.yaml").write_text("config: {shop:platform: cloud, aws:region: us-east-1}\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cloud_stack, "PAUSE", 0.01)
    service = {
        "serviceName": "shop-cloud-web",
        "status": "ACTIVE",
        "taskDefinition": f"{ECS}:task-definition/shop-cloud:3",
        "loadBalancers": [{"containerName": "web"}],
        "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"], "securityGroups": ["sg-1"]}},
    }
    revisions = {"shop-cloud:1": OLD, "shop-cloud:2": FAILED, "shop-cloud:3": RUNS, "shop-cloud-2:9": COPIED}
    arns = [f"{ECS}:task-definition/{name}" for name in reversed(revisions)]
    details = [
        {"imageDigest": digest(tag), "imageTags": [tag], "imagePushedAt": at, "imageSizeInBytes": 100 * at}
        for tag, at in PUSHED.items()
    ]
    with fake_aws() as fake:
        for name, value in fake.environment.items():
            monkeypatch.setenv(name, value)
        fake.on("DescribeServices", {"services": [service]})
        fake.on("DescribeImages", {"imageDetails": [*details, {"imageDigest": "sha256:0", "imagePushedAt": 1}]})
        fake.on("ListTaskDefinitions", {"taskDefinitionArns": arns})
        fake.on(
            "DescribeTaskDefinition",
            lambda request: definition(revisions[request["taskDefinition"].rpartition("/")[2]]),
        )
        fake.on("RegisterTaskDefinition", {"taskDefinition": {"taskDefinitionArn": f"{ECS}:task-definition/x:1"}})
        fake.on("DeregisterTaskDefinition", {})
        fake.on("RunTask", {"tasks": [{"taskArn": TASK}], "failures": []})
        fake.on("ListTasks", {"taskArns": []})
        fake.on("DescribeTasks", stopped(0))
        end: dict[str, Any] = {"events": [], "nextForwardToken": "f/1"}
        fake.on("GetLogEvents", end | {"events": [{"message": "it said"}]}, end)
        yield fake


def stopped(code: int) -> dict[str, Any]:
    containers = [{"name": "web", "exitCode": code}]
    return {"tasks": [{"taskArn": TASK, "lastStatus": "STOPPED", "containers": containers}], "failures": []}


def updates(monkeypatch: pytest.MonkeyPatch, *seconds: int) -> None:
    """Pulumi's history: updates that succeeded, by their ends."""
    monkeypatch.setattr(cloud_versions, "updates", lambda name: [Update(moment(end)) for end in seconds])


def stack() -> cloud_versions.StackVersions:
    return cloud_versions.StackVersions("cloud", {"aws:region": "us-east-1"})


def test_versions_are_images_and_ran_when_an_update_with_their_task_definition_succeeded(
    aws: FakeAWS, monkeypatch: pytest.MonkeyPatch
) -> None:
    updates(monkeypatch, 1500, 3500)
    found = stack().all()
    assert [(one.hash, one.ran, one.runs) for one in found] == [
        (RUNS, moment(3500), True),
        (OLD, moment(1500), False),
        (COPIED, None, False),
        (FAILED, None, False),
    ]
    assert found[0].id == digest(RUNS)
    assert (found[0].made, found[0].size) == (moment(3000), 300_000)


def test_without_pulumis_history_the_running_version_is_known(aws: FakeAWS, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cloud_versions, "updates", lambda name: None)
    assert [(one.hash, one.ran) for one in stack().all()][:2] == [(RUNS, moment(3010)), (COPIED, None)]


def test_a_version_that_runs_and_is_older_than_what_is_looked_at_is_in_the_list(
    aws: FakeAWS, monkeypatch: pytest.MonkeyPatch
) -> None:
    updates(monkeypatch)
    aws.on("ListTaskDefinitions", {"taskDefinitionArns": [f"{ECS}:task-definition/shop-cloud:{n}" for n in (2, 1)]})
    assert [one.ran for one in stack().all() if one.runs] == [None]


@pytest.mark.parametrize(
    "answer",
    [
        {"services": []},
        {"services": [{"status": "INACTIVE"}]},
        RefusalError("ClusterNotFoundException"),
    ],
)
def test_a_stack_that_was_never_up_has_no_version(aws: FakeAWS, answer: Any) -> None:
    aws.on("DescribeServices", answer)
    aws.on("DescribeImages", RefusalError("RepositoryNotFoundException"))
    aws.on("ListTaskDefinitions", {"taskDefinitionArns": []})
    assert not stack().is_up()
    assert stack().all() == []


def test_a_program_runs_in_a_task_of_that_version_with_the_stacks_environment(
    aws: FakeAWS, monkeypatch: pytest.MonkeyPatch
) -> None:
    updates(monkeypatch, 1500, 3500)
    versions = stack()
    old = next(one for one in versions.all() if one.hash == OLD)
    assert versions.ask(old, "print(1)") == "it said"
    (registered,) = aws.asked("RegisterTaskDefinition")
    assert registered["family"] == "shop-cloud-versions"
    images = {one["name"]: one["image"] for one in registered["containerDefinitions"]}
    own = f"{REGISTRY}@{digest(OLD)}"
    assert images == {"prepare": own, "web": own, "proxy": "envoy"}
    assert registered["executionRoleArn"].endswith("role/shop-cloud-execution")
    assert not {"revision", "status", "compatibilities", "registeredAt"} & registered.keys()
    (asked,) = aws.asked("RunTask")
    assert asked["taskDefinition"] == f"{ECS}:task-definition/x:1"
    assert asked["overrides"]["containerOverrides"] == [
        {"name": "web", "command": ["python", "manage.py", "shell", "-c", "print(1)"]}
    ]
    assert aws.asked("DeregisterTaskDefinition") == [{"taskDefinition": f"{ECS}:task-definition/x:1"}]


@pytest.mark.parametrize(
    ("operation", "answer", "said"),
    [
        ("DescribeTasks", stopped(1), "The task failed with exit status 1.\nit said"),
        ("RunTask", {"tasks": [], "failures": [{"reason": "RESOURCE:CPU"}]}, "RESOURCE:CPU"),
    ],
)
def test_a_program_that_fails_says_why_and_leaves_no_task_definition(
    aws: FakeAWS, monkeypatch: pytest.MonkeyPatch, operation: str, answer: dict[str, Any], said: str
) -> None:
    updates(monkeypatch)
    versions = stack()
    old = versions.all()[-1]
    aws.on(operation, answer)
    with pytest.raises(RuntimeError) as failed:
        versions.ask(old, "print(1)")
    assert said in str(failed.value)
    assert len(aws.asked("DeregisterTaskDefinition")) == 1


def test_a_version_that_is_nowhere_ends_the_command_with_one_line(
    aws: FakeAWS, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cloud_versions.registry, "find", lambda request: None)
    with pytest.raises(SystemExit, match="The version 555555555555 is nowhere any more"):
        stack().bring("555555555555")


HISTORY = [
    {"kind": "update", "result": "failed", "endTime": "2026-01-31T12:00:00.000000000Z", "config": {}},
    {
        "kind": "update",
        "result": "succeeded",
        "endTime": "2026-01-31T11:00:00.123456789Z",
        "config": {"shop:image": {"value": OLD, "secret": False}},
    },
    {
        "kind": "update",
        "result": "succeeded",
        "startTime": "2026-01-31T09:58:00.000Z",
        "endTime": "2026-01-31T10:00:00.000Z",
    },
    {"kind": "destroy", "result": "succeeded", "endTime": "2026-01-31T09:00:00.000Z"},
    {"kind": "update", "result": "in-progress"},
]


@pytest.mark.parametrize(("status", "found"), [(0, 3), (255, None)])
def test_the_history_is_that_of_updates_and_how_they_ended(
    aws: FakeAWS, monkeypatch: pytest.MonkeyPatch, status: int, found: int | None
) -> None:
    from infra.commands.operations import versions  # the real one

    done = subprocess.CompletedProcess([], status, json.dumps(HISTORY), "no stack")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: done)
    known = versions.updates("cloud")
    assert (len(known) if known is not None else None) == found
    if known:
        first, second, third = known
        ten = datetime(2026, 1, 31, 10, tzinfo=UTC)
        assert first == Update(ten, start=ten - timedelta(minutes=2))
        assert (second.image, second.end.hour) == (OLD, 11)
        assert [one.succeeded for one in known] == [True, True, False]
        assert third.start == third.end, "where Pulumi tells no start"
