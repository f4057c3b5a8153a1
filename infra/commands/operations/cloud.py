"""What the commands ask of a stack on AWS."""

import fcntl
import os
import select
import stat
import sys
import termios
import time
import uuid
from array import array
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from infra.cloud.aws import AWSError, explain_errors
from infra.cloud.one_off_tasks import OneOffTasks, TaskError, exit_status, judge
from infra.cloud.requests import OneOffTaskRequest
from infra.cloud.steps.logs import Log
from infra.commands.operations import LogLine, LogQuery
from infra.commands.operations.cloud_logs import ALWAYS, CloudLogs
from infra.commands.operations.cloud_maintenance import CloudMaintenance
from infra.commands.operations.cloud_schedules import CloudSchedules
from infra.commands.operations.cloud_sessions import CloudSessions
from infra.commands.operations.cloud_stack import CloudStack, explained
from infra.commands.operations.cloud_status import SECONDS, CloudStatus, primary_deployment
from infra.commands.operations.maintenance import Maintenance
from infra.commands.operations.schedules import StackSchedule
from infra.commands.operations.status import PATIENCE, Status, ask
from infra.plain import without_escapes
from infra.together import pause


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
        if not detach and _input_waits():
            print("A task in the cloud has no input; what is piped to this command isn't read.", file=sys.stderr)
        tasks = OneOffTasks(request)
        try:
            task = tasks.start(command, environment)
            run = task.rpartition("/")[2]
            if detach:
                print(f"{run}\nIts output and end: django-stack run -s {self._stack.name} --attach {run}")
                return 0
            print(f"Task {run} starts; on Fargate that takes a minute.", file=sys.stderr)
            return self._follow(tasks, task, timeout)
        except KeyboardInterrupt:
            # Also a task whose start was not confirmed yet.
            print("The task is being ended.", file=sys.stderr)
            tasks.stop_all("Ctrl-C", wait=False)
            return 130
        except TaskError as error:
            sys.exit(f"The command can't be run: {error}")

    @explained
    def attach(self, run: str) -> int:
        request = self._stack.request("")
        found = self._stack.client("ecs").describe_tasks(cluster=request.cluster, tasks=[run])["tasks"]
        if not found:
            sys.exit(f"There is no run {run} of the stack {self._stack.name}. ECS knows ended tasks for about an hour.")
        tasks = OneOffTasks(replace(request, container=_container(found[0]) or request.container))
        try:
            return self._follow(tasks, str(found[0]["taskArn"]), None)
        except KeyboardInterrupt:
            return 130  # what was detached goes on
        except TaskError as error:
            sys.exit(str(error))

    def manage(self, arguments: Sequence[str], environment: Mapping[str, str]) -> int:
        return self.run(["python", "manage.py", *arguments], environment, timeout=None, detach=False)

    def _follow(self, tasks: OneOffTasks, task: str, timeout: float | None) -> int:
        """Shows the output of a task as it comes; the command's exit status. Raises TaskError."""
        request = tasks.request
        log = Log(self._stack.client("logs"), request, task)
        until: float | None = None  # from the start of the command on, for which a task takes a minute
        ended = False
        while (state := tasks.look(task))["lastStatus"] != "STOPPED":
            _show(log)
            if timeout and not until and state["lastStatus"] == "RUNNING":
                until = time.monotonic() + timeout
            if until and time.monotonic() > until and not ended:
                ended = tasks.stop(task, f"It took longer than {timeout:g} seconds")
            time.sleep(request.pause)
        time.sleep(request.pause)  # the last lines arrive a moment after the end
        _show(log)
        if ended:
            print(f"The command was ended after {timeout:g} seconds.", file=sys.stderr)
            return 124
        how, status = judge(state, request.container), exit_status(state, request.container)
        if how and (status is None or "memory" in how or "was stopped" in how):
            print(f"The command {how}.", file=sys.stderr)
        return 1 if status is None else status

    @explained
    def output(self, command: Sequence[str]) -> tuple[int, str]:
        tasks = OneOffTasks(self._stack.request(f"run-{uuid.uuid4().hex[:8]}"))
        try:
            task = tasks.start(command)
            while (state := tasks.look(task))["lastStatus"] != "STOPPED":
                pause(tasks.request.pause)
        except TaskError as error:
            return 1, str(error)
        except BaseException:
            tasks.stop_all("Interrupted", wait=False)
            raise
        time.sleep(2 * tasks.request.pause)  # the last lines arrive a moment after the end
        lines = Log(self._stack.client("logs"), tasks.request, task).read()
        status = exit_status(state, tasks.request.container)
        return (1, judge(state, tasks.request.container)) if status is None else (status, "\n".join(lines))

    @explained
    def url(self) -> str:
        return f"https://{self._stack.environment.get('DOMAIN', '')}/"

    @explained
    def environment(self) -> Mapping[str, str]:
        return self._stack.environment

    def maintenance(self) -> Maintenance | None:
        return CloudMaintenance(self._stack).look()

    def set_maintenance(self, wanted: Maintenance | None) -> None:
        CloudMaintenance(self._stack).put(wanted, self.environment().get("DOMAIN", ""))

    # Sessions

    def shell(self, command: Sequence[str], limit: float) -> int:
        return CloudSessions(self._stack).shell(command, limit)

    def psql(self, arguments: Sequence[str], limit: float) -> int:
        return CloudSessions(self._stack).psql(arguments, limit)

    def tunnel(self, port: int, limit: float) -> int:
        return CloudSessions(self._stack).tunnel(port, limit)

    # What there is to be seen

    @explained
    def secrets(self) -> list[str]:
        # A version whose release failed logs the newest, too.
        return list(dict.fromkeys([*self._stack.secrets.values(), *self._stack.newest_secrets.values()]))

    def logs(self, query: LogQuery) -> Iterator[LogLine]:
        try:
            with explain_errors():
                streams = self._streams(query.processes)
                running = {arn.rpartition("/")[2] for arn in self._tasks("RUNNING")} if query.previous else ()
                logs = self._stack.client("logs")
                yield from CloudLogs(logs, self._stack.log_group, self._process_of, streams, running).lines(query)
        except AWSError as error:
            sys.exit(str(error))

    @explained
    def status(self, *, cost: bool, patient: bool = False) -> Status:
        service, container = self._stack.service, self._stack.container
        primary = primary_deployment(service)
        sections = CloudStatus(self._stack, cost=cost)
        return Status(
            url=self.url(),
            image=str(container["image"]),
            since=primary.get("updatedAt") or primary.get("createdAt"),
            processes=sections.processes(),
            sections=ask(sections.questions(), PATIENCE * SECONDS if patient else SECONDS),
        )

    def _tasks(self, status: str) -> list[str]:
        """The ARNs of the tasks that run, or of those that were STOPPED, which ECS knows for about an hour."""
        pages = self._stack.client("ecs").get_paginator("list_tasks")
        found = pages.paginate(cluster=self._stack.prefix, desiredStatus=status)
        return [str(arn) for page in found for arn in page["taskArns"]]

    def _described(self, tasks: Sequence[str]) -> Iterator[dict[str, Any]]:
        """What ECS still knows of the tasks."""
        for first in range(0, len(tasks), 100):  # as many as one call takes
            some = tasks[first : first + 100]
            yield from self._stack.client("ecs").describe_tasks(cluster=self._stack.prefix, tasks=some)["tasks"]

    def _streams(self, processes: Collection[str]) -> dict[str, datetime]:
        """What the names of the streams begin with that have the processes' lines, and since when they may have them.

        A process has a container of its own, or it is the name of one-off tasks with the web's. Those that ECS no
        longer knows can't be told from the web, so nothing before the first of the others is worth reading.
        """
        if not processes:
            return {"": ALWAYS}
        since, web = dict.fromkeys(processes, ALWAYS), str(self._stack.container["name"])
        if web not in since:
            known = self._described([*self._tasks("RUNNING"), *self._tasks("STOPPED")])
            since[web] = min([datetime.now(UTC), *(one["createdAt"] for one in known if _one_off(one) in processes)])
        prefix = self._stack.container["logConfiguration"]["options"]["awslogs-stream-prefix"]
        return {f"{prefix}/{container}/": first for container, first in since.items()}

    def _process_of(self, container: str, task: str) -> str:
        """What a container of a task is for. One-off tasks have the web's, too, and ECS knows them for about an hour.

        Of older ones only the web is likely.
        """
        if container != self._stack.container["name"]:
            return container
        if task not in self._processes:
            self._processes[task] = next(map(_one_off, self._described([task])), "") or "web"
        return self._processes[task]

    @cached_property
    def _processes(self) -> dict[str, str]:
        return {}


def _one_off(task: Mapping[str, Any]) -> str:
    """What a one-off task is for, such as `release`; nothing for a task of a service."""
    started_by, group = str(task.get("startedBy", "")), str(task.get("group", ""))
    return "" if group.startswith("service:") else started_by.partition("-")[0]


def _container(task: Mapping[str, Any]) -> str:
    """The container of a one-off task that has the command: the web's, or a schedule's. Nothing for another task."""
    overrides = task.get("overrides", {}).get("containerOverrides", [])
    return next((str(one["name"]) for one in overrides if one.get("command")), "")


def _input_waits() -> bool:
    """Whether somebody piped something to this command that a task can't read."""
    try:
        if os.isatty(0) or not select.select([0], [], [], 0)[0]:
            return False
        kind = os.fstat(0)
    except OSError:  # it is closed
        return False
    waiting = array("i", [0])
    if stat.S_ISFIFO(kind.st_mode):
        fcntl.ioctl(0, termios.FIONREAD, waiting)
    return (stat.S_ISREG(kind.st_mode) and kind.st_size > 0) or waiting[0] > 0


def _show(log: Log) -> None:
    for line in log.read():
        print(without_escapes(line), flush=True)
