"""The schedules of a cloud stack: EventBridge's own, and the records that runs left in the log."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from infra.cloud.task_kinds import SCHEDULE
from infra.commands.operations.cloud_stack import CloudStack
from infra.commands.operations.schedules import LastRun, StackSchedule

# The records are looked for in longer and longer times, since CloudWatch reads from the oldest on.
WINDOWS = (timedelta(hours=2), timedelta(days=2), timedelta(days=35), timedelta(days=400))
LOGGER = "django_stack.once"
CONTAINER = SCHEDULE.rstrip(":")  # of a run's task; also in the names of its definition and its log stream


class CloudSchedules:
    """Asks AWS for a stack's schedules."""

    def __init__(self, stack: CloudStack) -> None:
        self._stack = stack

    def all(self) -> list[StackSchedule]:
        """The schedules by name, with their last runs."""
        found = [self._get(name) for name in self._names()]
        records = self._records(found)
        running = self._running() if found else set()
        return [_schedule(one, records.get(one["Name"]), running) for one in found]

    def task(self, name: str) -> tuple[str, str, list[str]]:
        """What EventBridge starts for a schedule: the task's definition (ARN), its container and its command."""
        target = self._get(name)["Target"]
        (override,) = json.loads(target["Input"])["containerOverrides"]
        return str(target["EcsParameters"]["TaskDefinitionArn"]), str(override["name"]), list(override["command"])

    def _names(self) -> list[str]:
        paginator = self._stack.client("scheduler").get_paginator("list_schedules")
        try:
            pages = paginator.paginate(GroupName=self._stack.prefix)
            return sorted(str(one["Name"]) for page in pages for one in page["Schedules"])
        except ClientError as error:
            if error.response["Error"].get("Code") == "ResourceNotFoundException":  # a stack without schedules
                return []
            raise

    def _get(self, name: str) -> dict[str, Any]:
        answer = self._stack.client("scheduler").get_schedule(GroupName=self._stack.prefix, Name=name)
        return dict(answer)

    def _records(self, schedules: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
        """The last record of each schedule, as far as the log has one; there is none from before it was made."""
        found: dict[str, dict[str, Any]] = {}
        now = datetime.now(UTC)
        for begin in (now - window for window in WINDOWS):
            missing = [one["CreationDate"] for one in schedules if one["Name"] not in found]
            if not missing:
                break
            found = _by_schedule(self._lines(max(begin, min(missing))))
            if begin <= min(missing):
                break
        return found

    def _lines(self, since: datetime) -> list[tuple[str, str]]:
        """The lines of `django_stack.once` in the order of their times, each with its task's id."""
        logs, options = self._stack.client("logs"), self._stack.container["logConfiguration"]["options"]
        pages = logs.get_paginator("filter_log_events").paginate(
            logGroupName=self._stack.log_group,
            logStreamNamePrefix=f"{options['awslogs-stream-prefix']}/{CONTAINER}/",
            filterPattern=f'"{LOGGER}"',
            startTime=int(since.timestamp() * 1000),
        )
        events = sorted((event for page in pages for event in page["events"]), key=lambda event: event["timestamp"])
        return [(str(event["logStreamName"]).rpartition("/")[2], str(event["message"])) for event in events]

    def _running(self) -> set[str]:
        """The ids of the tasks that run now."""
        pages = self._stack.client("ecs").get_paginator("list_tasks")
        family = f"{self._stack.prefix}-{CONTAINER}"
        arns = [arn for page in pages.paginate(cluster=self._stack.prefix, family=family) for arn in page["taskArns"]]
        return {str(arn).rpartition("/")[2] for arn in arns}


def _schedule(found: Mapping[str, Any], record: Mapping[str, Any] | None, running: Collection[str]) -> StackSchedule:
    words = json.loads(found["Target"]["Input"])["containerOverrides"][0]["command"]
    return StackSchedule(
        name=str(found["Name"]),
        command=tuple(words[words.index("--") + 1 :]),
        cron=five_fields(str(found["ScheduleExpression"])),
        timezone=str(found.get("ScheduleExpressionTimezone") or "UTC"),
        enabled=found["State"] == "ENABLED",
        last=LastRun.of(record, runs=record["task"] in running) if record else None,
    )


def five_fields(expression: str) -> str:
    """A cron expression of AWS, which this program wrote, as crontab has it."""
    fields = expression.removeprefix("cron(").removesuffix(")").replace("?", "*").split()
    return " ".join(fields[:5])


def _by_schedule(lines: Iterable[tuple[str, str]]) -> dict[str, dict[str, Any]]:
    """The last run of each schedule, of lines in the order of their times; it has its task's id in `task`."""
    found: dict[str, dict[str, Any]] = {}
    for task, line in lines:
        try:
            run = json.loads(line)["run"]
            name, how = str(run["schedule"]), str(run["how"])
        except (ValueError, KeyError, TypeError):  # a line of the command's own
            continue
        before = found.get(name, {})
        if how != "skipped":
            skipped = before.get("skipped") if before.get("task") == task else None
            found[name] = {**run, "task": task, "skipped": skipped}
        elif before:
            before["skipped"] = run["started"]
    return found
