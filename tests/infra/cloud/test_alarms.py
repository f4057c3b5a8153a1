"""What alarms watch, and whom they tell."""

import json
import re
from typing import Any

import pytest

from tests import ROOT
from tests.infra.cloud.variants import OTHER, SERVICES, VARIANTS


def test_alarms_go_to_the_email_address_when_there_is_one(cloud: Any) -> None:
    assert "alarms-email" not in cloud().resources
    run = cloud(OTHER)
    assert run["alarms-email"].inputs["endpoint"] == "ops@example.com"
    alarms = [
        alarm for alarm in run.of_type("aws:cloudwatch/metricAlarm:MetricAlarm") if alarm.name != "alarm-rollback"
    ]
    assert len(alarms) == 9
    for alarm in alarms:
        assert alarm.inputs["alarmActions"] == alarm.inputs["okActions"] == [run["alarms-email"].inputs["topic"]]


def test_an_alarm_fires_within_minutes_when_no_task_is_left(cloud: Any) -> None:
    alarm = cloud()["alarm-no-task"].inputs
    assert (alarm["metricName"], alarm["comparisonOperator"], alarm["threshold"]) == (
        "HealthyHostCount",
        "LessThanThreshold",
        1,
    )
    assert alarm["treatMissingData"] == "breaching"
    assert alarm["period"] * alarm["evaluationPeriods"] <= 300
    assert set(alarm["dimensions"]) == {"LoadBalancer", "TargetGroup"}


def test_work_of_the_database_that_is_billed_on_top_is_told_for_a_class_that_has_it(cloud: Any) -> None:
    alarm = cloud()["alarm-database-credits"].inputs
    assert (alarm["metricName"], alarm["statistic"], alarm["comparisonOperator"], alarm["threshold"]) == (
        "CPUSurplusCreditsCharged",
        "Sum",
        "GreaterThanThreshold",
        0,
    )
    assert "database-class" in alarm["alarmDescription"]
    assert "alarm-database-credits" not in cloud({"database-class": "db.m7g.large"}).resources


def test_the_alarm_that_ends_a_roll_out_is_there_before_the_service_and_tells_nobody_itself(cloud: Any) -> None:
    run = cloud()
    alarm = run["alarm-rollback"].inputs
    assert run["web"].inputs["alarms"] == {"enable": True, "rollback": True, "alarmNames": [alarm["name"]]}
    assert any(urn.endswith("::alarm-rollback") for urn in run["web"].request.dependencies)
    assert "alarmActions" not in alarm
    assert (alarm["statistic"], alarm["threshold"], alarm["evaluationPeriods"]) == ("Sum", 10, 2)


def test_slow_answers_are_told_by_the_percentile_that_visitors_notice(cloud: Any) -> None:
    alarm = cloud()["alarm-latency"].inputs
    assert (alarm["extendedStatistic"], alarm["evaluateLowSampleCountPercentiles"]) == ("p95", "ignore")
    assert "statistic" not in alarm


def test_a_budget_is_made_only_when_it_is_set_and_tells_the_topic(cloud: Any) -> None:
    assert "alarms-budget" not in cloud().resources
    run = cloud(OTHER)
    budget = run["alarms-budget"].inputs
    assert (budget["limitAmount"], budget["limitUnit"], budget["timeUnit"]) == ("60", "USD", "MONTHLY")
    assert {one["notificationType"] for one in budget["notifications"]} == {"ACTUAL", "FORECASTED"}
    for notification in budget["notifications"]:
        assert notification["subscriberSnsTopicArns"] == [run["alarms-email"].inputs["topic"]]
    assert any(urn.endswith("::alarms-policy") for urn in run["alarms-budget"].request.dependencies)


def test_the_topic_takes_messages_of_the_own_account_alone(cloud: Any) -> None:
    for statement in json.loads(cloud()["alarms-policy"].inputs["policy"])["Statement"]:
        service = statement["Principal"]["Service"]
        account = {"StringEquals": {"aws:SourceAccount": "123456789012"}}
        # EventBridge's own documentation shows no condition for topics.
        assert statement.get("Condition") == (None if service == "events.amazonaws.com" else account)


