"""What the ECS services of a stack have in common: the web's, and those of the processes."""

from collections.abc import Sequence
from typing import Any, TypedDict

import pulumi
import pulumi_aws as aws
from pulumi_aws.ecs import ServiceDeploymentCircuitBreakerArgsDict, ServiceNetworkConfigurationArgsDict

from infra.cloud.context import CloudContext
from infra.cloud.environment import CloudEnvironment
from infra.cloud.tags import tags
from infra.cloud.task import FARGATE, STREAM_PREFIX, Task

CPU_TARGET = 60  # per cent
GRACE_PERIOD = 30  # seconds in which the previous version may still answer


class ServiceArgs(TypedDict):
    """Arguments of `aws.ecs.Service`."""

    cluster: pulumi.Input[str]
    launch_type: str
    platform_version: str
    network_configuration: ServiceNetworkConfigurationArgsDict
    deployment_circuit_breaker: ServiceDeploymentCircuitBreakerArgsDict
    enable_execute_command: bool
    enable_ecs_managed_tags: bool
    propagate_tags: str
    wait_for_steady_state: bool
    tags: dict[str, str]


def service_args(context: CloudContext) -> ServiceArgs:
    """Where tasks run, and how a version is rolled out.

    The provider doesn't wait for the service, because it takes a roll-back for a success (pulumi-aws #4487). A check of
    the roll-out waits instead.
    """
    settings, network = context.settings, context.network
    return {
        "cluster": network.cluster_arn,
        "launch_type": "FARGATE",
        "platform_version": FARGATE,
        "network_configuration": {
            "subnets": network.public,
            "security_groups": [network.app_group],
            "assign_public_ip": not settings.nat_gateway,  # the way to AWS's services
        },
        "deployment_circuit_breaker": {"enable": True, "rollback": True},
        "enable_execute_command": False,  # infra/cloud/shell.py has tasks of their own for that
        "enable_ecs_managed_tags": True,
        "propagate_tags": "SERVICE",
        "wait_for_steady_state": False,
        "tags": tags(settings),
    }


def rollout_values(
    context: CloudContext,
    service: pulumi.Input[str],
    task: Task,
    definition: pulumi.Input[str],
    container: str,
    environment: CloudEnvironment,
) -> dict[str, Any]:
    """The fields of a `ServiceRequest`, without `tasks`; `service` is a name, `definition` an ARN."""
    settings = context.settings
    return {
        "region": settings.region,
        "profile": settings.profile,
        "stack": settings.stack,
        "cluster": context.network.cluster,
        "service": service,
        "container": container,
        "task_definition": definition,
        "log_group": task.log_group,
        "stream_prefix": STREAM_PREFIX,
        "timeout": settings.rollout_timeout,
        "tolerance": GRACE_PERIOD,
        "pause": 2,
        "secrets": environment.secret_values,
    }


def rollout_triggers(service: aws.ecs.Service, definition: pulumi.Input[str], **more: object) -> Sequence[Any]:
    """What makes ECS start tasks, so that the roll-out is checked again: these, and `more` by their names."""
    return [service.id, definition, pulumi.Output.json_dumps({"platform": FARGATE, **more}, sort_keys=True)]


def scaling_target(
    name: str, context: CloudContext, service: aws.ecs.Service, least: int, most: int, opts: pulumi.ResourceOptions
) -> aws.appautoscaling.Target:
    """Lets autoscaling choose the number of a service's tasks."""
    return aws.appautoscaling.Target(
        f"{name}-scaling",
        service_namespace="ecs",
        scalable_dimension="ecs:service:DesiredCount",
        resource_id=pulumi.Output.concat("service/", context.network.cluster, "/", service.name),
        min_capacity=least,
        max_capacity=most,
        tags=tags(context.settings),
        opts=opts,
    )


def scale_by_cpu(name: str, policy: str, target: aws.appautoscaling.Target, opts: pulumi.ResourceOptions) -> None:
    """Has the number follow the CPU that tasks use; `policy` is the policy's name."""
    aws.appautoscaling.Policy(
        f"{name}-scaling-by-cpu",
        name=policy,
        policy_type="TargetTrackingScaling",
        service_namespace=target.service_namespace,
        scalable_dimension=target.scalable_dimension,
        resource_id=target.resource_id,
        target_tracking_scaling_policy_configuration={
            "predefined_metric_specification": {"predefined_metric_type": "ECSServiceAverageCPUUtilization"},
            "target_value": CPU_TARGET,
            "scale_in_cooldown": 300,
            "scale_out_cooldown": 60,
        },
        opts=opts,
    )
