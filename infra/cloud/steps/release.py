"""Runs the release commands in one-off tasks and reports how they ended. Run by local.Command.

Whatever happens to this step, it stops its task at the end. After a SIGKILL, the next run stops it.
"""

import shlex
import signal
import sys
import time
from collections.abc import Mapping
from types import FrameType
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from infra.cloud.aws import AWSError, client, explain_errors
from infra.cloud.requests import ReleaseRequest
from infra.cloud.steps.logs import Log
from infra.steps import RedactedOutput, quoted, read_request

TAIL = 20
STOPPING = 60.0  # seconds that a task may take to stop
PUBLISH = "python manage.py publish_static {}"
PROPAGATION = 60.0  # seconds until all of ECS knows a new task

_ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Reasons why ECS or somebody else stopped a started task; for any other reason, the container ended by itself.
_STOPPED_FROM_OUTSIDE = {
    "UserInitiated": "was stopped by hand",
    "ServiceSchedulerInitiated": "was stopped by ECS",
    "SpotInterruption": "was interrupted by Fargate Spot",
    "TerminationNotice": "was stopped by Fargate",
}


class ReleaseError(Exception):
    """A failed release; the message says which command failed, and how."""


class Interrupted(BaseException):
    """A signal to end. It is no Exception, which botocore would take for a failed connection and retry."""


def main() -> None:
    """Exit status 0 when every command ended with 0, else 1 with the reason on standard error."""
    for ending in _ENDINGS:
        signal.signal(ending, _end)
    request = read_request(ReleaseRequest)
    try:
        with explain_errors():
            ReleaseRun(request).run()
    except (AWSError, ReleaseError, Interrupted) as error:
        sys.exit(f"{error}\n{what_serves(request)}The next `pulumi up` runs the release again.")


