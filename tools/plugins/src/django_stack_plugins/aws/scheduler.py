"""EventBridge Scheduler: aws.scheduler, with tasks of ECS as targets."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django_stack_plugins.aws import tags
from django_stack_plugins.aws.base import AWSResource
from django_stack_plugins.aws.calls import Call, lookup, words
from django_stack_plugins.resource import Operation
from django_stack_plugins.values import Properties

_WHICH = {"Name": "name", "GroupName": "groupName"}


class ScheduleGroup(AWSResource):
    docs, token, service = "scheduler_schedule_group", "aws:scheduler/scheduleGroup:ScheduleGroup", "scheduler"
    replacing = words("name")
    auto_named = True
    creating, id_input = Call("CreateScheduleGroup"), "name"
    reading = Call("GetScheduleGroup", {"Name": "id"})
    outputs: ClassVar[Mapping[str, str]] = {"arn": "Arn", "state": "State"}
    missing = words("ResourceNotFoundException")
    deleting, waits_for_end = Call("DeleteScheduleGroup", {"Name": "id"}), 300
    tagging = tags.SCHEDULER


class Schedule(AWSResource):
    docs, token, service = "scheduler_schedule", "aws:scheduler/schedule:Schedule", "scheduler"
    required = words("flexibleTimeWindow scheduleExpression target")
    replacing = words("groupName name")
    in_place = words("description flexibleTimeWindow scheduleExpression scheduleExpressionTimezone state target")
    unordered = words(
        "target.ecsParameters.networkConfiguration.securityGroups target.ecsParameters.networkConfiguration.subnets"
    )
    auto_named = True
    defaults: ClassVar[Mapping[str, Any]] = {
        "groupName": "default",
        "scheduleExpressionTimezone": "UTC",
        "state": "ENABLED",
    }
    creating = Call("CreateSchedule")
    updating: ClassVar[Mapping[str, Call]] = {" ".join(sorted(in_place)): Call("UpdateSchedule", rest="all")}
    reading = Call("GetSchedule", _WHICH)
    outputs: ClassVar[Mapping[str, str]] = {"arn": "Arn"}
    missing = words("ResourceNotFoundException")
    deleting = Call("DeleteSchedule", _WHICH)

    def resource_id(self, answer: Any, inputs: Properties) -> str:
        return f"{inputs['groupName']}/{inputs['name']}"

    def call(self, operation: Operation, call: Call, scope: Properties, rest: Properties) -> Any:
        return super().call(operation, call, scope, _with_network(rest))

    def find(self, operation: Operation, resource_id: str, scope: Properties) -> Any:
        found = super().find(operation, resource_id, scope)
        network = lookup("Target.EcsParameters.NetworkConfiguration.awsvpcConfiguration", found)
        if network:
            public = network.get("AssignPublicIp") == "ENABLED"
            found["Target"]["EcsParameters"]["NetworkConfiguration"] = {**network, "AssignPublicIp": public}
        return found


def _with_network(inputs: Properties) -> Properties:
    """The inputs with the target's network in the API's form: a level deeper, and a word for the public address."""
    network = lookup("target.ecsParameters.networkConfiguration", inputs)
    if not network:
        return inputs
    word = "ENABLED" if network.get("assignPublicIp") else "DISABLED"
    deeper = {"awsvpcConfiguration": {**network, "assignPublicIp": word}}
    target = inputs["target"]
    return {
        **inputs,
        "target": {**target, "ecsParameters": {**target["ecsParameters"], "networkConfiguration": deeper}},
    }
