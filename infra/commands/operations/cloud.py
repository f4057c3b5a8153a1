"""What the commands ask of a stack on AWS."""

import sys
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property

from infra.cloud.aws import AWSError, explain_errors
from infra.cloud.one_off_tasks import OneOffTasks, TaskError, exit_status, judge
from infra.cloud.requests import OneOffTaskRequest
from infra.cloud.steps.logs import Log
from infra.commands.operations import LogLine, LogQuery
from infra.commands.operations.cloud_logs import CloudLogs
from infra.commands.operations.cloud_schedules import CloudSchedules
from infra.commands.operations.cloud_stack import CloudStack, explained
from infra.commands.operations.cloud_status import SECONDS, CloudStatus, primary_deployment
from infra.commands.operations.schedules import StackSchedule
from infra.commands.operations.status import Status, ask
from infra.plain import without_escapes


class StackOperations:
    """Those of a stack on AWS."""

    has_terminal = False

    def __init__(self, name: str, settings: Mapping[str, object]) -> None:
        self._stack = CloudStack(name, settings)

    # One-off tasks

    @explained
    def run(
        self, command: Sequence[str], environment: Mapping[str, str], *, timeout: float | None, detach: bool
    ) -> int:
        request = self._stack.request(f"run-{uuid.uuid4().hex[:8]}")
        return self._one_off(request, command, environment, timeout=timeout, detach=detach)

    @explained
    def schedules(self) -> list[StackSchedule]:
        return CloudSchedules(self._stack).all()

    @explained
    def run_schedule(self, schedule: str, *, detach: bool) -> int:
        task, container, words = CloudSchedules(self._stack).task(schedule)
        request = self._stack.request(f"{container}-{uuid.uuid4().hex[:8]}", task)
        return self._one_off(replace(request, container=container), words, {}, timeout=None, detach=detach)

    def _one_off(
        self,
        request: OneOffTaskRequest,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        timeout: float | None,
        detach: bool,
    ) -> int:
        """Runs a command in a task of its own."""
        tasks = OneOffTasks(request)
        try:
            task = tasks.start(command, environment)
        except TaskError as error:
            sys.exit(f"The command can't be started: {error}")
        run = task.rpartition("/")[2]
        if detach:
            print(f"{run}\nIts output and end: django-stack run -s {self._stack.name} --attach {run}")
            return 0
        print(f"Task {run} starts; on Fargate that takes a minute.", file=sys.stderr)
        return self._follow(tasks, task, timeout)

    @explained
    def attach(self, run: str) -> int:
        request = self._stack.request("")
        tasks = OneOffTasks(request)
        found = self._stack.client("ecs").describe_tasks(cluster=request.cluster, tasks=[run])["tasks"]
        if not found:
            sys.exit(f"There is no run {run} of the stack {self._stack.name}. ECS knows ended tasks for about an hour.")
        return self._follow(tasks, str(found[0]["taskArn"]), None)

    def manage(self, arguments: Sequence[str], environment: Mapping[str, str]) -> int:
        return self.run(["python", "manage.py", *arguments], environment, timeout=None, detach=False)

    def _follow(self, tasks: OneOffTasks, task: str, timeout: float | None) -> int:
        """Shows the output of a task as it comes; the command's exit status."""
        request = tasks.request
        log = Log(self._stack.client("logs"), request, task)
        until = time.monotonic() + timeout if timeout else None
        ended = False
        try:
            while (state := tasks.look(task))["lastStatus"] != "STOPPED":
                _show(log)
                if until and time.monotonic() > until and not ended:
                    ended = True
                    tasks.stop(task, f"It took longer than {timeout:g} seconds")
                time.sleep(request.pause)
        except KeyboardInterrupt:
            if request.started_by:  # what was detached goes on
                tasks.stop(task, "Ctrl-C")
            return 130
        except TaskError as error:
            sys.exit(str(error))
        time.sleep(request.pause)  # the last lines arrive a moment after the end
        _show(log)
        if ended:
            print(f"The command was ended after {timeout:g} seconds.", file=sys.stderr)
            return 124
        how, status = judge(state, request.container), exit_status(state, request.container)
        if how and (status is None or "memory" in how or "was stopped" in how):
            print(f"The command {how}.", file=sys.stderr)
        return 1 if status is None else status

    # What there is to be seen

    @explained
    def secrets(self) -> list[str]:
        return list(self._stack.secrets.values())

    def logs(self, query: LogQuery) -> Iterator[LogLine]:
        try:
            with explain_errors():
                found = CloudLogs(self._stack.client("logs"), self._stack.log_group, self._process_of)
                yield from found.lines(query)
        except AWSError as error:
            sys.exit(str(error))

    @explained
    def status(self, *, cost: bool) -> Status:
        service, container = self._stack.service, self._stack.container
        primary = primary_deployment(service)
        sections = CloudStatus(self._stack, cost=cost)
        return Status(
            url=f"https://{self._stack.environment.get('DOMAIN', '')}/",
            image=str(container["image"]),
            since=primary.get("updatedAt") or primary.get("createdAt"),
            processes=sections.processes(),
            sections=ask(sections.questions(), SECONDS),
        )

    def _process_of(self, task: str) -> str:
        """What the task is for; ECS knows ended tasks for about an hour, and of older ones only the web is likely."""
        if task not in self._processes:
            found = self._stack.client("ecs").describe_tasks(cluster=self._stack.prefix, tasks=[task])["tasks"]
            started_by = str(found[0].get("startedBy", "")) if found else ""
            group = str(found[0].get("group", "")) if found else ""
            one_off = started_by.partition("-")[0] if started_by and not group.startswith("service:") else ""
            self._processes[task] = one_off or "web"
        return self._processes[task]

    @cached_property
    def _processes(self) -> dict[str, str]:
        return {}


def _show(log: Log) -> None:
    for line in log.read():
        print(without_escapes(line), flush=True)