class ReleaseRun:
    """One run of the release commands of one stack."""

    def __init__(self, request: ReleaseRequest) -> None:
        self.request = request
        self.deadline = time.monotonic() + request.timeout
        self.ecs = client("ecs", request)
        self.logs = client("logs", request)
        self.running: set[str] = set()
        self.seen: dict[str, float] = {}

    def run(self) -> None:
        """Runs all commands in order, and publishes the static files meanwhile; raises ReleaseError at the first that
        fails."""
        self.stop_all("A new release begins")  # left by a run that was killed
        publish = PUBLISH.format(self.request.static_files)
        try:
            publication = self.start(publish, self.request.publisher) if self.request.static_files else ""
            for command in self.request.commands:
                self.follow(command, self.start(command))
            if publication:
                self.follow(publish, publication)
        except BaseException:
            for ending in _ENDINGS:
                signal.signal(ending, signal.SIG_IGN)
            try:
                self.stop_all("The release was ended")
            except (BotoCoreError, ClientError) as error:
                print(f"A task of the release may still be running: {error}", file=sys.stderr)
            raise

    def follow(self, command: str, task: str) -> None:
        """Waits until the task of a command has ended, and prints its output as it comes."""
        log = Log(self.logs, self.request, task)
        output = RedactedOutput(self.request.secrets, TAIL)
        while (state := self.look(task))["lastStatus"] != "STOPPED":
            self.pass_on(log, output)
            if time.monotonic() > self.deadline:
                self.fail(command, f"was ended: release-timeout is {self.request.timeout} seconds", output)
            time.sleep(self.request.pause)
        self.running.discard(task)
        time.sleep(self.request.pause)  # the last lines arrive a moment after the end
        self.pass_on(log, output)
        output.close()
        how = self.judge(state)
        if how:
            self.fail(command, how, output)

    def start(self, command: str, role: str = "") -> str:
        """Starts a task for a command, with another role than the app's if one is given, and returns its ARN."""
        request = self.request
        try:
            answer = self.ecs.run_task(
                cluster=request.cluster,
                taskDefinition=request.task_definition,
                count=1,
                launchType="FARGATE",
                platformVersion=request.platform_version,
                networkConfiguration={
                    "awsvpcConfiguration": {
                        "subnets": request.subnets,
                        "securityGroups": request.security_groups,
                        "assignPublicIp": "ENABLED",
                    }
                },
                startedBy=request.started_by,
                propagateTags="TASK_DEFINITION",
                overrides={
                    "containerOverrides": [{"name": request.container, "command": shlex.split(command)}],
                    **({"taskRoleArn": role} if role else {}),
                },
            )
        except ClientError as error:
            why = error.response["Error"].get("Message", "")
            if not _no_room(why):
                raise
            raise ReleaseError(f"Release command `{command}` could not be started: {why}{_no_room(why)}") from None
        if not answer["tasks"]:
            why = "; ".join(failure.get("reason", "") for failure in answer["failures"]) or "ECS gives no reason"
            raise ReleaseError(f"Release command `{command}` could not be started: {why}{_no_room(why)}")
        arn: str = answer["tasks"][0]["taskArn"]
        self.running.add(arn)
        print(f"Task {arn.rpartition('/')[2]} for `{command}` starts; on Fargate that takes a minute.", flush=True)
        return arn

    def look(self, task: str) -> dict[str, Any]:
        """The task as ECS describes it; a new task that not all of ECS knows yet has an empty status."""
        tasks = self.ecs.describe_tasks(cluster=self.request.cluster, tasks=[task])["tasks"]
        now = time.monotonic()
        if tasks:
            self.seen[task] = now
            state: dict[str, Any] = tasks[0]
            return state
        if now - self.seen.setdefault(task, now) > PROPAGATION:
            raise ReleaseError(f"ECS no longer knows the task {task}.")
        return {"lastStatus": ""}

    def judge(self, task: Mapping[str, Any]) -> str:
        """How the stopped task failed; nothing if its command ended with 0."""
        containers = {container["name"]: container for container in task.get("containers", [])}
        main = containers.get(self.request.container, {})
        code, reason = main.get("exitCode"), main.get("reason", "")
        stop, why = task.get("stopCode", ""), task.get("stoppedReason", "")
        if stop in _STOPPED_FROM_OUTSIDE:
            return f"{_STOPPED_FROM_OUTSIDE[stop]} ({why})"
        if code is None:
            others = [
                f"the container {name} ended with exit status {container['exitCode']}"
                for name, container in containers.items()
                if container.get("exitCode")
            ]
            reasons = list(dict.fromkeys(filter(None, (why, reason, *others))))
            why = "; ".join(reasons) or stop
            return f"never started: {why}{_no_room(why)}"
        if code != 0:
            killed = " (killed: out of memory; set memory higher)" if "OutOfMemory" in f"{reason}{why}" else ""
            return f"failed with exit status {code}{killed}"
        return ""

    def stop_all(self, reason: str) -> None:
        """Stops the stack's release tasks, also one whose start was never confirmed, and waits until they stopped."""
        tasks = self.ecs.list_tasks(cluster=self.request.cluster, startedBy=self.request.started_by)["taskArns"]
        until = time.monotonic() + STOPPING
        for task in {*tasks, *self.running}:
            while not self.stop(task, reason) and time.monotonic() < until:
                time.sleep(self.request.pause)
            while time.monotonic() < until and self.look(task)["lastStatus"] != "STOPPED":
                time.sleep(self.request.pause)

    def stop(self, task: str, reason: str) -> bool:
        """Whether ECS accepted the call that stops the task; it refuses as long as it doesn't know a new one."""
        try:
            self.ecs.stop_task(cluster=self.request.cluster, task=task, reason=reason)
        except self.ecs.exceptions.InvalidParameterException:
            return False
        return True

    def pass_on(self, log: Log, output: RedactedOutput) -> None:
        for line in log.read():
            output.feed(f"{line}\n")

    def fail(self, command: str, how: str, output: RedactedOutput) -> None:
        raise ReleaseError(f"Release command `{command}` {how}.{quoted(output.last_lines())}")


def what_serves(request: ReleaseRequest) -> str:
    """A sentence for the end of an error: whether a web version still serves; nothing if AWS doesn't answer."""
    try:
        with explain_errors():
            answer = client("ecs", request).describe_services(cluster=request.cluster, services=[request.service])
    except AWSError:
        return ""
    active = [service for service in answer["services"] if service["status"] == "ACTIVE"]
    if not active:
        return "There is no web version yet, so nothing serves. "
    if not active[0]["runningCount"]:
        return f"No task of the service {request.service} runs, so nothing serves. "
    return "The web version that was running keeps serving. "


def _no_room(why: str) -> str:
    """What to do when ECS has no room for the task; nothing for any other reason."""
    if "capacity" in why.lower():
        return " Fargate has no capacity in these zones now: run `pulumi up` again later, or add a zone to `zones`."
    if "vcpu" in why.lower():
        return " Your account's quota for Fargate is used up: stop other tasks, or have it raised in Service Quotas."
    return ""


def _end(number: int, frame: FrameType | None) -> None:
    del frame
    raise Interrupted(f"The release was interrupted ({signal.Signals(number).name}).")


if __name__ == "__main__":
    main()
