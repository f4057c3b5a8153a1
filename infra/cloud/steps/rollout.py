"""Waits until the new definition is rolled out and the site ready, or says what went wrong. Run by local.Command.

The provider's own wait takes a roll-back by the circuit breaker for a success: it sees a steady service, but doesn't
check which version is steady (pulumi-aws #4487, terraform-provider-aws #20858).
"""

import http.client
import signal
import socket
import ssl
import sys
import time
from collections.abc import Iterable, Mapping
from typing import Any

from infra.cloud.aws import AWSError, client, explain_errors
from infra.cloud.requests import RolloutRequest
from infra.cloud.steps.logs import Log
from infra.cloud.steps.rollback_alarm import configuration, is_watched
from infra.readiness import READY, GracePeriod, ReadinessError, ask, judge_home, judge_readiness
from infra.redaction import redactor
from infra.steps import quoted, read_request

TAIL = 15
ANSWER = 30.0  # seconds that one answer may take
MIN_READY_SECONDS = 60.0  # for the site, however long the tasks took
BACK = 600.0  # seconds for the way back to the version before
STOPPED_TASKS = 2  # the number of stopped tasks that are shown
NEXT_STEP = (
    "Fix the code and run `pulumi up`. To try the same version again, run "
    "`pulumi up -s {stack} --refresh`, because the state doesn't know yet that ECS went back."
)


class RolloutError(Exception):
    """A roll-out that failed; the message says why, and what to do."""


