"""Samples of Application Auto Scaling, which changes how many tasks a service has."""

from collections.abc import Callable
from typing import Any

from aws_monitoring_samples import TAGS

from django_stack_plugins.values import Properties

SCALED = {
    "serviceNamespace": "ecs",
    "scalableDimension": "ecs:service:DesiredCount",
    "resourceId": "service/app/app-web",
}

SCALING: dict[str, Callable[[Any], Properties]] = {
    "Target": lambda _: {**SCALED, "minCapacity": 1, "maxCapacity": 2, "tags": TAGS},
    "Policy": lambda _: {
        **SCALED,
        "name": "app-cpu",
        "policyType": "TargetTrackingScaling",
        "targetTrackingScalingPolicyConfiguration": {
            "predefinedMetricSpecification": {"predefinedMetricType": "ECSServiceAverageCPUUtilization"},
            "targetValue": 60,
            "scaleInCooldown": 300,
            "scaleOutCooldown": 60,
        },
    },
}
