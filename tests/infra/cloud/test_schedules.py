"""EventBridge's schedules: what they start, with which rights, after what they move, and who hears of failures."""

import json
from typing import Any

import pulumi
import pytest

SWEEP = {"command": "python manage.py sweep --all", "cron": "15 3 * * 1-5", "timezone": "Europe/Zurich", "timeout": 600}
SCHEDULES = {"sweep": SWEEP, "report": {"command": "true", "cron": "0 * * * *", "enabled": False}}
GROUP = "arn:aws:scheduler:us-east-1:123456789012:schedule-group/django-stack-cloud"


def test_a_stack_without_schedules_has_nothing_of_them(cloud: Any) -> None:
    run = cloud()
    assert not [name for name in run.resources if "schedule" in name]


def test_a_schedule_says_when_where_and_whether(cloud: Any) -> None:
    run = cloud({"schedules": SCHEDULES})
    sweep, report = run["schedule-sweep"].inputs, run["schedule-report"].inputs
    assert (sweep["scheduleExpression"], sweep["scheduleExpressionTimezone"]) == (
        "cron(15 3 ? * MON-FRI *)",
        "Europe/Zurich",
    )
    assert (report["scheduleExpression"], report["scheduleExpressionTimezone"]) == ("cron(0 * * * ? *)", "UTC")
    assert (sweep["state"], report["state"]) == ("ENABLED", "DISABLED")
    assert sweep["flexibleTimeWindow"] == {"mode": "OFF"}
    assert (sweep["groupName"], sweep["name"]) == ("django-stack-cloud", "sweep")


def test_a_run_is_the_command_under_the_packages_lock_in_a_task_like_the_webs(cloud: Any) -> None:
    run = cloud({"schedules": SCHEDULES})
    target = run["schedule-sweep"].inputs["target"]
    assert json.loads(target["input"]) == {
        "containerOverrides": [
            {
                "name": "schedule",
                "command": [
                    *("python", "-m", "django_stack.once", "--timeout", "600", "sweep", "--"),
                    *("python", "manage.py", "sweep", "--all"),
                ],
            }
        ]
    }
    task, service = target["ecsParameters"], run["web"].inputs
    network = service["networkConfiguration"]
    assert task["networkConfiguration"] == network
    assert (task["launchType"], task["platformVersion"]) == ("FARGATE", service["platformVersion"])
    assert (task["group"], task["taskCount"]) == ("schedule:sweep", 1)
    assert target["arn"] == service["cluster"]
    prepare, schedule = json.loads(run["task-schedule"].inputs["containerDefinitions"])
    web_prepare, web = json.loads(run["task"].inputs["containerDefinitions"])
    assert prepare == web_prepare
    assert schedule == {**web, "name": "schedule", "portMappings": [], "stopTimeout": 120}
    assert run["task-schedule"].inputs["family"] == "django-stack-cloud-schedule"
    for key in ("cpu", "memory", "taskRoleArn", "executionRoleArn", "volumes", "runtimePlatform", "skipDestroy"):
        assert run["task-schedule"].inputs.get(key) == run["task"].inputs.get(key)


def test_the_web_command_is_not_the_schedules(cloud: Any) -> None:
    run = cloud({"schedules": SCHEDULES, "web-command": "gunicorn config.wsgi"})
    _, schedule = json.loads(run["task-schedule"].inputs["containerDefinitions"])
    assert "command" not in schedule


def test_schedules_move_to_a_version_once_the_site_did(cloud: Any) -> None:
    depends = " ".join(cloud({"schedules": SCHEDULES})["schedule-sweep"].request.dependencies)
    for before in ("web-rollout", "release", "schedules-rights"):
        assert f"::{before}" in depends


def test_a_start_that_fails_is_tried_again_for_as_long_as_a_local_one_may_be_late(cloud: Any) -> None:
    policy = cloud({"schedules": SCHEDULES})["schedule-sweep"].inputs["target"]["retryPolicy"]
    assert policy == {"maximumRetryAttempts": 10, "maximumEventAgeInSeconds": 900}