def main() -> None:
    """Exit status 0 when the wanted version serves and is ready, else 1 with the reason on standard error."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it by default
    request = read_request(RolloutRequest)
    try:
        with explain_errors():
            Rollout(request).run()
    except (AWSError, RolloutError) as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(
            "The roll-out check was interrupted. ECS continues the roll-out; the next `pulumi up` checks it again."
        )


class Rollout:
    """The roll-out of one service."""

    def __init__(self, request: RolloutRequest) -> None:
        self.request = request
        self.deadline = time.monotonic() + request.timeout
        self.ecs = client("ecs", request)
        self.logs = client("logs", request)
        self.shown: set[str] = set()
        self.before = ""  # the definition that served until now, if it was seen
        self.unwatched: dict[str, Any] = {}  # the service, if ECS doesn't watch its alarm

    def run(self) -> None:
        """Waits; raises RolloutError if the version is rolled back, is broken, or not steady or ready in time."""
        try:
            self.wait_until_steady()
            self.wait_until_ready()
        finally:
            self.watch_again()
        print(f"{_short(self.request.task_definition)} serves https://{self.request.domain}", flush=True)

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
            self.before = _previous(service, wanted) or self.before
            other_since = None if running == wanted else other_since or now
            waited = other_since is not None and now - other_since >= self.request.tolerance
            if running != wanted and (waited or now > self.deadline or _failed(service, wanted)):
                raise RolloutError(
                    f"The new version {_short(wanted)} did not start, and ECS went back to {_short(running)}, "
                    f"which serves.{self.reasons(service)}\n{NEXT_STEP.format(stack=self.request.stack)}"
                )
            if running == wanted and primary.get("rolloutState") == "FAILED":
                raise RolloutError(
                    f"The version {_short(wanted)} did not start, and there is no previous one that could serve."
                    f"{self.reasons(service)}\n{NEXT_STEP.format(stack=self.request.stack)}"
                )
            completed = running == wanted and primary.get("rolloutState") == "COMPLETED"
            if completed and service["runningCount"] >= needed:
                return
            if now > self.deadline:
                raise RolloutError(
                    f"The new version {_short(wanted)} is not steady after rollout-timeout, "
                    f"{self.request.timeout} seconds: {primary.get('runningCount', 0)} of {needed} "
                    f"tasks run.{self.reasons(service)}\n"
                    f"ECS keeps trying; the next `pulumi up` checks again."
                )
            time.sleep(self.request.pause)

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

    def stopped_tasks(self, definition: str) -> Iterable[str]:
        """A paragraph for each of the last stopped tasks of the definition, the latest first."""
        arns = self.ecs.list_tasks(
            cluster=self.request.cluster, serviceName=self.request.service, desiredStatus="STOPPED"
        )["taskArns"]
        if not arns:
            return
        tasks = self.ecs.describe_tasks(cluster=self.request.cluster, tasks=arns)[
            "tasks"
        ]  # both calls return 100 at most
        ours = [task for task in tasks if task["taskDefinitionArn"] == definition]
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
            yield f"\n  Task {_short(task['taskArn'])} stopped: {about}.{quoted(lines)}"

    def wait_until_ready(self) -> None:
        """Sends requests to the site from outside until it is ready and has a home page."""
        domain = self.request.domain
        for path, judge in ((READY, judge_readiness), ("/", judge_home)):
            grace_period = GracePeriod(self.request.tolerance)
            until = max(self.deadline, time.monotonic() + min(MIN_READY_SECONDS, self.request.timeout))
            while True:
                begun = time.monotonic()
                answer = ask(Connection(domain, self.request.connect_to), path, domain)
                try:
                    missing = grace_period.missing(judge(answer, f"https://{domain}{path}"), begun)
                except ReadinessError as error:
                    raise RolloutError(f"The new version runs, but {error}{self.go_back()}") from None
                if not missing:
                    break
                if time.monotonic() > until:
                    raise RolloutError(
                        f"The new version runs, but the site is not ready: {missing}\n"
                        "The next `pulumi up` checks again."
                    )
                time.sleep(self.request.pause)

    def go_back(self) -> str:
        """Has ECS return to the definition that served before, if there was one; a sentence about that.

        ECS itself goes back only when visitors meet enough errors during the roll-out, and nobody may visit the site.
        The way back is not watched by the alarm: what visitors meet on it would have ECS return to the broken version,
        the last one that it calls complete.
        """
        if not self.before:
            return ""
        service = self.look()
        self._update(configuration(service, watched=False), taskDefinition=self.before)
        until = time.monotonic() + BACK
        while not (back := self._is_back()) and time.monotonic() < until:
            time.sleep(self.request.pause)
        self.unwatched = service
        what = "went back to" if back else "is still going back to"
        return f".\nECS {what} {_short(self.before)}.\n{NEXT_STEP.format(stack=self.request.stack)}"

    def watch_again(self) -> None:
        """Has ECS watch the alarm again, where the release or the way back had it look away."""
        if self.unwatched:
            self._update(configuration(self.unwatched, watched=True))

    def _is_back(self) -> bool:
        return any(
            one["status"] == "PRIMARY"
            and one["taskDefinition"] == self.before
            and one.get("rolloutState") == "COMPLETED"
            for one in self.look()["deployments"]
        )

    def _update(self, configuration: Mapping[str, Any], **more: str) -> None:
        request = self.request
        given = {"deploymentConfiguration": configuration} if configuration else {}
        self.ecs.update_service(cluster=request.cluster, service=request.service, **given, **more)


class Connection(http.client.HTTPSConnection):
    """A connection to `connect_to`, a host (and port), with the name and the certificate of the domain.

    So the check depends on no DNS records, which may be new or somebody else's to create.
    """

    def __init__(self, domain: str, connect_to: str) -> None:
        super().__init__(domain, timeout=ANSWER)
        self._place = connect_to

    def connect(self) -> None:
        host, _, port = self._place.partition(":")
        plain = socket.create_connection((host, int(port or 443)), timeout=ANSWER)
        self.sock = ssl.create_default_context().wrap_socket(plain, server_hostname=self.host)


def _failed(service: Mapping[str, Any], definition: str) -> bool:
    """Whether ECS calls a deployment of the definition failed."""
    return any(
        deployment["taskDefinition"] == definition
        and (deployment["status"] == "INACTIVE" or deployment.get("rolloutState") == "FAILED")
        for deployment in service["deployments"]
    )


def _previous(service: Mapping[str, Any], wanted: str) -> str:
    """The other definition of which tasks run; nothing if there's none."""
    others = [d["taskDefinition"] for d in service["deployments"] if d.get("runningCount", 0)]
    return next((str(definition) for definition in others if definition != wanted), "")


def _short(arn: str) -> str:
    return arn.rpartition("/")[2] or "nothing"


if __name__ == "__main__":
    main()
