"""`django-stack schedule` in the cloud: what EventBridge has, what the log says of the runs, and a run by hand."""

import json
import re
import subprocess
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra.cloud.schedules import CONTAINER
from infra.cloud.task_kinds import SCHEDULE
from infra.commands.main import cli
from infra.commands.operations import cloud_schedules
from infra.commands.operations.cloud_stack import CloudStack
from tests.infra.commands.operations.conftest import ECS, TASK, Cloud, task

DEFINITION = f"{ECS}:task-definition/shop-cloud-schedule:7"
ONCE = ["python", "-m", "django_stack.once", "--timeout", "60"]
RUNNING, ENDED = "a" * 32, "b" * 32


def schedule(name: str, **more: Any) -> dict[str, Any]:
    override = {"name": "schedule", "command": [*ONCE, name, "--", "python", "manage.py", name]}
    target = {
        "Input": json.dumps({"containerOverrides": [override]}),
        "EcsParameters": {"TaskDefinitionArn": DEFINITION},
    }
    return {
        "Name": name,
        "ScheduleExpression": "cron(15 3 ? * MON-FRI *)",
        "ScheduleExpressionTimezone": "Europe/Zurich",
        "State": "ENABLED",
        "CreationDate": datetime(2024, 2, 29, tzinfo=UTC),
        "Target": target,
    } | more


class Scheduler:
    """EventBridge Scheduler with the stack's schedules; without any, there is no group of theirs."""

    def __init__(self) -> None:
        self.schedules = {"sweep": schedule("sweep"), "report": schedule("report", State="DISABLED")}

    def get_paginator(self, _: str) -> "Scheduler":
        return self

    def paginate(self, **asked: str) -> list[dict[str, Any]]:
        assert asked == {"GroupName": "shop-cloud"}
        if not self.schedules:
            raise ClientError({"Error": {"Code": "ResourceNotFoundException"}}, "ListSchedules")
        return [{"Schedules": [{"Name": name}]} for name in self.schedules]

    def get_schedule(self, GroupName: str, Name: str) -> dict[str, Any]:  # noqa: N803  # boto3's names
        assert GroupName == "shop-cloud"
        return self.schedules[Name]


@pytest.fixture
def scheduler(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Scheduler:
    found, real = Scheduler(), CloudStack.client

    def client(self: CloudStack, service: str, region: str = "") -> Any:
        return found if service == "scheduler" else real(self, service, region)

    monkeypatch.setattr(CloudStack, "client", client)
    cloud.aws.on("ListTasks", {"taskArns": [f"{ECS}:task/shop-cloud/{RUNNING}"]})
    cloud.aws.on("FilterLogEvents", {"events": []})
    return found


def event(name: str, how: str, ago: float, task: str = ENDED, **more: Any) -> dict[str, Any]:
    """What `once` logs of a run that began `ago` seconds ago."""
    started = datetime.now(UTC) - timedelta(seconds=ago)
    record = {
        "schedule": name,
        "started": started.isoformat(timespec="seconds"),
        "seconds": 1.5 if how else None,
        "how": how,
        "status": 0 if how == "ok" else 1 if how else None,
        "lines": [],
        "host": "ip-10-0-0-1",
    } | more
    return {
        "message": json.dumps({"logger": "django_stack.once", "run": record}),
        "timestamp": int(started.timestamp() * 1000),
        "logStreamName": f"app/schedule/{task}",
        "eventId": f"{name}{ago}{how}",
        "ingestionTime": 0,
    }


def run(cloud: Cloud, *words: str) -> "subprocess.CompletedProcess[str]":
    verb, *arguments = words
    cloud.capsys.readouterr()
    try:
        status, said = cli.main(["schedule", verb, "-s", "cloud", *arguments], standalone_mode=False) or 0, ""
    except SystemExit as end:
        status, said = 1, str(end.code)
    out, error = cloud.capsys.readouterr()
    return subprocess.CompletedProcess(words, status, out, error + said)


def listed(cloud: Cloud) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(cloud, "list", "--json").stdout)
    return found


