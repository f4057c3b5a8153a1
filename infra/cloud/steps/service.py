"""Watches ECS roll a version of a service out, and says what went wrong; used by the steps.

The provider's own wait takes a roll-back by the circuit breaker for a success: it sees a steady service, but doesn't
check which version is steady (pulumi-aws #4487, terraform-provider-aws #20858).
"""

import signal
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from infra.cloud.aws import AWSError, client, explain_errors
from infra.cloud.requests import ServiceRequest
from infra.cloud.steps.logs import Log
from infra.cloud.steps.rollback_alarm import configuration, is_watched
from infra.redaction import redactor
from infra.steps import quoted, read_request

Request = TypeVar("Request", bound=ServiceRequest)

TAIL = 15
BACK = 600.0  # seconds for the way back to the version before
STOPPED_TASKS = 2  # the number of stopped tasks that are shown
NEXT_STEP = (
    "Fix the code and run `pulumi up`. To try the same version again, run "
    "`pulumi up -s {stack} --refresh`, because the state doesn't know yet that ECS went back."
)


class RolloutError(Exception):
    """A roll-out that failed; the message says why, and what to do."""


def check(kind: type[Request], watch: Callable[[Request], None]) -> None:
    """Runs a check of a roll-out: exit status 0 when the wanted version runs, else 1 with the reason."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it by default
    request = read_request(kind)
    try:
        with explain_errors():
            watch(request)
    except (AWSError, RolloutError) as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(
            "The roll-out check was interrupted. ECS continues the roll-out; the next `pulumi up` checks it again."
        )


class ServiceRollout:
    """The roll-out of one service."""

    do = "run"  # what a version of it is to do

    def __init__(self, request: ServiceRequest) -> None:
        self.request = request
        self.deadline = time.monotonic() + request.timeout
        self.ecs = client("ecs", request)
        self.logs = client("logs", request)
        self.shown: set[str] = set()
        self.before = ""  # the definition that served until now, if it was seen
        self.unwatched: dict[str, Any] = {}  # the service, if ECS doesn't watch its alarm

    def wait_until_steady(self) -> None:
        """Returns when ECS calls the new definition's deployment complete, and enough tasks run.

        At first ECS may still answer as it was before the update, so another definition is a roll-back only if ECS
        calls the new one failed, or if the other stays for longer than the tolerance.
        """
        wanted = self.request.task_definition
        other_since: float | None = None
        while True:
            now = time.monotonic()
            service = self.look()
            # Autoscaling takes a moment to apply a raised `tasks-min`.
            needed = max(service["desiredCount"], self.request.tasks)
            self.show_events(service)
            primary: dict[str, Any] = next((d for d in service["deployments"] if d["status"] == "PRIMARY"), {})
            running = primary.get("taskDefinition", "")
            self.before = self.previous(service) or self.before
            other_since = None if running == wanted else other_since or now
            waited = other_since is not None and now - other_since >= self.request.tolerance
            if running != wanted and (waited or now > self.deadline or _failed(service, wanted)):
                raise RolloutError(
                    f"The new version {short(wanted)} did not start, and ECS went back to {short(running)}, "
                    f"which {self.do}s.{self.reasons(service)}\n{NEXT_STEP.format(stack=self.request.stack)}"
                )
            if running == wanted and primary.get("rolloutState") == "FAILED":
                raise RolloutError(
                    f"The version {short(wanted)} did not start, and there is no previous one that could {self.do}."
                    f"{self.reasons(service)}\n{NEXT_STEP.format(stack=self.request.stack)}"
                )
            completed = running == wanted and primary.get("rolloutState") == "COMPLETED"
            if completed and service["runningCount"] >= needed:
                return
            if now > self.deadline:
                raise RolloutError(
                    f"The new version {short(wanted)} is not steady after rollout-timeout, "
                    f"{self.request.timeout} seconds: {primary.get('runningCount', 0)} of {needed} "
                    f"tasks run.{self.reasons(service)}\n"
                    f"ECS keeps trying; the next `pulumi up` checks again."
                )
            time.sleep(self.request.pause)

    def previous(self, service: Mapping[str, Any]) -> str:
        """The other definition of which tasks run; nothing if there's none."""
        others = [d["taskDefinition"] for d in service["deployments"] if d.get("runningCount", 0)]
        return next((str(definition) for definition in others if definition != self.request.task_definition), "")

    def look(self) -> dict[str, Any]:
        """The service as ECS describes it."""
        answer = self.ecs.describe_services(cluster=self.request.cluster, services=[self.request.service])
        active = [service for service in answer["services"] if service["status"] == "ACTIVE"]
        if not active:
            fix = f"pulumi up -s {self.request.stack} --refresh"
            raise RolloutError(f"ECS has no service {self.request.service}. Fix: {fix}")
        service: dict[str, Any] = active[0]
        self.unwatched = {} if is_watched(service) else service
        return service

    def show_events(self, service: Mapping[str, Any]) -> None:
        """Prints each new event of ECS once, but none from before this check."""
        events = service.get("events", [])
        news = [event for event in events if event["id"] not in self.shown]
        if self.shown:
            for event in reversed(news):
                print(event["message"], flush=True)
        self.shown |= {event["id"] for event in events} | {""}

    def reasons(self, service: Mapping[str, Any]) -> str:
        """What ECS says about the deployment of the new version, and how its tasks ended."""
        wanted = self.request.task_definition
        lines = [
            deployment["rolloutStateReason"]
            for deployment in service["deployments"]
            if deployment["taskDefinition"] == wanted and deployment.get("rolloutStateReason")
        ]
        lines += [event["message"] for event in service.get("events", [])[:5]]
        return "".join(f"\n  ECS: {line}" for line in dict.fromkeys(lines)) + "".join(self.stopped_tasks(wanted))

    def stopped(self, definition: str) -> list[dict[str, Any]]:
        """The stopped tasks of the definition, which ECS knows for about an hour."""
        arns = self.ecs.list_tasks(
            cluster=self.request.cluster, serviceName=self.request.service, desiredStatus="STOPPED"
        )["taskArns"]
        if not arns:
            return []
        # Both calls return 100 at most.
        tasks = self.ecs.describe_tasks(cluster=self.request.cluster, tasks=arns)["tasks"]
        return [task for task in tasks if task["taskDefinitionArn"] == definition]

    def stopped_tasks(self, definition: str) -> Iterable[str]:
        """A paragraph for each of the last stopped tasks of the definition, the latest first."""
        ours = self.stopped(definition)
        ours.sort(key=lambda task: task["stoppedAt"].timestamp() if "stoppedAt" in task else 0.0, reverse=True)
        for task in ours[:STOPPED_TASKS]:
            ends = [
                f"container {container['name']} "
                + (f"ended with exit status {container['exitCode']}" if "exitCode" in container else "never started")
                + (f" ({container['reason']})" if container.get("reason") else "")
                for container in task.get("containers", [])
                if container.get("exitCode") != 0
            ]
            log = Log(self.logs, self.request, task["taskArn"]).read()
            lines = redactor(self.request.secrets).text("\n".join(log[-20 * TAIL :])).split("\n")[-TAIL:] if log else []
            about = "; ".join([task.get("stoppedReason", ""), *ends])
            yield f"\n  Task {short(task['taskArn'])} stopped: {about}.{quoted(lines)}"

    def go_back(self) -> str:
        """Has ECS return to the definition that served before, if there was one; a sentence about that.

        ECS itself goes back only when visitors meet enough errors during the roll-out, and nobody may visit the site.
        The way back is not watched by the alarm: what visitors meet on it would have ECS return to the broken version,
        the last one that it calls complete.
        """
        if not self.before:
            return ""
        service = self.look()
        self.start_version_before(configuration(service, watched=False))
        until = time.monotonic() + BACK
        while not (back := self._is_back()) and time.monotonic() < until:
            time.sleep(self.request.pause)
        self.unwatched = service
        what = "went back to" if back else "is still going back to"
        return f".\nECS {what} {short(self.before)}.\n{NEXT_STEP.format(stack=self.request.stack)}"

    def watch_again(self) -> None:
        """Has ECS watch the alarm again, where the release or the way back had it look away."""
        if self.unwatched:
            self.update(configuration(self.unwatched, watched=True))

    def _is_back(self) -> bool:
        return any(
            one["status"] == "PRIMARY"
            and one["taskDefinition"] == self.before
            and one.get("rolloutState") == "COMPLETED"
            for one in self.look()["deployments"]
        )

    def start_version_before(self, deployments: Mapping[str, Any]) -> None:
        """Has ECS start the tasks of the version before, with this configuration of deployments."""
        self.update(deployments, taskDefinition=self.before)

    def update(self, deployments: Mapping[str, Any] | None = None, **changes: str | int) -> None:
        """Changes the service, and its configuration of deployments if one is given."""
        given = {"deploymentConfiguration": deployments} if deployments else {}
        self.ecs.update_service(cluster=self.request.cluster, service=self.request.service, **given, **changes)


def _failed(service: Mapping[str, Any], definition: str) -> bool:
    """Whether ECS calls a deployment of the definition failed."""
    return any(
        deployment["taskDefinition"] == definition
        and (deployment["status"] == "INACTIVE" or deployment.get("rolloutState") == "FAILED")
        for deployment in service["deployments"]
    )


def short(arn: str) -> str:
    return arn.rpartition("/")[2] or "nothing"
