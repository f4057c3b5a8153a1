"""Samples of what watches and tells: logs, alarms, dashboards, events, topics, budgets."""

import json
from collections.abc import Callable
from typing import Any

from django_stack_plugins.values import Properties

TAGS = {"Name": "app", "stack": "test"}
SENDS = {"Sid": "A", "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sns:Publish"}


def policy(*statements: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)}, sort_keys=True)


MONITORING: dict[str, Callable[[Any], Properties]] = {
    "LogGroup": lambda _: {"name": "/app/test", "retentionInDays": 30, "tags": TAGS},
    "Topic": lambda _: {"name": "app-alarms", "tags": TAGS},
    "TopicPolicy": lambda account: {
        "arn": account.sample("Topic").id,
        "policy": policy({**SENDS, "Resource": account.sample("Topic").id}),
    },
    "Dashboard": lambda _: {"dashboardName": "app", "dashboardBody": json.dumps({"widgets": []})},
    "EventRule": lambda _: {
        "name": "app-ended-tasks",
        "description": "app: a task ended",
        "eventPattern": json.dumps({"detail-type": ["ECS Task State Change"], "source": ["aws.ecs"]}),
        "tags": TAGS,
    },
    "EventTarget": lambda account: {
        "rule": account.sample("EventRule").id,
        "targetId": "topic",
        "arn": account.sample("Topic").id,
        "inputTransformer": {"inputPaths": {"why": "$.detail.stoppedReason"}, "inputTemplate": '"it ended: <why>"'},
    },
    "Budget": lambda account: {
        "name": "app-monthly",
        "budgetType": "COST",
        "limitAmount": "60",
        "limitUnit": "USD",
        "timeUnit": "MONTHLY",
        "notifications": [
            {
                "comparisonOperator": "GREATER_THAN",
                "notificationType": "ACTUAL",
                "threshold": 100,
                "thresholdType": "PERCENTAGE",
                "subscriberSnsTopicArns": [account.sample("Topic").id],
            }
        ],
        "tags": TAGS,
    },
    "TopicSubscription": lambda account: {
        "topic": account.sample("Topic").id,
        "protocol": "email",
        "endpoint": "ops@example.com",
    },
    "MetricAlarm": lambda account: {
        "name": "app-errors",
        "alarmDescription": "app: errors",
        "namespace": "AWS/RDS",
        "metricName": "CPUUtilization",
        "dimensions": {"DBInstanceIdentifier": "app", "Other": "x"},
        "statistic": "Average",
        "comparisonOperator": "GreaterThanThreshold",
        "threshold": 80,
        "period": 300,
        "evaluationPeriods": 3,
        "treatMissingData": "notBreaching",
        "alarmActions": [account.sample("Topic").id],
        "okActions": [account.sample("Topic").id],
        "tags": TAGS,
    },
}
