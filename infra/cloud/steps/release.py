"""Runs the release commands in one-off tasks and tells the truth about how they ended. Run by local.Command.


The task is stopped at the end whatever happens to this step, SIGKILL excepted; the next run stops what that leaves.
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
from infra.steps import PassedOn, quoted, read_request

TAIL = 20
STOPPING = 60.0  # seconds that a task has to end once it was told so
SPREADING = 60.0  # seconds that news of a task may take to reach all of ECS

_ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Why ECS or somebody else stopped a task that had started; anything else is the container's own end.
_STOPPED_FROM_OUTSIDE = {
    "UserInitiated": "was stopped by hand",
    "ServiceSchedulerInitiated": "was stopped by ECS",
    "SpotInterruption": "was interrupted by Fargate Spot",
    "TerminationNotice": "was stopped by Fargate",
}


class ReleaseError(Exception):
    """A release that failed; the message says which command, how, and what to do."""


class Interrupted(BaseException):
    """A signal to end. No Exception: botocore takes one for a failed connection and tries again."""


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
        self.running = ""
        self.seen: dict[str, float] = {}

    def run(self) -> None:
        """Runs all commands in order; raises ReleaseError at the first that fails."""
        self.stop_all("A new release begins")  # after a run that was killed
        try:
            for command in self.request.commands:
                self.run_command(command)
        except BaseException:
            for ending in _ENDINGS:
                signal.signal(ending, signal.SIG_IGN)
            try:
                self.stop_all("The release was ended")
            except (BotoCoreError, ClientError) as error:
                print(f"A task of the release could be running still: {error}", file=sys.stderr)
            raise

    def run_command(self, command: str) -> None:
        """Runs one command in a task of its own, its output passed on as it comes."""
        task = self.start(command)
        log = Log(self.logs, self.request, task)
        output = PassedOn(self.request.secrets, TAIL)
        while (state := self.look(task))["lastStatus"] != "STOPPED":
            self.pass_on(log, output)
            if time.monotonic() > self.deadline:
                self.fail(command, f"was ended: release-timeout is {self.request.timeout} seconds", output)
            time.sleep(self.request.pause)
        self.running = ""
        time.sleep(self.request.pause)  # the last lines come a moment after the end
        self.pass_on(log, output)
        output.close()
        how = self.judge(state)
        if how:
            self.fail(command, how, output)

    def start(self, command: str) -> str:
        """Starts the task; its ARN."""
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
                overrides={"containerOverrides": [{"name": request.container, "command": shlex.split(command)}]},
            )
        except ClientError as error:
            why = error.response["Error"].get("Message", "")
            if not _no_room(why):
                raise
            raise ReleaseError(f"Release command `{command}` could not be started: {why}{_no_room(why)}") from None
        if not answer["tasks"]:
            why = "; ".join(failure.get("reason", "") for failure in answer["failures"]) or "ECS doesn't say why"
            raise ReleaseError(f"Release command `{command}` could not be started: {why}{_no_room(why)}")
        arn: str = answer["tasks"][0]["taskArn"]
        self.running = arn
        print(f"Task {arn.rpartition('/')[2]} for `{command}` starts; on Fargate that takes a minute.", flush=True)
        return arn

    def look(self, task: str) -> dict[str, Any]:
        """The task as ECS sees it; one that is new may not be known everywhere yet, and has no status then."""
        tasks = self.ecs.describe_tasks(cluster=self.request.cluster, tasks=[task])["tasks"]
        now = time.monotonic()
        if tasks:
            self.seen[task] = now
            state: dict[str, Any] = tasks[0]
            return state
        if now - self.seen.setdefault(task, now) > SPREADING:
            raise ReleaseError(f"ECS doesn't know the task {task} any more.")
        return {"lastStatus": ""}

    def judge(self, task: Mapping[str, Any]) -> str:
        """How the stopped task failed, or nothing when its command ended with 0."""
        containers = {container["name"]: container for container in task.get("containers", [])}
        main = containers.get(self.request.container, {})
        code, said = main.get("exitCode"), main.get("reason", "")
        stop, why = task.get("stopCode", ""), task.get("stoppedReason", "")
        if stop in _STOPPED_FROM_OUTSIDE:
            return f"{_STOPPED_FROM_OUTSIDE[stop]} ({why})"
        if code is None:
            others = [
                f"the container {name} ended with exit status {container['exitCode']}"
                for name, container in containers.items()
                if container.get("exitCode")
            ]
            reasons = list(dict.fromkeys(filter(None, (why, said, *others))))
            why = "; ".join(reasons) or stop
            return f"never started: {why}{_no_room(why)}"
        if code != 0:
            killed = " (killed: out of memory; set memory higher)" if "OutOfMemory" in f"{said}{why}" else ""
            return f"failed with exit status {code}{killed}"
        return ""

    def stop_all(self, reason: str) -> None:
        """Stops the stack's release tasks, also one whose start we never heard of, and waits until they ended."""
        tasks = self.ecs.list_tasks(cluster=self.request.cluster, startedBy=self.request.started_by)["taskArns"]
        until = time.monotonic() + STOPPING
        for task in {*tasks, *filter(None, [self.running])}:
            while not self.stop(task, reason) and time.monotonic() < until:
                time.sleep(self.request.pause)
            while time.monotonic() < until and self.look(task)["lastStatus"] != "STOPPED":
                time.sleep(self.request.pause)

    def stop(self, task: str, reason: str) -> bool:
        """Whether ECS takes the order to stop the task; it doesn't as long as it hasn't heard of a new one."""
        try:
            self.ecs.stop_task(cluster=self.request.cluster, task=task, reason=reason)
        except self.ecs.exceptions.InvalidParameterException:
            return False
        return True

    def pass_on(self, log: Log, output: PassedOn) -> None:
        for line in log.read():
            output.feed(f"{line}\n")

    def fail(self, command: str, how: str, output: PassedOn) -> None:
        raise ReleaseError(f"Release command `{command}` {how}.{quoted(output.last_lines())}")


def what_serves(request: ReleaseRequest) -> str:
    """Whether a web version is there that goes on, for the end of an error; nothing when AWS doesn't say."""
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
    """What to do when ECS says that there's no room for the task; nothing when it says something else."""
    if "capacity" in why.lower():
        return " Fargate has no room in these zones just now: run `pulumi up` again later, or add a zone to `zones`."
    if "vcpu" in why.lower():
        return " Your account's share of Fargate is used up: end other tasks, or have it raised in Service Quotas."
    return ""


def _end(number: int, frame: FrameType | None) -> None:
    del frame
    raise Interrupted(f"The release was interrupted ({signal.Signals(number).name}).")


if __name__ == "__main__":
    main()
