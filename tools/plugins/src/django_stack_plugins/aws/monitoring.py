"""Logs, alarms, dashboards and who is told: aws.cloudwatch and aws.sns."""

import json
from collections.abc import Mapping
from typing import Any, ClassVar

from django_stack_plugins.aws import tags
from django_stack_plugins.aws.base import AWSResource
from django_stack_plugins.aws.calls import Call, words
from django_stack_plugins.resource import Operation
from django_stack_plugins.values import Properties


class LogGroup(AWSResource):
    docs, token, service = "cloudwatch_log_group", "aws:cloudwatch/logGroup:LogGroup", "logs"
    replacing = words("name")
    in_place = words("retentionInDays")
    auto_named = True
    names: ClassVar[Mapping[str, str]] = {"name": "logGroupName"}
    id_input = "name"
    creating = Call("CreateLogGroup")
    after = words("retentionInDays")
    updating: ClassVar[Mapping[str, Call]] = {
        "retentionInDays": Call("PutRetentionPolicy", {"logGroupName": "id", "retentionInDays": "retentionInDays"})
    }
    reading = Call("DescribeLogGroups", {"logGroupNamePrefix": "id"}, gives="logGroups")
    outputs: ClassVar[Mapping[str, str]] = {"arn": "arn"}
    missing = words("ResourceNotFoundException")
    deleting = Call("DeleteLogGroup", {"logGroupName": "id"})
    tagging = tags.LOGS

    def find(self, operation: Operation, resource_id: str, scope: Properties) -> Any:
        groups = super().find(operation, resource_id, scope) or []
        found = next((group for group in groups if group["logGroupName"] == resource_id), None)
        # The API shows it with `:*` at the end, the provider without.
        return found and {**found, "arn": found["arn"].removesuffix(":*")}

    def change(self, operation: Operation, changed: set[str], scope: Properties, inputs: Properties) -> None:
        if "retentionInDays" in changed and not inputs.get("retentionInDays"):
            self.call(operation, Call("DeleteRetentionPolicy", {"logGroupName": "id"}), scope, {})
        else:
            super().change(operation, changed, scope, inputs)


class MetricAlarm(AWSResource):
    docs, token, service = "cloudwatch_metric_alarm", "aws:cloudwatch/metricAlarm:MetricAlarm", "cloudwatch"
    required = words("comparisonOperator evaluationPeriods")
    replacing = words("name")
    in_place = words(
        "alarmDescription namespace metricName dimensions statistic extendedStatistic comparisonOperator threshold"
        " period evaluationPeriods evaluateLowSampleCountPercentiles treatMissingData alarmActions okActions"
    )
    unordered = words("alarmActions okActions")
    unread = words("evaluateLowSampleCountPercentiles")  # MiniStack forgets it
    auto_named = True
    defaults: ClassVar[Mapping[str, Any]] = {"treatMissingData": "missing"}
    names: ClassVar[Mapping[str, str]] = {"name": "AlarmName", "okActions": "OKActions"}
    id_input = "name"
    creating, puts = Call("PutMetricAlarm"), True
    reading = Call("DescribeAlarms", {"AlarmNames": "id"}, gives="MetricAlarms[0]")
    outputs: ClassVar[Mapping[str, str]] = {"arn": "AlarmArn"}
    deleting = Call("DeleteAlarms", {"AlarmNames": "id"})
    missing = words("ResourceNotFound")
    tagging = tags.CLOUDWATCH


class Dashboard(AWSResource):
    docs, token, service = "cloudwatch_dashboard", "aws:cloudwatch/dashboard:Dashboard", "cloudwatch"
    required = words("dashboardName dashboardBody")
    replacing = words("dashboardName")
    in_place = words("dashboardBody")
    creating, puts = Call("PutDashboard"), True
    reading = Call("GetDashboard", {"DashboardName": "id"})
    outputs: ClassVar[Mapping[str, str]] = {"dashboardArn": "DashboardArn"}
    missing = words("ResourceNotFound DashboardNotFoundError")
    deleting = Call("DeleteDashboards", {"DashboardNames": "id"})

    def resource_id(self, answer: Any, inputs: Properties) -> str:
        return str(inputs["dashboardName"])


class Topic(AWSResource):
    docs, token, service = "sns_topic", "aws:sns/topic:Topic", "sns"
    replacing = words("name")
    auto_named = True
    creating, identity = Call("CreateTopic"), "TopicArn"
    reading = Call("GetTopicAttributes", {"TopicArn": "id"}, gives="Attributes")
    reads: ClassVar[Mapping[str, str]] = {"name": "TopicName"}
    outputs: ClassVar[Mapping[str, str]] = {"arn": "TopicArn", "owner": "Owner"}
    missing = words("NotFound NotFoundException")
    deleting = Call("DeleteTopic", {"TopicArn": "id"})
    tagging = tags.SNS

    def find(self, operation: Operation, resource_id: str, scope: Properties) -> Any:
        found = super().find(operation, resource_id, scope)
        return found and {**found, "TopicName": resource_id.rpartition(":")[2]}


class TopicPolicy(AWSResource):
    docs, token, service = "sns_topic_policy", "aws:sns/topicPolicy:TopicPolicy", "sns"
    required = words("arn policy")
    replacing = words("arn")
    in_place = words("policy")
    creating = Call(
        "SetTopicAttributes", {"TopicArn": "arn", "AttributeValue": "policy"}, constants={"AttributeName": "Policy"}
    )
    puts = True
    reading = Call("GetTopicAttributes", {"TopicArn": "id"}, gives="Attributes")
    reads: ClassVar[Mapping[str, str]] = {"arn": "TopicArn"}
    outputs: ClassVar[Mapping[str, str]] = {"owner": "Owner"}
    missing = words("NotFound NotFoundException")

    def resource_id(self, answer: Any, inputs: Properties) -> str:
        return str(inputs["arn"])

    def remove(self, operation: Operation, scope: Properties) -> None:
        """Put AWS's own policy back, as the provider does: the account alone may use the topic."""
        account = scope["arn"].split(":")[4]
        own = {
            "Effect": "Allow",
            "Principal": {"AWS": "*"},
            "Action": ["sns:Publish", "sns:Subscribe", "sns:GetTopicAttributes", "sns:SetTopicAttributes"],
            "Resource": scope["arn"],
            "Condition": {"StringEquals": {"AWS:SourceOwner": account}},
        }
        policy = json.dumps({"Version": "2008-10-17", "Statement": [own]})
        self.call(operation, self.creating, {**scope, "policy": policy}, {})


class TopicSubscription(AWSResource):
    docs, token, service = "sns_topic_subscription", "aws:sns/topicSubscription:TopicSubscription", "sns"
    required = words("topic protocol endpoint")
    replacing = words("topic protocol endpoint")
    names: ClassVar[Mapping[str, str]] = {"topic": "TopicArn"}
    # Until whoever has the address agrees, there is no ARN else.
    creating, identity = Call("Subscribe", constants={"ReturnSubscriptionArn": True}), "SubscriptionArn"
    reading = Call("GetSubscriptionAttributes", {"SubscriptionArn": "id"}, gives="Attributes")
    outputs: ClassVar[Mapping[str, str]] = {
        "arn": "SubscriptionArn",
        "ownerId": "Owner",
        "pendingConfirmation": "PendingConfirmation == 'true'",
    }
    missing = words("NotFound NotFoundException")
    deleting = Call("Unsubscribe", {"SubscriptionArn": "id"})
