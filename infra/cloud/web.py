"""The site: tasks of the released definition behind the load balancer, and a check of their roll-out."""

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws
import pulumi_command as command
from pulumi_aws.ecs import ServiceLoadBalancerArgsDict

from infra.cloud.alarms import Alarms
from infra.cloud.context import CloudContext
from infra.cloud.dashboard import dashboard
from infra.cloud.environment import CloudEnvironment
from infra.cloud.process import Process
from infra.cloud.release import Release
from infra.cloud.requests import RolloutRequest
from infra.cloud.service import rollout_triggers, rollout_values, scale_by_cpu, scaling_target, service_args
from infra.cloud.task import CONTAINER
from infra.reserved import PORT
from infra.steps import step_command, step_input

GRACE = 120  # seconds before the load balancer's health check of a new task counts


class Web(pulumi.ComponentResource):
    """A Fargate service of `tasks-min` to `tasks-max` tasks.

    It moves to a new image only after its release succeeded and the processes moved to it. The update fails unless the
    new definition runs and the site is ready and has a home page. ECS itself goes back when tasks don't start or never
    get ready (circuit breaker), and when the site answers with errors (alarm); the check goes back when the home page
    is broken.
    """

    def __init__(
        self,
        name: str,
        context: CloudContext,
        environment: CloudEnvironment,
        release: Release,
        after: Sequence[Process],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("django-stack:cloud:Web", name, None, opts)
        settings, network, address = context.settings, context.network, environment.address
        own = pulumi.ResourceOptions(parent=self)
        task = release.task
        args = service_args(context)
        alarms = Alarms("alarms", settings, network, address, environment.database, opts=own)
        load_balancers: list[ServiceLoadBalancerArgsDict] = [
            {"target_group_arn": address.target_group_arn, "container_name": CONTAINER, "container_port": PORT}
        ]
        service = aws.ecs.Service(
            name,
            name=f"{settings.prefix}-web",
            task_definition=task.definition,
            desired_count=settings.tasks_min,
            load_balancers=load_balancers,
            health_check_grace_period_seconds=GRACE,
            deployment_minimum_healthy_percent=100,
            deployment_maximum_percent=200,
            availability_zone_rebalancing="ENABLED",
            # A version that breaks after it was ready: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-alarm-failure.html
            alarms={"enable": True, "rollback": True, "alarm_names": [alarms.rollback]},
            **args,
            opts=pulumi.ResourceOptions(
                parent=self,
                # AWS refuses a service whose target group has no listener yet.
                depends_on=[release, address, network, *after],
                ignore_changes=["desiredCount"],  # autoscaling owns this value
            ),
        )
        target = scaling_target(name, context, service, settings.tasks_min, settings.tasks_max, own)
        command.local.Command(
            f"{name}-rollout",
            create=step_command("infra.cloud.steps.rollout"),
            update="exit 0",  # only a changed trigger starts tasks
            add_previous_output_in_env=False,
            stdin=step_input(
                RolloutRequest,
                **rollout_values(context, service.name, task, task.definition, CONTAINER, environment),
                tasks=settings.tasks_min,
                domain=address.domain,
                connect_to=address.connect_to,
            ),
            triggers=rollout_triggers(
                service,
                task.definition,
                **{
                    "network": args["network_configuration"],
                    "load balancers": load_balancers,
                    "tasks": settings.tasks_min,
                    "site": [address.domain, address.connect_to],  # where the check reaches it
                },
            ),
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[target],  # it raises the number of tasks
                additional_secret_outputs=["stdout", "stderr"],
            ),
        )
        scale_by_cpu(name, f"{settings.prefix}-cpu", target, own)
        dashboard("dashboard", settings, address, service.name, environment.database, own)
        self.id: pulumi.Output[str] = service.id
        self.register_outputs({"id": self.id})
