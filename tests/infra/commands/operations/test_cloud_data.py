"""What the commands about data have AWS do: tasks with PostgreSQL's programs, and what comes of them."""

import json
from typing import Any

import pytest

from infra.commands.data import in_task
from tests.infra.commands.operations.conftest import ECS, HOST, SECRET, Cloud, definition, task

DATA = f"{ECS}:task-definition/shop-cloud-data:3"
FACTS = {
    "version": 17,
    "name": "app",
    "size": 10**9,
    "comment": None,
    "extensions": {},
    "available": {},
    "databases": {"app": 10**9, "app_before_20260101_000000": 2 * 10**9, "app_new_20260102_000000": 1, "other": 1},
}


def printed(*lines: str) -> dict[str, Any]:
    return {"events": [{"message": line} for line in lines], "nextForwardToken": "f/1"}


def answer(**found: Any) -> dict[str, Any]:
    return printed(in_task.MARK + json.dumps(found))


@pytest.fixture(autouse=True)
def rds(cloud: Cloud) -> None:
    known: dict[str, Any] = definition()["taskDefinition"]
    prepare, web = known["containerDefinitions"]
    web |= {
        "user": "10001:10001",
        "dependsOn": [{"containerName": "prepare", "condition": "SUCCESS"}],
        "mountPoints": [{"sourceVolume": "tmp", "containerPath": "/tmp", "readOnly": False}],
    }
    known |= {"containerDefinitions": [prepare, web], "taskRoleArn": "arn:aws:iam::123456789012:role/shop-cloud-app"}
    cloud.aws.on("DescribeTaskDefinition", {"taskDefinition": known})
    instance = {
        "DBInstanceIdentifier": "shop-cloud",
        "EngineVersion": "17.4",
        "AllocatedStorage": 20,
        "Endpoint": {"Address": HOST, "Port": 5432},
    }
    cloud.aws.on("DescribeDBInstances", {"DBInstances": [instance]})
    cloud.aws.on("RegisterTaskDefinition", {"taskDefinition": {"taskDefinitionArn": DATA}})
    cloud.aws.on("DeregisterTaskDefinition", {})
    cloud.aws.on("ListTaskDefinitions", {"taskDefinitionArns": []})
    cloud.aws.on("ListTasks", {"taskArns": []})
    cloud.aws.on("DescribeTasks", task("STOPPED", exitCode=0))
    cloud.aws.on("GetLogEvents", answer(found=json.dumps(FACTS)))
    cloud.aws.on("DescribeDBSnapshots", {"DBSnapshots": []})
    cloud.aws.on("DescribeDBInstanceAutomatedBackups", {"DBInstanceAutomatedBackups": []})


def test_a_task_has_the_programs_of_the_servers_major_version_and_no_secret_in_what_aws_keeps(cloud: Cloud) -> None:
    done = cloud.run("restore")
    assert done.returncode == 0, done.stderr
    assert "app_before_20260101_000000  2.0 GB  django-stack restore -s cloud app_before_2026" in done.stdout
    assert "other" not in done.stdout
    (registered,) = cloud.aws.asked("RegisterTaskDefinition")
    prepare, tools, web = registered["containerDefinitions"]
    assert prepare["name"] == "prepare"
    assert tools["image"] == "public.ecr.aws/docker/library/postgres:17-trixie"
    assert (tools["essential"], tools["readonlyRootFilesystem"], tools["user"]) == (False, True, "10001:10001")
    assert web["dependsOn"][-1] == {"containerName": "postgres", "condition": "SUCCESS"}
    assert web["secrets"] == [{"name": "DATABASE_URL", "valueFrom": f"{SECRET}:DATABASE_URL::v1"}]
    (asked,) = cloud.aws.asked("RunTask")
    assert "command" not in asked["overrides"]["containerOverrides"][0]
    kept = json.dumps([registered, asked])
    assert "TOP/SECRET" not in kept
    assert "TOP%2FSECRET" not in kept
    assert [one["taskDefinition"] for one in cloud.aws.asked("DeregisterTaskDefinition")] == [DATA]


@pytest.mark.parametrize(
    ("log", "words"),
    [
        (answer(error='relation "x" is in use'), 'The database of cloud: relation "x" is in use'),
        (printed("Traceback", "ValueError: alice@home"), "failed with exit status 1 (ValueError)"),
        (printed(), "failed with exit status 1"),
    ],
)
def test_a_task_that_fails_is_one_line_without_what_it_printed(cloud: Cloud, log: dict[str, Any], words: str) -> None:
    """What a program prints in such a moment may be anything, data of people as well."""
    cloud.aws.on("DescribeTasks", task("STOPPED", exitCode=1))
    cloud.aws.on("GetLogEvents", log)
    done = cloud.run("restore")
    assert done.returncode == 1
    assert words in done.stderr
    assert "alice" not in done.stderr
    assert cloud.aws.asked("DeregisterTaskDefinition")


def test_a_protected_stack_is_not_gone_back_in_by_a_slip(cloud: Cloud) -> None:
    done = cloud.run("restore", "--yes", "app_before_20260101_000000")
    assert done.returncode == 1
    assert "--into-production cloud" in done.stderr
    assert cloud.aws.asked("RunTask") == []


def test_a_database_that_rds_does_not_have_is_one_line(cloud: Cloud) -> None:
    cloud.aws.on("DescribeDBInstances", {"DBInstances": []})
    done = cloud.run("restore")
    assert (done.returncode, done.stderr) == (1, f"No instance of RDS in us-east-1 has the address {HOST}\n")
