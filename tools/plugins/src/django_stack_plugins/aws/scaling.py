"""Application Auto Scaling: aws.appautoscaling."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django_stack_plugins.aws import tags
from django_stack_plugins.aws.base import AWSResource
from django_stack_plugins.aws.calls import Call, words

_TARGET = {
    "ServiceNamespace": "serviceNamespace",
    "ResourceId": "resourceId",
    "ScalableDimension": "scalableDimension",
}


class Target(AWSResource):
    docs, token, service = "appautoscaling_target", "aws:appautoscaling/target:Target", "application-autoscaling"
    required = words("serviceNamespace scalableDimension resourceId minCapacity maxCapacity")
    replacing = words("serviceNamespace scalableDimension resourceId")
    in_place = words("minCapacity maxCapacity")
    id_input = "resourceId"
    creating, puts = Call("RegisterScalableTarget"), True
    reading = Call(
        "DescribeScalableTargets",
        {"ServiceNamespace": "serviceNamespace", "ResourceIds": "id", "ScalableDimension": "scalableDimension"},
        gives="ScalableTargets[0]",
    )
    outputs: ClassVar[Mapping[str, str]] = {"arn": "ScalableTargetARN", "roleArn": "RoleARN"}
    missing = words("ObjectNotFoundException")
    deleting = Call("DeregisterScalableTarget", _TARGET)
    tagging = tags.SCALING


class Policy(AWSResource):
    docs, token, service = "appautoscaling_policy", "aws:appautoscaling/policy:Policy", "application-autoscaling"
    required = words("serviceNamespace scalableDimension resourceId")
    replacing = words("name serviceNamespace scalableDimension resourceId")
    in_place = words("policyType targetTrackingScalingPolicyConfiguration")
    auto_named = True
    defaults: ClassVar[Mapping[str, Any]] = {"policyType": "StepScaling"}
    names: ClassVar[Mapping[str, str]] = {"name": "PolicyName"}
    id_input = "name"
    creating, puts = Call("PutScalingPolicy"), True
    reading = Call(
        "DescribeScalingPolicies",
        {
            "ServiceNamespace": "serviceNamespace",
            "PolicyNames": "name",
            "ResourceId": "resourceId",
            "ScalableDimension": "scalableDimension",
        },
        gives="ScalingPolicies[0]",
    )
    outputs: ClassVar[Mapping[str, str]] = {"arn": "PolicyARN", "alarmArns": "Alarms[].AlarmARN"}
    missing = words("ObjectNotFoundException")
    deleting = Call("DeleteScalingPolicy", {**_TARGET, "PolicyName": "name"})
