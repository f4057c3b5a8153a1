"""The status of a cloud stack is its own, also beside a stack whose name begins in the same way."""

import json
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from infra.commands.operations import cloud

PREFIX = "arn:aws:sns:us-east-1:123456789012:shop-cloud"
SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:shop-cloud-environment-x-AbCdEf"
SERVICE = {
    "status": "ACTIVE",
    "taskDefinition": "shop-cloud:3",
    "runningCount": 2,
    "desiredCount": 2,
    "deployments": [{"status": "PRIMARY", "rolloutState": "COMPLETED", "createdAt": datetime(2026, 1, 31, tzinfo=UTC)}],
    "loadBalancers": [{"targetGroupArn": "group", "containerName": "web"}],
}
WEB = {
    "name": "web",
    "image": "image",
    "environment": [{"name": "DOMAIN", "value": "www.example.com"}],
    "secrets": [{"name": "DATABASE_URL", "valueFrom": f"{SECRET}:DATABASE_URL::version"}],
}


def database(name: str) -> dict[str, Any]:
    return {
        "DBInstanceIdentifier": name,
        "DBInstanceStatus": "available",
        "EngineVersion": "17.6" if name == "shop-cloud" else "16.1",
        "DBInstanceClass": "db.t4g.micro",
        "AllocatedStorage": 20,
        "Endpoint": {"Address": f"{name}.abc.us-east-1.rds.amazonaws.com"},
    }


def alarm(name: str, topic: str) -> dict[str, Any]:
    return {"AlarmName": name, "AlarmActions": [topic]}


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> cloud.StackOperations:
    """The stack `cloud` of the project `shop`, beside `cloud-2`."""
    url = "postgres://app:password@shop-cloud.abc.us-east-1.rds.amazonaws.com:5432/app"
    alarms = [alarm("shop-cloud-errors", f"{PREFIX}-alarms"), alarm("shop-cloud-2-errors", f"{PREFIX}-2-alarms")]
    states = [{"TargetHealth": {"State": state}} for state in ("draining", "healthy")]

    def secret(SecretId: str) -> dict[str, str]:  # noqa: N803
        assert SecretId == SECRET
        return {"SecretString": json.dumps({"DATABASE_URL": url})}

    aws = SimpleNamespace(
        describe_services=lambda **_: {"services": [SERVICE]},
        describe_task_definition=lambda **_: {"taskDefinition": {"containerDefinitions": [{"name": "prepare"}, WEB]}},
        describe_target_health=lambda **_: {"TargetHealthDescriptions": states},
        describe_db_instances=lambda: {"DBInstances": [database("shop-cloud-2"), database("shop-cloud")]},
        describe_alarms=lambda **_: {"MetricAlarms": alarms},
        get_secret_value=secret,
    )
    monkeypatch.setattr(cloud, "client", lambda service, account: aws)
    (tmp_path / "Pulumi.yaml").write_text("name: shop\n")
    monkeypatch.chdir(tmp_path)
    return cloud.StackOperations("cloud", {"aws:region": "us-east-1"})


def test_the_status_of_a_stack_is_not_its_neighbours(stack: cloud.StackOperations) -> None:
    status = stack.status()
    assert status.is_whole
    assert (status.url, status.processes[0].health) == ("https://www.example.com/", "healthy")
    assert status.details == {
        "postgresql": "17.6, db.t4g.micro, 20 GiB, available",
        "alarms": "shop-cloud-errors",
    }


def test_the_secrets_that_logs_do_not_show_are_the_values_of_the_stacks_secret(stack: cloud.StackOperations) -> None:
    assert stack.secrets() == ["postgres://app:password@shop-cloud.abc.us-east-1.rds.amazonaws.com:5432/app"]
