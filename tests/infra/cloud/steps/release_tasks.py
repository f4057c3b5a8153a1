"""What the release step is asked, and what ECS answers about its task."""

from typing import Any

from tests.infra.cloud.steps.conftest import ACCOUNT, NEW

TASK = f"{ACCOUNT}:task/app/0123456789abcdef"
ASKED: dict[str, Any] = {
    "region": "us-east-1",
    "profile": "",
    "cluster": "app",
    "service": "app-web",
    "task_definition": NEW,
    "container": "web",
    "commands": ["python manage.py migrate --noinput"],
    "static_files": "",
    "publisher": "",
    "subnets": ["subnet-1", "subnet-2"],
    "public_address": True,
    "security_groups": ["sg-1"],
    "platform_version": "1.4.0",
    "started_by": "app-release",
    "log_group": "/app",
    "stream_prefix": "app",
    "timeout": 60,
    "secrets": ["postgres://app:TOP%40SECRET@database/app"],
    "pause": 0.01,
}


def web(running: int, status: str = "ACTIVE") -> dict[str, Any]:
    """The web's service, with so many tasks that run."""
    return {"services": [{"serviceName": "app-web", "status": status, "runningCount": running}]}


def running(status: str = "RUNNING") -> dict[str, Any]:
    return {"tasks": [{"taskArn": TASK, "lastStatus": status, "containers": [{"name": "web"}]}]}


def stopped(code: int | None = 0, stop: str = "EssentialContainerExited", why: str = "", **more: Any) -> dict[str, Any]:
    web = {"name": "web", **({} if code is None else {"exitCode": code}), **more.pop("web", {})}
    others = more.pop("others", [{"name": "prepare", "exitCode": 0}])
    return {
        "tasks": [
            {
                "taskArn": TASK,
                "lastStatus": "STOPPED",
                "stopCode": stop,
                "stoppedReason": why,
                "containers": [web, *others],
            }
        ]
    }


def lines(*messages: str) -> list[dict[str, Any]]:
    """The answers of GetLogEvents for a stream with these lines: all at once, then nothing new."""
    return [
        {"events": [{"timestamp": 1, "message": message} for message in messages], "nextForwardToken": "f/1"},
        {"events": [], "nextForwardToken": "f/1"},
    ]
