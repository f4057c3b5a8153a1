"""Samples of what watches and tells: logs, alarms, dashboards, events, topics, budgets, mail."""

import json
from collections.abc import Callable
from typing import Any

from django_stack_plugins.values import Properties

TAGS = {"Name": "app", "stack": "test"}
SENDS = {"Sid": "A", "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sns:Publish"}


def policy(*statements: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)}, sort_keys=True)


def task_target(account: Any, *command: str) -> Properties:
    """A schedule's target: a task of ECS with a command of its own."""
    return {
        "arn": "arn:aws:ecs:us-east-1:123456789012:cluster/app",
        "roleArn": account.sample("Role").state["arn"],
        "input": json.dumps({"containerOverrides": [{"name": "schedule", "command": list(command)}]}),
        "ecsParameters": {
            "taskDefinitionArn": "arn:aws:ecs:us-east-1:123456789012:task-definition/app-schedule:1",
            "taskCount": 1,
            "launchType": "FARGATE",
            "platformVersion": "1.4.0",
            "group": "schedule:sweep",
            "propagateTags": "TASK_DEFINITION",
            "networkConfiguration": {
                "subnets": ["subnet-1", "subnet-2"],
                "securityGroups": ["sg-1"],
                "assignPublicIp": True,
            },
        },
        "retryPolicy": {"maximumRetryAttempts": 10, "maximumEventAgeInSeconds": 900},
    }


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
    "ScheduleGroup": lambda _: {"name": "app", "tags": TAGS},
    "Schedule": lambda account: {
        "name": "sweep",
        "groupName": account.sample("ScheduleGroup").id,
        "description": "app: python manage.py sweep",
        "scheduleExpression": "cron(15 3 * * ? *)",
        "scheduleExpressionTimezone": "Europe/Zurich",
        "state": "ENABLED",
        "flexibleTimeWindow": {"mode": "OFF"},
        "target": task_target(account, "sweep"),
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
    "EmailIdentity": lambda _: {
        "emailIdentity": "example.com",
        "dkimSigningAttributes": {"nextSigningKeyLength": "RSA_2048_BIT"},
        "tags": TAGS,
    },
}
