"""The status of a cloud stack is its own, also beside a stack whose name begins in the same way."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra.commands.operations import cloud, cloud_stack, cloud_status
from infra.commands.operations.status import ProcessStatus, Status

PREFIX = "arn:aws:sns:us-east-1:123456789012:shop-cloud"
SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:shop-cloud-environment-x-AbCdEf"
URL = "postgres://app:password@shop-cloud.abc.us-east-1.rds.amazonaws.com:5432/app"
DSN = "s3://shop-cloud-media-1a2b.s3.us-east-1.amazonaws.com/"
WORKER = {
    "status": "ACTIVE",
    "serviceName": "shop-cloud-worker",
    "runningCount": 1,
    "desiredCount": 1,
    "deployments": [{"status": "PRIMARY", "rolloutState": "COMPLETED"}],
}
SERVICE = {
    "serviceName": "shop-cloud-web",
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
    "environment": [
        {"name": "DOMAIN", "value": "www.example.com"},
        {"name": "EMAIL_URL", "value": "dummymail://"},
    ],
    "secrets": [
        {"name": name, "valueFrom": f"{SECRET}:{name}::version"} for name in ("DATABASE_URL", "DEFAULT_STORAGE_DSN")
    ],
}


def database(name: str) -> dict[str, Any]:
    return {
        "DBInstanceIdentifier": name,
        "DBInstanceStatus": "available",
        "EngineVersion": "17.6" if name == "shop-cloud" else "16.1",
        "DBInstanceClass": "db.t4g.micro",
        "AllocatedStorage": 20,
        "LatestRestorableTime": datetime.now(UTC) - timedelta(minutes=2),
        "Endpoint": {"Address": f"{name}.abc.us-east-1.rds.amazonaws.com"},
    }


def alarm(name: str, topic: str) -> dict[str, Any]:
    return {"AlarmName": name, "AlarmActions": [topic]}


class Pages:
    """A paginator whose only page is `page`."""

    def __init__(self, page: dict[str, Any]) -> None:
        self.page = page

    def paginate(self, **_: Any) -> list[dict[str, Any]]:
        return [self.page]


class AWS:
    """The stack `cloud` of the project `shop`, beside `cloud-2`, as AWS answers; `answers` replace single ones."""

    def __init__(self) -> None:
        self.pages = {
            "describe_db_instances": {"DBInstances": [database("shop-cloud-2"), database("shop-cloud")]},
            "describe_alarms": {
                "MetricAlarms": [
                    alarm("shop-cloud-errors", f"{PREFIX}-alarms"),
                    alarm("shop-cloud-2-errors", f"{PREFIX}-2-alarms"),
                ]
            },
            "list_services": {
                "serviceArns": ["arn:x:service/shop-cloud/shop-cloud-worker", "arn:x:service/shop-cloud/shop-cloud-web"]
            },
            "list_schedules": {"Schedules": []},
            "list_keys": {"Items": []},
            "list_objects_v2": {"Contents": [{"Size": 1000}, {"Size": 500}]},
        }
        self.measured = {"databaseConnections": [3.0], "freeStorageSpace": [1.5e10]}
        self.tasks: list[dict[str, Any]] = []
        self.asked: list[dict[str, Any]] = []
        self.certificate_end = datetime.now(UTC) + timedelta(days=90, hours=1)
        self.secrets = {"version": {"DATABASE_URL": URL, "DEFAULT_STORAGE_DSN": DSN}}
        self.newest = "version"

    def get_paginator(self, name: str) -> Pages:
        return Pages(self.pages[name])

    def describe_services(self, cluster: str, services: list[str]) -> dict[str, Any]:
        found = {"shop-cloud-web": SERVICE, "shop-cloud-worker": WORKER}
        return {"services": [found[name] for name in services]}

    def describe_key_value_store(self, **_: Any) -> dict[str, Any]:
        return {"KeyValueStore": {"ARN": "arn:aws:cloudfront::123456789012:key-value-store/0a1b"}}

    def describe_task_definition(self, **_: Any) -> dict[str, Any]:
        return {"taskDefinition": {"containerDefinitions": [{"name": "prepare"}, WEB]}}

    def describe_target_health(self, **_: Any) -> dict[str, Any]:
        return {"TargetHealthDescriptions": [{"TargetHealth": {"State": state}} for state in ("draining", "healthy")]}

    def get_metric_data(self, **asked: Any) -> dict[str, Any]:
        self.asked.append(asked)
        wanted = {query["Id"] for query in asked["MetricDataQueries"]}
        known = {name: values for name, values in self.measured.items() if name in wanted}
        return {"MetricDataResults": [{"Id": name, "Values": values} for name, values in known.items()]}

    def list_tasks(self, desiredStatus: str, **_: Any) -> dict[str, Any]:  # noqa: N803
        return {"taskArns": [f"task-{desiredStatus}"] if desiredStatus == "STOPPED" and self.tasks else []}

    def describe_tasks(self, **_: Any) -> dict[str, Any]:
        return {"tasks": self.tasks}

    def get_cost_and_usage(self, **asked: Any) -> dict[str, Any]:
        self.asked.append(asked)
        return {"ResultsByTime": [{"Total": {"UnblendedCost": {"Amount": "12.345", "Unit": "USD"}}}]}

    def get_secret_value(self, SecretId: str, VersionId: str = "") -> dict[str, str]:  # noqa: N803
        assert SecretId == SECRET
        found = self.secrets.get(VersionId or self.newest)
        if not found:
            raise ClientError({"Error": {"Code": "ResourceNotFoundException"}}, "GetSecretValue")
        return {"SecretString": json.dumps(found)}


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AWS:
    found = AWS()
    monkeypatch.setattr(cloud_stack, "client", lambda service, account: found)
    monkeypatch.setattr(cloud_status, "certificate_end", lambda host: found.certificate_end)
    (tmp_path / "Pulumi.yaml").write_text("name: shop\n")
    monkeypatch.chdir(tmp_path)
    return found


def status(*, cost: bool = False) -> Status:
    return stack().status(cost=cost)


def stack() -> cloud.StackOperations:
    return cloud.StackOperations("cloud", {"aws:region": "us-east-1"})


def test_the_status_of_a_stack_is_not_its_neighbours(aws: AWS) -> None:
    found = status()
    assert found.url == "https://www.example.com/"
    assert found.processes == [ProcessStatus("web", 2, 2, "healthy"), ProcessStatus("worker", 1, 1, "running")]
    sections = {name: section.text for name, section in found.sections.items()}
    assert sections.pop("certificate").endswith(", for 90 days")
    assert sections == {
        "database": "PostgreSQL 17.6, db.t4g.micro, 20 GiB, 15.0 GB free, 3 of 76 connections, backed up 2 minutes ago",
        "media": "2 objects, 1.5 kB",
        "cache": "the project's own; without one, each process has its own in memory",
        "mail": "not sent: thrown away (dummymail)",
        "release": "none in the last hour; that of the running version succeeded",
        "backup_check": "not checked in 60 days; to do it: django-stack backup check -s cloud",
        "alarms": "shop-cloud-errors",
    }
    assert not found.is_whole


def test_without_an_alarm_the_stack_is_whole(aws: AWS) -> None:
    aws.pages["describe_alarms"] = {"MetricAlarms": []}
    assert status().is_whole
    assert status().sections["alarms"].text == "none rings"


def test_a_database_without_metrics_or_backups_is_there_all_the_same(aws: AWS) -> None:
    aws.measured = {}
    plain = {**database("shop-cloud"), "LatestRestorableTime": None, "DBInstanceStatus": "storage-full"}
    aws.pages["describe_db_instances"] = {"DBInstances": [plain]}
    found = status().sections["database"]
    assert found.text == "PostgreSQL 17.6, db.t4g.micro, 20 GiB, storage-full, no backup"
    assert not found.is_well


def test_a_certificate_that_should_have_been_renewed_is_wrong(aws: AWS) -> None:
    assert status().sections["certificate"].is_well
    aws.certificate_end = datetime.now(UTC) + timedelta(days=9, hours=1)
    found = status().sections["certificate"]
    assert (found.text, found.is_well) == (f"valid until {aws.certificate_end:%Y-%m-%d}, for 9 days", False)


def test_the_last_release_is_the_newest_task_of_one(aws: AWS) -> None:
    def task(minutes: int, code: int) -> dict[str, Any]:
        at = datetime.now(UTC) - timedelta(minutes=minutes)
        container = {"name": "web", "exitCode": code}
        return {"lastStatus": "STOPPED", "createdAt": at, "stoppedAt": at, "containers": [container]}

    aws.tasks = [task(30, 0), task(5, 3), task(20, 0)]
    found = status().sections["release"]
    assert (found.text, found.is_well) == ("failed with exit status 3 5 minutes ago", False)
    aws.tasks = [task(30, 3), task(5, 0)]
    assert status().sections["release"].text == "succeeded 5 minutes ago"


def test_a_bucket_with_very_many_objects_has_cloudwatchs_daily_count(aws: AWS) -> None:
    aws.pages["list_objects_v2"] = {"Contents": [{"Size": 10}] * 10_001}
    assert status().sections["media"].text == "more than 10,000 objects, 100 kB"
    aws.measured |= {"numberOfObjects": [2_000_000.0], "bucketSizeBytes": [3e12]}
    assert status().sections["media"].text == "2,000,000 objects, 3.0 TB at the last daily count"


def test_the_cost_is_this_months_of_the_stacks_tags(aws: AWS) -> None:
    assert "cost" not in status().sections
    first = datetime.now(UTC).strftime("%Y-%m-01")
    assert status(cost=True).sections["cost"].text == f"12.35 USD since {first}"
    asked = next(one for one in aws.asked if "TimePeriod" in one)
    assert asked["TimePeriod"]["Start"] == first < asked["TimePeriod"]["End"]
    assert [one["Tags"]["Values"] for one in asked["Filter"]["And"]] == [["shop"], ["cloud"]]


def test_the_secrets_that_logs_do_not_show_are_the_values_of_the_stacks_secret(aws: AWS) -> None:
    assert stack().secrets() == [URL, DSN]


def test_the_variables_are_those_of_the_version_that_runs_and_logs_do_not_show_the_newest_either(aws: AWS) -> None:
    """After an update that failed, the site still runs with the secret's older version."""
    newer = URL.replace("password", "newer")
    aws.secrets["newer"], aws.newest = {"DATABASE_URL": newer, "DEFAULT_STORAGE_DSN": DSN}, "newer"
    assert stack().environment()["DATABASE_URL"] == URL
    assert stack().secrets() == [URL, DSN, newer]


def test_of_a_secrets_version_that_is_gone_the_newest_is_taken(aws: AWS, capsys: pytest.CaptureFixture[str]) -> None:
    aws.secrets, aws.newest = {"newer": {"DATABASE_URL": URL}}, "newer"
    assert stack().environment()["DATABASE_URL"] == URL
    aws.secrets = {}
    assert "DATABASE_URL" not in stack().environment()
    assert stack().secrets() == []
    assert capsys.readouterr().err.count("The app's secrets can't be read, nor redacted: ") == 2, "once for each stack"


def test_a_command_for_the_cloud_loads_no_pulumi() -> None:
    """Which is 70 MB, and a second."""
    program = "import sys, infra.commands.copy, infra.commands.operations.cloud, infra.commands.data.cloud_database"
    line = [sys.executable, "-c", f"{program}; print(*sys.modules)"]
    loaded = set(subprocess.run(line, capture_output=True, text=True, check=True, timeout=60).stdout.split())
    assert "infra.commands.data.cloud_tasks" in loaded
    assert not loaded & {"pulumi", "pulumi_aws"}
