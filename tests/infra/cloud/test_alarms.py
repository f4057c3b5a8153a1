"""What alarms watch, and whom they tell."""

from typing import Any

from tests.infra.cloud.variants import OTHER


def test_alarms_go_to_the_email_address_when_there_is_one(cloud: Any) -> None:
    assert "alarms-email" not in cloud().resources
    run = cloud(OTHER)
    assert run["alarms-email"].inputs["endpoint"] == "ops@example.com"
    alarms = run.of_type("aws:cloudwatch/metricAlarm:MetricAlarm")
    assert len(alarms) == 8
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
