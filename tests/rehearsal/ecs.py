"""Tasks and services of the tests: what they are made of, and what they print."""

import json
import secrets
from collections.abc import Mapping
from typing import Any

from tests.rehearsal.conftest import AWS
from tests.waiting import wait_until

IMAGE = "python:3.13-slim-trixie"
GROUP = "/tests"
NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-1"], "securityGroups": [], "assignPublicIp": "ENABLED"}}


def define(aws: AWS, containers: list[dict[str, Any]], **more: Any) -> str:
    """Registers a definition whose containers log to GROUP; its ARN."""
    logs = aws.client("logs")
    if not logs.describe_log_groups(logGroupNamePrefix=GROUP)["logGroups"]:
        logs.create_log_group(logGroupName=GROUP)
    options = {"awslogs-group": GROUP, "awslogs-region": logs.meta.region_name, "awslogs-stream-prefix": "app"}
    log = {"logDriver": "awslogs", "options": options}
    given = {
        "family": f"tests-{secrets.token_hex(3)}",
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "cpu": "256",
        "memory": "512",
        "containerDefinitions": [{"image": IMAGE, "logConfiguration": log, **container} for container in containers],
    } | more
    definition: str = aws.client("ecs").register_task_definition(**given)["taskDefinition"]["taskDefinitionArn"]
    return definition


def run_task(aws: AWS, definition: str, **more: Any) -> str:
    """Starts a task; its ARN."""
    ecs = aws.client("ecs")
    ecs.create_cluster(clusterName="tests")
    answer = ecs.run_task(
        cluster="tests", taskDefinition=definition, launchType="FARGATE", networkConfiguration=NETWORK, **more
    )
    task: str = answer["tasks"][0]["taskArn"]
    return task


def describe(aws: AWS, task: str) -> Mapping[str, Any]:
    """The task as ECS describes it."""
    found: Mapping[str, Any] = aws.client("ecs").describe_tasks(cluster="tests", tasks=[task])["tasks"][0]
    return found


def wait_until_stopped(aws: AWS, task: str) -> Mapping[str, Any]:
    """The task once it stopped."""
    wait_until(lambda: describe(aws, task)["lastStatus"] == "STOPPED", f"the end of {task}")
    return describe(aws, task)


def log_lines(aws: AWS, task: str, container: str) -> list[str]:
    """The lines that a container of a task printed."""
    stream = f"app/{container}/{task.rpartition('/')[2]}"
    events = wait_until(
        lambda: aws.client("logs").get_log_events(logGroupName=GROUP, logStreamName=stream)["events"],
        f"lines in {stream}",
    )
    return [event["message"] for event in events]


def python(program: str) -> list[str]:
    """The command line of a Python program."""
    return ["python3", "-c", program]


def printed_json(aws: AWS, task: str, container: str) -> dict[str, Any]:
    """What a container printed as one line of JSON."""
    found: dict[str, Any] = json.loads(log_lines(aws, task, container)[0])
    return found
