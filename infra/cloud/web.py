"""The site: tasks of the released definition behind the load balancer, and a check of their roll-out."""

import pulumi
import pulumi_aws as aws
import pulumi_command as command
from pulumi_aws.ecs import ServiceLoadBalancerArgsDict, ServiceNetworkConfigurationArgsDict

from infra.cloud.address import Address
from infra.cloud.alarms import Alarms
from infra.cloud.context import CloudContext
from infra.cloud.dashboard import dashboard
from infra.cloud.database import Database
from infra.cloud.release import Release
from infra.cloud.requests import RolloutRequest
from infra.cloud.storage import MediaStorage
from infra.cloud.tags import tags
from infra.cloud.task import CONTAINER, FARGATE, STREAM_PREFIX
from infra.environment import AppEnvironment
from infra.reserved import PORT
from infra.steps import step_command, step_input

GRACE = 120  # seconds before the load balancer's health check of a new task counts
GRACE_PERIOD = 30  # seconds in which the previous version may still answer
CPU_TARGET = 60  # per cent


class Web(pulumi.ComponentResource):
    """A Fargate service of `tasks-min` to `tasks-max` tasks that moves to a new image only after its release succeeded.

    The provider doesn't wait for the service, because it takes a roll-back for a success (pulumi-aws #4487). The
    roll-out check waits instead, and the update fails unless the new definition runs and the site is ready and has a
    home page. ECS itself goes back when tasks don't start or never get ready (circuit breaker), and when the site
    answers with errors (alarm); the check goes back when the home page is broken.
    """

    def __init__(
        self,
        name: str,
        context: CloudContext,
        address: Address,
        environment: AppEnvironment[Database, MediaStorage],
        release: Release,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("django-stack:cloud:Web", name, None, opts)
        settings, network = context.settings, context.network
        own = pulumi.ResourceOptions(parent=self)
        task = release.task
        network_configuration: ServiceNetworkConfigurationArgsDict = {
            "subnets": network.public,
            "security_groups": [network.app_group],
            "assign_public_ip": not settings.nat_gateway,  # the way to AWS's services
        }
        alarms = Alarms("alarms", settings, network, address, environment.database, opts=own)
        load_balancers: list[ServiceLoadBalancerArgsDict] = [
            {"target_group_arn": address.target_group_arn, "container_name": CONTAINER, "container_port": PORT}
        ]
        service = aws.ecs.Service(
            name,
            name=f"{settings.prefix}-web",
            cluster=network.cluster_arn,
            task_definition=task.definition,
            desired_count=settings.tasks_min,
            launch_type="FARGATE",
            platform_version=FARGATE,
            network_configuration=network_configuration,
            load_balancers=load_balancers,
            health_check_grace_period_seconds=GRACE,
            deployment_minimum_healthy_percent=100,
            deployment_maximum_percent=200,
            deployment_circuit_breaker={"enable": True, "rollback": True},
            # A version that breaks after it was ready: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-alarm-failure.html
            alarms={"enable": True, "rollback": True, "alarm_names": [alarms.rollback]},
            enable_execute_command=False,  # infra/cloud/shell.py has tasks of their own for that
            enable_ecs_managed_tags=True,
            propagate_tags="SERVICE",
            wait_for_steady_state=False,
            tags=tags(settings),
            opts=pulumi.ResourceOptions(
                parent=self,
                # AWS refuses a service whose target group has no listener yet.
                depends_on=[release, address, network],
                ignore_changes=["desiredCount"],  # autoscaling owns this value
            ),
        )
        target = aws.appautoscaling.Target(
            f"{name}-scaling",
            service_namespace="ecs",
            scalable_dimension="ecs:service:DesiredCount",
            resource_id=pulumi.Output.concat("service/", network.cluster, "/", service.name),
            min_capacity=settings.tasks_min,
            max_capacity=settings.tasks_max,
            tags=tags(settings),
            opts=own,
        )
        command.local.Command(
            f"{name}-rollout",
            create=step_command("infra.cloud.steps.rollout"),
            update="exit 0",  # only a changed trigger starts tasks
            add_previous_output_in_env=False,
            stdin=step_input(
                RolloutRequest,
                region=settings.region,
                profile=settings.profile,
                stack=settings.stack,
                cluster=network.cluster,
                service=service.name,
                container=CONTAINER,
                task_definition=task.definition,
                tasks=settings.tasks_min,
                domain=address.domain,
                connect_to=address.connect_to,
                log_group=task.log_group,
                stream_prefix=STREAM_PREFIX,
                timeout=settings.rollout_timeout,
                tolerance=GRACE_PERIOD,
                pause=5,
                secrets=[environment.secret[name] for name in sorted(environment.secret)],
            ),
            triggers=[
                service.id,
                task.definition,
                # Whatever else makes ECS start tasks, and where the check reaches the site.
                pulumi.Output.json_dumps(
                    {
                        "network": network_configuration,
                        "load balancers": load_balancers,
                        "platform": FARGATE,
                        "tasks": settings.tasks_min,
                        "site": [address.domain, address.connect_to],
                    },
                    sort_keys=True,
                ),
            ],
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[target],  # it raises the number of tasks
                additional_secret_outputs=["stdout", "stderr"],
            ),
        )
        aws.appautoscaling.Policy(
            f"{name}-scaling-by-cpu",
            name=f"{settings.prefix}-cpu",
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
            opts=own,
        )
        dashboard("dashboard", settings, address, service.name, environment.database, own)
        self.id: pulumi.Output[str] = service.id
        self.register_outputs({"id": self.id})
