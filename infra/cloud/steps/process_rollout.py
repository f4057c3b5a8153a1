"""Waits until the new version of a process runs and goes on running, or says what went wrong. Run by local.Command.

Nothing asks a process how it is, so ECS calls a deployment complete as soon as the tasks have started, and its circuit
breaker doesn't count those that end after that:
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html

A process of which there are never two is rolled out by this step itself: ECS counts the tasks that are running and
starting, not those that are still ending, so that a new one may start beside an old one that takes its time:
https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentConfiguration.html (maximumPercent)
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from infra.cloud.aws import AWSError, explain_errors
from infra.cloud.requests import ProcessRolloutRequest
from infra.cloud.steps.service import RolloutError, ServiceRollout, check, short

ENDED = "EssentialContainerExited"


def main() -> None:
    """Exit status 0 when the wanted version runs, else 1 with the reason on standard error."""
    check(ProcessRolloutRequest, lambda request: ProcessRollout(request).run())


class ProcessRollout(ServiceRollout):
    """The roll-out of a process."""

    request: ProcessRolloutRequest

    def __init__(self, request: ProcessRolloutRequest) -> None:
        super().__init__(request)
        self.ended_before = self.ended()

    def run(self) -> None:
        """Waits; raises RolloutError if the version is rolled back, isn't steady in time, or ends by itself."""
        request, service = self.request, self.look()
        if request.single:
            if not self.is_as_wanted(service):
                self.before = _definition(service)
                self.hand_over(request.task_definition)
        elif not request.tasks <= service["desiredCount"] <= request.most:  # autoscaling isn't there any more
            self.update(desiredCount=request.tasks)
        self.wait_until_steady()
        since = time.monotonic()
        while time.monotonic() - since < request.steady:
            if self.ended() - self.ended_before:
                version, reasons = short(request.task_definition), self.reasons(self.look())
                raise RolloutError(f"The new version {version} started, and ended by itself{reasons}{self.go_back()}")
            time.sleep(request.pause)
        print(f"{short(request.task_definition)} runs in {request.service}", flush=True)

    def is_as_wanted(self, service: Mapping[str, Any]) -> bool:
        """Whether the service has the wanted version and number, as when it was made just now."""
        wanted = (self.request.task_definition, self.request.tasks)
        return (_definition(service), service["desiredCount"]) == wanted

    def hand_over(self, definition: str) -> None:
        """Has the old task end, waits until it has, and only then starts one of the definition."""
        self.update(desiredCount=0)
        with self.nothing_runs():
            while still := self.alive():
                if time.monotonic() > self.deadline:
                    raise RolloutError(
                        f"{still} of the version before still runs after rollout-timeout, {self.request.timeout} "
                        f"seconds, so {short(definition)} was not started. The next `pulumi up` goes on."
                    )
                time.sleep(self.request.pause)
            self.update(desiredCount=self.request.tasks, taskDefinition=definition)

    @contextmanager
    def nothing_runs(self) -> Iterator[None]:
        """Says so when this is interrupted or AWS fails: the number of tasks is zero, and ECS goes on with nothing.

        It isn't put back, since the old task may still be ending, and ECS would start another one beside it.
        """
        try:
            with explain_errors():
                yield
        except (AWSError, KeyboardInterrupt) as error:
            why = str(error) or "The roll-out was interrupted."
            fix = f"pulumi up -s {self.request.stack}"
            raise RolloutError(f"{why}\nNo task of {self.request.service} is to run now. Fix: {fix}") from None

    def alive(self) -> str:
        """A task of the service whose containers haven't ended; nothing if there is none."""
        request = self.request
        tasks: list[str] = []
        for desired in ("RUNNING", "STOPPED"):
            tasks += self.ecs.list_tasks(cluster=request.cluster, serviceName=request.service, desiredStatus=desired)[
                "taskArns"
            ]
        if not tasks:
            return ""
        found = self.ecs.describe_tasks(cluster=request.cluster, tasks=tasks[:100])["tasks"]
        # After DEPROVISIONING begins, no container runs any more:
        # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-lifecycle-explanation.html
        over = {"DEPROVISIONING", "STOPPED", "DELETED"}
        return next((f"Task {short(task['taskArn'])}" for task in found if task["lastStatus"] not in over), "")

    def start_version_before(self, deployments: Mapping[str, Any]) -> None:
        if self.request.single:
            self.deadline = time.monotonic() + self.request.timeout
            self.hand_over(self.before)
        else:
            super().start_version_before(deployments)

    def previous(self, service: Mapping[str, Any]) -> str:
        """The other definition of which tasks run, or have run: those of a single process end before the new one."""
        return super().previous(service) or self.before

    def ended(self) -> set[str]:
        """The tasks of the wanted version that ended by themselves, which none of a process should."""
        wanted = self.request.task_definition
        return {str(task["taskArn"]) for task in self.stopped(wanted) if task.get("stopCode") == ENDED}


def _definition(service: Mapping[str, Any]) -> str:
    """The definition of the service's newest deployment."""
    return next((str(one["taskDefinition"]) for one in service["deployments"] if one["status"] == "PRIMARY"), "")


if __name__ == "__main__":
    main()
