"""Rules on events, and what they tell: aws.cloudwatch's EventRule and EventTarget, of the account's default bus."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django_stack_plugins.aws import tags
from django_stack_plugins.aws.base import AWSResource
from django_stack_plugins.aws.calls import Call, words
from django_stack_plugins.resource import Operation
from django_stack_plugins.values import Properties

_TRANSFORMER = "InputTransformer: inputTransformer.{InputPathsMap: inputPaths, InputTemplate: inputTemplate}"


class EventRule(AWSResource):
    docs, token, service = "cloudwatch_event_rule", "aws:cloudwatch/eventRule:EventRule", "events"
    replacing = words("name")
    in_place = words("description eventPattern")
    auto_named = True
    creating, puts = Call("PutRule"), True
    reading = Call("DescribeRule", {"Name": "id"})
    outputs: ClassVar[Mapping[str, str]] = {"arn": "Arn"}
    missing = words("ResourceNotFoundException")
    deleting = Call("DeleteRule", {"Name": "id"})
    tagging = tags.CLOUDWATCH

    def resource_id(self, answer: Any, inputs: Properties) -> str:
        return str(inputs["name"])


class EventTarget(AWSResource):
    docs, token, service = "cloudwatch_event_target", "aws:cloudwatch/eventTarget:EventTarget", "events"
    required = words("rule arn")
    replacing = words("rule targetId")
    in_place = words("arn inputTransformer")
    creating = Call("PutTargets", {"Rule": "rule", "Targets": f"[{{Id: targetId, Arn: arn, {_TRANSFORMER}}}]"})
    puts = True
    reading = Call("ListTargetsByRule", {"Rule": "rule"}, gives="Targets")
    reads: ClassVar[Mapping[str, str]] = {
        "targetId": "Id",
        "inputTransformer": "InputTransformer.{inputPaths: InputPathsMap, inputTemplate: InputTemplate}",
    }
    unread = words("rule")
    missing = words("ResourceNotFoundException")
    deleting = Call("RemoveTargets", {"Rule": "rule", "Ids": "targetId"})

    def resource_id(self, answer: Any, inputs: Properties) -> str:
        return f"{inputs['rule']}-{inputs['targetId']}"

    def find(self, operation: Operation, resource_id: str, scope: Properties) -> Any:
        targets = super().find(operation, resource_id, scope) or []
        return next((target for target in targets if target["Id"] == scope["targetId"]), None)
