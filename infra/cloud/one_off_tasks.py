"""Starts, watches and stops one-off tasks on Fargate: those of a release, and those of `django-stack run`."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from infra.cloud.aws import client
from infra.cloud.requests import OneOffTaskRequest

STOPPING = 60.0  # seconds that a task may take to stop
PROPAGATION = 60.0  # seconds until all of ECS knows a new task

# Reasons why ECS or somebody else stopped a started task; for any other reason, the container ended by itself.
_STOPPED_FROM_OUTSIDE = {
    "UserInitiated": "was stopped by hand",
    "ServiceSchedulerInitiated": "was stopped by ECS",
    "SpotInterruption": "was interrupted by Fargate Spot",
    "TerminationNotice": "was stopped by Fargate",
}


class TaskError(Exception):
    """A task that couldn't be started or is lost; the message says why, and what to do."""


class OneOffTasks:
    """The one-off tasks of a request. `running` has the ARNs of those that were started; whoever sees the end of one
    takes it out."""

    def __init__(self, request: OneOffTaskRequest) -> None:
        self.request = request
        self.running: set[str] = set()
        self._ecs = client("ecs", request)
        self._seen: dict[str, float] = {}

    def start(
        self,
        command: Sequence[str],
        environment: Mapping[str, str] | None = None,
        role: str = "",
        *,
        with_agent: bool = False,
    ) -> str:
        """Starts a task with the words of a command, more variables, and another role than the app's (an ARN); its ARN.

        Without words, the command is the definition's own.
        `with_agent` is for sessions: AWS's agent runs in it. Raises TaskError.
        """
        request = self.request
        container: dict[str, Any] = {"name": request.container}
        if command:
            container["command"] = list(command)
        if environment:
            container["environment"] = [{"name": name, "value": value} for name, value in environment.items()]
        try:
            answer = self._ecs.run_task(
                cluster=request.cluster,
                taskDefinition=request.task_definition,
                count=1,
                launchType="FARGATE",
                platformVersion=request.platform_version,
                networkConfiguration={
                    "awsvpcConfiguration": {
                        "subnets": request.subnets,
                        "securityGroups": request.security_groups,
                        "assignPublicIp": "ENABLED" if request.public_address else "DISABLED",
                    }
                },
                startedBy=request.started_by,
                propagateTags="TASK_DEFINITION",
                enableExecuteCommand=with_agent,
                overrides={"containerOverrides": [container], **({"taskRoleArn": role} if role else {})},
            )
        except ClientError as error:
            why = error.response["Error"].get("Message", "")
            if not _no_room(why):
                raise
            raise TaskError(f"{why}{_no_room(why)}") from None
        if not answer["tasks"]:
            why = "; ".join(failure.get("reason", "") for failure in answer["failures"]) or "ECS gives no reason"
            raise TaskError(f"{why}{_no_room(why)}")
        arn = str(answer["tasks"][0]["taskArn"])
        self.running.add(arn)
        return arn

    def look(self, task: str) -> dict[str, Any]:
        """The task as ECS describes it; a new task that not all of ECS knows yet has an empty status."""
        tasks = self._ecs.describe_tasks(cluster=self.request.cluster, tasks=[task])["tasks"]
        now = time.monotonic()
        if tasks:
            self._seen[task] = now
            state: dict[str, Any] = tasks[0]
            return state
        if now - self._seen.setdefault(task, now) > PROPAGATION:
            raise TaskError(f"ECS no longer knows the task {task}.")
        return {"lastStatus": ""}

    def stop_all(self, reason: str, *, wait: bool = True) -> None:
        """Stops the tasks of this name, also one whose start was never confirmed, and waits until they stopped.

        Without `wait`, it returns as soon as ECS knows that they are to stop.
        """
        tasks = self._ecs.list_tasks(cluster=self.request.cluster, startedBy=self.request.started_by)["taskArns"]
        until = time.monotonic() + STOPPING
        for task in {*tasks, *self.running}:
            while not self.stop(task, reason) and time.monotonic() < until:
                time.sleep(self.request.pause)
            while wait and time.monotonic() < until and self.look(task)["lastStatus"] != "STOPPED":
                time.sleep(self.request.pause)

    def stop(self, task: str, reason: str) -> bool:
        """Whether ECS accepted the call that stops the task; it refuses as long as it doesn't know a new one."""
        try:
            self._ecs.stop_task(cluster=self.request.cluster, task=task, reason=reason)
        except self._ecs.exceptions.InvalidParameterException:
            return False
        return True


def exit_status(task: Mapping[str, Any], container: str) -> int | None:
    """The exit status of the container in a stopped task; None when it never started."""
    for one in task.get("containers", []):
        if one["name"] == container and one.get("exitCode") is not None:
            return int(one["exitCode"])
    return None


def has_succeeded(task: Mapping[str, Any], container: str) -> bool:
    """Whether the container is known to have ended with 0 in a task that isn't STOPPED yet.

    Then Fargate still takes the task's network interface away, for which nothing has to wait:
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-lifecycle-explanation.html
    """
    return task["lastStatus"] == "DEPROVISIONING" and "stopCode" in task and exit_status(task, container) == 0


def judge(task: Mapping[str, Any], container: str) -> str:
    """How the stopped task failed; nothing if the container's command ended with 0."""
    containers = {one["name"]: one for one in task.get("containers", [])}
    reason = containers.get(container, {}).get("reason", "")
    code = exit_status(task, container)
    stop, why = task.get("stopCode", ""), task.get("stoppedReason", "")
    if stop in _STOPPED_FROM_OUTSIDE:
        return f"{_STOPPED_FROM_OUTSIDE[stop]} ({why})"
    if code is None:
        others = [
            f"the container {name} ended with exit status {one['exitCode']}"
            for name, one in containers.items()
            if one.get("exitCode")
        ]
        reasons = list(dict.fromkeys(filter(None, (why, reason, *others))))
        why = "; ".join(reasons) or stop
        return f"never started: {why}{_no_room(why)}"
    if code != 0:
        killed = " (killed: out of memory; set memory higher)" if "OutOfMemory" in f"{reason}{why}" else ""
        return f"failed with exit status {code}{killed}"
    return ""


def _no_room(why: str) -> str:
    """What to do when ECS has no room for the task; nothing for any other reason."""
    if "capacity" in why.lower():
        return " Fargate has no capacity in these zones now: try again later, or add a zone to `zones`."
    if "vcpu" in why.lower():
        return " Your account's quota for Fargate is used up: stop other tasks, or have it raised in Service Quotas."
    return ""