def test_the_names_of_container_group_and_definition_are_those_of_the_program() -> None:
    assert cloud_schedules.CONTAINER == CONTAINER == SCHEDULE.rstrip(":")


@pytest.mark.usefixtures("scheduler")
def test_the_list_says_when_they_run_and_how_the_last_runs_ended(cloud: Cloud) -> None:
    failed = event("report", "failed", 7200, lines=["Traceback", "it has the password TOP/SECRET"])
    cloud.aws.on("FilterLogEvents", {"events": [failed, event("sweep", "", 93, lines=[]), event("sweep", "ok", 90)]})
    done = run(cloud, "list")
    assert done.returncode == 1
    head, report, *lines, sweep = done.stdout.splitlines()
    assert re.match(r"NAME +WHEN +NEXT +LAST RUN$", head)
    assert re.match(
        r"report +15 3 \* \* MON-FRI Europe/Zurich +not enabled +failed \(exit status 1\) 2 hours ago, 1.5 s$", report
    )
    assert re.match(r"sweep +15 3 \* \* MON-FRI Europe/Zurich +in \d+ \w+ +ok 1 minute ago, 1.5 s$", sweep)
    assert lines[0] == "  | Traceback"
    assert "TOP/SECRET" not in done.stdout
    (asked,) = cloud.aws.asked("FilterLogEvents")
    assert asked["logStreamNamePrefix"] == "app/schedule/"


@pytest.mark.usefixtures("scheduler")
@pytest.mark.parametrize(("where", "how"), [(RUNNING, "running"), (ENDED, "cut off")])
def test_a_run_without_an_end_goes_on_or_was_cut_off_with_its_task(cloud: Cloud, where: str, how: str) -> None:
    cloud.aws.on("FilterLogEvents", {"events": [event("sweep", "", 30, where), event("report", "ok", 60)]})
    assert listed(cloud)["sweep"]["last"]["how"] == how
    assert cloud.aws.asked("ListTasks")[0]["family"] == "shop-cloud-schedule"


@pytest.mark.usefixtures("scheduler")
def test_a_skipped_run_is_noted_with_the_run_that_went_on(cloud: Cloud) -> None:
    events = [event("sweep", "", 300), event("sweep", "skipped", 240, "c" * 32), event("report", "ok", 60)]
    cloud.aws.on("FilterLogEvents", {"events": [*events, event("sweep", "ok", 10)]})
    last = listed(cloud)["sweep"]["last"]
    assert (last["how"], bool(last["skipped"])) == ("ok", True)
    cloud.aws.on("FilterLogEvents", {"events": [*events, event("sweep", "ok", 10, "d" * 32)]})
    assert listed(cloud)["sweep"]["last"]["skipped"] is None, "that was in an earlier run"


@pytest.mark.usefixtures("scheduler")
def test_a_run_of_long_ago_is_looked_for_in_longer_and_longer_times(cloud: Cloud) -> None:
    recent, month = [event("sweep", "ok", 60)], [event("report", "ok", 30 * 86400), event("sweep", "ok", 60)]
    cloud.aws.on("FilterLogEvents", {"events": recent}, {"events": recent}, {"events": month})
    assert listed(cloud)["report"]["last"]["how"] == "ok"
    begins = [asked["startTime"] for asked in cloud.aws.asked("FilterLogEvents")]
    assert begins == sorted(begins, reverse=True)
    assert len(begins) == 3


def test_a_run_is_looked_for_since_its_schedule_was_made(cloud: Cloud, scheduler: Scheduler) -> None:
    made = datetime.now(UTC) - timedelta(days=3)
    scheduler.schedules["report"]["CreationDate"] = made
    cloud.aws.on("FilterLogEvents", {"events": [event("sweep", "ok", 60)]})
    assert {name: one["last"] is None for name, one in listed(cloud).items()} == {"report": True, "sweep": False}
    begins = [asked["startTime"] for asked in cloud.aws.asked("FilterLogEvents")]
    assert len(begins) == 3
    assert begins[-1] == int(made.timestamp() * 1000)


