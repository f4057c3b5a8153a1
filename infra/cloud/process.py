"""A process of the setting `processes`: an ECS service without a load balancer, and a check of its roll-out."""

import pulumi
import pulumi_aws as aws
import pulumi_command as command

from infra.cloud.capacity import size_of
from infra.cloud.context import CloudContext
from infra.cloud.environment import CloudEnvironment
from infra.cloud.release import Release
from infra.cloud.requests import ProcessRolloutRequest
from infra.cloud.service import rollout_triggers, rollout_values, scale_by_cpu, scaling_target, service_args
from infra.processes import ProcessSettings
from infra.steps import step_command, step_input

STEADY = 30  # seconds that new tasks must go on running


class Process(pulumi.ComponentResource):
    """A Fargate service of `count` to `max` tasks, which move to a new image only after its release succeeded.

    A task gets SIGTERM and has `stop-timeout` to end. Of a process with `count: 1` and without `max` there are never
    two: the roll-out check itself has the old task end and the new one start, so that the program changes neither the
    definition nor the number of an existing service. Exposes `process`, its name.
    """

    def __init__(
        self,
        name: str,
        context: CloudContext,
        environment: CloudEnvironment,
        release: Release,
        process: ProcessSettings,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("django-stack:cloud:Process", name, None, opts)
        settings = context.settings
        own = pulumi.ResourceOptions(parent=self)
        definition = release.task.definition_of(
            f"{name}-task",
            process.name,
            command=process.command,
            size=size_of(settings, process),
            stop_timeout=max(process.stop_timeout, 2),  # Fargate's least
            process=process,
            opts=own,
        )
        args = service_args(context)
        service = aws.ecs.Service(
            name,
            name=f"{settings.prefix}-{process.name}",
            task_definition=definition.arn,
            desired_count=process.count,
            deployment_minimum_healthy_percent=0 if process.is_single else 100,
            deployment_maximum_percent=100 if process.is_single else 200,
            # AWS turns it on for a new service that doesn't say, and refuses it together with 100 per cent, which a
            # process that goes from several tasks to one gets: it starts a task elsewhere before it stops one.
            # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-rebalancing.html
            availability_zone_rebalancing="DISABLED" if process.is_single else "ENABLED",
            **args,
            opts=pulumi.ResourceOptions(
                parent=self, depends_on=[release, context.network], ignore_changes=_not_the_programs(process)
            ),
        )
        before_the_check: list[pulumi.Resource] = [service]
        if process.max:
            target = scaling_target(name, context, service, process.count, process.max, own)
            scale_by_cpu(name, f"{settings.prefix}-{process.name}-cpu", target, own)
            before_the_check.append(target)  # it raises the number of tasks
        command.local.Command(
            f"{name}-rollout",
            create=step_command("infra.cloud.steps.process_rollout"),
            update="exit 0",  # only a changed trigger starts tasks
            add_previous_output_in_env=False,
            stdin=step_input(
                ProcessRolloutRequest,
                **rollout_values(
                    context,
                    service.name,
                    release.task,
                    definition.arn,
                    process.name,
                    environment.with_own(process.env, process.secret_env),
                ),
                tasks=process.count,
                most=process.most,
                single=process.is_single,
                steady=STEADY,
            ),
            triggers=rollout_triggers(
                service,
                definition.arn,
                network=args["network_configuration"],
                tasks=[process.count, process.max],
            ),
            opts=pulumi.ResourceOptions(
                parent=self, depends_on=before_the_check, additional_secret_outputs=["stdout", "stderr"]
            ),
        )
        self.process = process.name
        self.register_outputs({"process": self.process})


def _not_the_programs(process: ProcessSettings) -> list[str] | None:
    """What of a service others change: the roll-out check of a single process, or autoscaling."""
    if process.is_single:
        return ["taskDefinition", "desiredCount"]
    return ["desiredCount"] if process.max else None
