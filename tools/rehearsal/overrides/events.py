"""What ECS tells EventBridge: tasks that stopped, and deployments that failed. MiniStack's ECS tells nothing.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_task_events.html
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_service_deployment_events.html
"""

import json
import threading
import time
from typing import Any

from ministack.core.responses import request_scope
from ministack.services import ecs, eventbridge

from tools.rehearsal.emulator.config import EmulatorConfig

FAILED = "SERVICE_DEPLOYMENT_FAILED"


def apply(config: EmulatorConfig) -> None:
    """Looks at tasks and deployments twice a second."""
    threading.Thread(target=_watch, args=(config,), daemon=True, name="events").start()


def _watch(config: EmulatorConfig) -> None:
    told: set[str] = set()
    while True:
        time.sleep(0.5)
        with request_scope(config.account, config.region):
            for arn, task in list(ecs._tasks.items()):
                if task["lastStatus"] == "STOPPED" and arn not in told:
                    told.add(arn)
                    _tell("ECS Task State Change", [arn], ecs._sanitize(task))
            for service in list(ecs._services.values()):
                for deployment in service["deployments"]:
                    if deployment["rolloutState"] == "FAILED" and deployment["id"] not in told:
                        told.add(deployment["id"])
                        _tell("ECS Deployment State Change", [service["serviceArn"]], _failure(deployment))


def _failure(deployment: dict[str, Any]) -> dict[str, Any]:
    reason = deployment["rolloutStateReason"]
    return {"eventType": "ERROR", "eventName": FAILED, "deploymentId": deployment["id"], "reason": reason}


def _tell(kind: str, resources: list[str], detail: dict[str, Any]) -> None:
    entry = {"Source": "aws.ecs", "DetailType": kind, "Resources": resources, "Detail": json.dumps(detail, default=str)}
    eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)