@pytest.mark.usefixtures("scheduler")
def test_what_a_command_itself_prints_of_that_logger_is_passed_over(cloud: Cloud) -> None:
    other = event("sweep", "ok", 5) | {"message": "django_stack.once {not json"}
    strange = event("sweep", "ok", 5) | {"message": json.dumps({"logger": "django_stack.once", "run": 5})}
    cloud.aws.on("FilterLogEvents", {"events": [event("sweep", "ok", 60), event("report", "ok", 9), other, strange]})
    assert listed(cloud)["sweep"]["last"]["how"] == "ok"


def test_a_stack_without_schedules_says_how_to_make_one(cloud: Cloud, scheduler: Scheduler) -> None:
    scheduler.schedules.clear()
    done = run(cloud, "list")
    assert done.returncode == 0
    assert "The stack cloud has no schedules. One is made by: pulumi config set -s cloud --path" in done.stdout
    assert listed(cloud) == {}


@pytest.mark.usefixtures("scheduler")
def test_a_run_by_hand_is_the_very_task_that_eventbridge_starts(cloud: Cloud) -> None:
    stopped = task("STOPPED", exitCode=75)
    stopped["tasks"][0]["containers"][0]["name"] = "schedule"
    cloud.aws.on("DescribeTasks", stopped)
    assert run(cloud, "run", "report").returncode == 75
    (asked,) = cloud.aws.asked("RunTask")
    assert asked["taskDefinition"] == DEFINITION
    assert asked["overrides"]["containerOverrides"] == [
        {"name": "schedule", "command": [*ONCE, "report", "--", "python", "manage.py", "report"]}
    ]
    assert asked["startedBy"].startswith("schedule-")
    read = cloud.aws.asked("GetLogEvents")[-1]
    assert read["logStreamName"] == f"app/schedule/{TASK.rpartition('/')[2]}"


@pytest.mark.usefixtures("scheduler")
def test_a_detached_run_of_a_schedule_is_attached_to_like_any_other(cloud: Cloud) -> None:
    name = TASK.rpartition("/")[2]
    detached = run(cloud, "run", "report", "--detach")
    assert detached.stdout == f"{name}\nIts output and end: django-stack run -s cloud --attach {name}\n"
    (asked,) = cloud.aws.asked("RunTask")
    (override,) = asked["overrides"]["containerOverrides"]
    stopped = task("STOPPED", exitCode=0)
    stopped["tasks"][0]["containers"][0]["name"] = "schedule"
    stopped["tasks"][0]["overrides"] = {"containerOverrides": [{"name": "prepare"}, override]}  # as ECS lists them
    cloud.aws.on("DescribeTasks", stopped)
    attached = cloud.run("run", "--attach", name)
    assert (attached.returncode, attached.stderr) == (0, "")
    assert cloud.aws.asked("GetLogEvents")[-1]["logStreamName"] == f"app/schedule/{name}"


@pytest.mark.usefixtures("scheduler")
def test_a_schedule_that_there_is_not_is_named_with_those_that_there_are(cloud: Cloud) -> None:
    done = run(cloud, "run", "sweeep")
    assert done.returncode == 1
    assert done.stderr == "There is no schedule sweeep of the stack cloud. There are: report, sweep"
    assert cloud.aws.asked("RunTask") == []


@pytest.mark.parametrize(
    ("expression", "fields"),
    [("cron(15 3 ? * MON-FRI *)", "15 3 * * MON-FRI"), ("cron(0 0 1,15 * ? *)", "0 0 1,15 * *")],
)
def test_an_expression_of_awss_is_shown_as_crontab_has_it(expression: str, fields: str) -> None:
    assert cloud_schedules.five_fields(expression) == fields