@pytest.mark.parametrize(
    ("rule", "paths"),
    [
        ("event-failed-rollout", {"service", "why"}),
        ("event-failed-release", {"task", "why"}),
        ("event-ended-tasks", {"task", "group", "why"}),
        ("event-image-findings", {"critical", "high", "tag"}),
    ],
)
def test_a_message_says_what_happened_where_and_what_to_do(cloud: Any, rule: str, paths: set[str]) -> None:
    transformer = cloud()[f"{rule}-topic"].inputs["inputTransformer"]
    text = json.loads(transformer["inputTemplate"])
    assert set(re.findall(r"<(\w+)>", text)) == set(transformer["inputPaths"]) == paths
    assert text.startswith("django-stack-cloud: ")
    assert "What to do: " in text


def test_a_stack_hears_of_its_own_services_and_tasks_alone(cloud: Any) -> None:
    patterns = {
        rule.name: json.loads(rule.inputs["eventPattern"])
        for rule in cloud().of_type("aws:cloudwatch/eventRule:EventRule")
    }
    assert patterns["event-failed-rollout"]["resources"] == [{"wildcard": "*:service/django-stack-cloud/*"}]
    assert patterns["event-image-findings"]["detail"]["repository-name"] == ["django-stack/cloud"]
    for name in ("event-failed-release", "event-ended-tasks"):
        (cluster,) = patterns[name]["detail"]["clusterArn"]
        assert cluster.endswith("django-stack-cloud")


def test_the_dashboard_has_ten_lines_each_of_this_stack(cloud: Any) -> None:
    widgets = json.loads(cloud()["dashboard"].inputs["dashboardBody"])["widgets"]
    lines = {}
    for widget in widgets:
        (metric,) = widget["properties"]["metrics"]
        lines[f"{metric[0]} {metric[1]} {widget['properties']['stat']}"] = dict(
            zip(metric[2::2], metric[3::2], strict=True)
        )
        assert widget["properties"]["region"] == "us-east-1"
        assert widget["x"] in {0, 12}
    assert len({(widget["x"], widget["y"]) for widget in widgets}) == 10
    balancer = {"LoadBalancer": "app/django-stack-cloud-i/50dc6c495c0c9188"}
    tasks = {**balancer, "TargetGroup": "targetgroup/django-stack-cloud-i/73e2d6bc24d8a067"}
    service = {"ClusterName": "django-stack-cloud", "ServiceName": "django-stack-cloud-web"}
    database = {"DBInstanceIdentifier": "django-stack-cloud"}
    assert lines == {
        "AWS/ApplicationELB RequestCount Sum": balancer,
        "AWS/ApplicationELB HTTPCode_Target_5XX_Count Sum": tasks,
        "AWS/ApplicationELB HTTPCode_ELB_5XX_Count Sum": balancer,
        "AWS/ApplicationELB TargetResponseTime p95": tasks,
        "AWS/ApplicationELB HealthyHostCount Minimum": tasks,
        "AWS/ECS CPUUtilization Average": service,
        "AWS/ECS MemoryUtilization Maximum": service,
        "AWS/RDS CPUUtilization Average": database,
        "AWS/RDS DatabaseConnections Maximum": database,
        "AWS/RDS FreeStorageSpace Minimum": database,
    }


def test_the_docs_have_a_row_for_each_alarm(cloud: Any) -> None:
    settings = {name: VARIANTS[name] for name in ("mail", "processes", "schedules")}
    run = cloud(SERVICES | settings["mail"] | settings["processes"] | settings["schedules"])
    made = {alarm.name for alarm in run.of_type("aws:cloudwatch/metricAlarm:MetricAlarm")}
    table = (ROOT / "docs" / "operate.md").read_text().partition("| alarm | fires when")[2].partition("\n\n")[0]
    named = set(re.findall(r"`…-([a-zA-Z0-9-]+)`", table))
    of_processes = {f"no-task-of-{name}" for name in settings["processes"]["processes"]}
    assert {f"alarm-{name}" for name in named - {"no-task-of-NAME"} | of_processes} == made