def test_the_role_may_start_these_tasks_alone_and_is_only_for_schedules_of_this_stack(cloud: Any) -> None:
    run = cloud({"schedules": SCHEDULES})
    assert run["schedule-sweep"].inputs["target"]["roleArn"].endswith("django-stack-cloud-scheduler-app")
    (trust,) = json.loads(run["schedules-role"].inputs["assumeRolePolicy"])["Statement"]
    assert trust["Principal"] == {"Service": "scheduler.amazonaws.com"}
    assert trust["Condition"]["StringEquals"]["aws:SourceAccount"] == "123456789012"
    assert trust["Condition"]["StringEquals"]["aws:SourceArn"].endswith("django-stack-cloud")
    start, tag, roles = json.loads(run["schedules-rights"].inputs["policy"])["Statement"]
    assert (start["Action"], tag["Action"], roles["Action"]) == ("ecs:RunTask", "ecs:TagResource", "iam:PassRole")
    assert start["Resource"] == "arn:aws:ecs:us-east-1:123456789012:task-definition/django-stack-cloud-schedule:*"
    assert start["Condition"] == {"ArnEquals": {"ecs:cluster": run["web"].inputs["cluster"]}}
    assert tag["Resource"] == "arn:aws:ecs:us-east-1:123456789012:task/django-stack-cloud/*"
    assert tag["Condition"] == {"StringEquals": {"ecs:CreateAction": "RunTask"}}
    definition = run["task-schedule"].inputs
    assert set(roles["Resource"]) == {definition["taskRoleArn"], definition["executionRoleArn"]}
    assert roles["Condition"] == {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}
    assert "*" not in json.dumps([start["Resource"][:-1], roles["Resource"]])


def test_a_failed_run_is_told_and_a_skipped_one_is_not(cloud: Any) -> None:
    run = cloud({"schedules": SCHEDULES})
    detail = json.loads(run["event-failed-schedule"].inputs["eventPattern"])["detail"]
    assert detail["group"] == [{"prefix": "schedule:"}]
    assert detail["clusterArn"] == [run["web"].inputs["cluster"]]
    ended, never_started = detail["$or"]
    assert ended == {"containers": {"exitCode": [{"numeric": [">", 0, "<", 75]}, {"numeric": [">", 75]}]}}
    assert never_started == {"stopCode": ["TaskFailedToStart"]}
    assert "event-failed-schedule" not in cloud().resources


def test_a_run_that_could_not_be_started_at_all_is_told_by_an_alarm(cloud: Any) -> None:
    run = cloud({"schedules": SCHEDULES})
    alarm = run["alarm-schedule-not-started"].inputs
    assert (alarm["namespace"], alarm["metricName"]) == ("AWS/Scheduler", "InvocationDroppedCount")
    assert alarm["dimensions"] == {"ScheduleGroup": run["schedules-group"].inputs["name"]}
    assert (alarm["statistic"], alarm["comparisonOperator"], alarm["threshold"]) == ("Sum", "GreaterThanThreshold", 0)
    assert alarm["evaluationPeriods"] == 1
    assert "alarm-schedule-not-started" not in cloud().resources


def test_runs_have_their_part_of_the_databases_connections(cloud: Any) -> None:
    """Two each, the lock's and the command's; the smallest class has 71 for the app, and four tasks take 64 and 1."""
    three = dict.fromkeys(("a", "b", "c"), SWEEP)
    cloud({"tasks-max": 4, "schedules": three})
    with pytest.raises(pulumi.RunError) as refused:
        cloud({"tasks-max": 4, "schedules": {**three, "d": SWEEP}})
    assert "+ 4 schedules x 2 + 1 (release) is 73, and it has 71" in str(refused.value)
