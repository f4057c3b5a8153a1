"""The stack's `schedules`: EventBridge Scheduler starts a task at their times."""

import json
from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from infra.cloud.context import CloudContext
from infra.cloud.cron import aws_cron
from infra.cloud.network import Network
from infra.cloud.release import Release
from infra.cloud.tags import tags
from infra.cloud.task import FARGATE
from infra.cloud.task_kinds import SCHEDULE
from infra.cloud.web import Web
from infra.processes import LONGEST_STOP
from infra.schedules import ScheduleSettings, once

CONTAINER = "schedule"  # of a run's task; also in the names of its definition and its log streams
# A task that can't be started, for want of room, say, is tried again; a run that failed is not, its next time comes.
# https://docs.aws.amazon.com/scheduler/latest/APIReference/API_RetryPolicy.html
RETRIES, LATE = 10, 900  # seconds, as much as on the local platform


class Schedules(pulumi.ComponentResource):
    """A schedule of EventBridge for each, in a group of their own, which move to a new version only after the site did.

    A task belongs to nothing that a deploy replaces, so a deploy neither ends it nor starts it twice; it runs the
    command under the package's lock (django_stack.once). A task that fails, or can't be started at all, is told to the
    topic of the alarms.
    """

    def __init__(
        self,
        name: str,
        context: CloudContext,
        release: Release,
        web: Web,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("django-stack:cloud:Schedules", name, None, opts)
        settings, network = context.settings, context.network
        own = pulumi.ResourceOptions(parent=self)
        definition = release.task.definition_of("task-schedule", CONTAINER, stop_timeout=LONGEST_STOP, opts=own)
        group = aws.scheduler.ScheduleGroup(f"{name}-group", name=settings.prefix, tags=tags(settings), opts=own)
        role = aws.iam.Role(
            f"{name}-role",
            name=f"{settings.prefix}-scheduler-app",
            assume_role_policy=pulumi.Output.json_dumps(_trust(network.account, group.arn), sort_keys=True),
            permissions_boundary=settings.permissions_boundary or None,
            tags=tags(settings),
            opts=own,
        )
        rights = aws.iam.RolePolicy(
            f"{name}-rights",
            name="rights",
            role=role.name,
            policy=pulumi.Output.json_dumps(
                _rights(definition.arn, network, [release.task.role_arn, release.task.execution_role_arn]),
                sort_keys=True,
            ),
            opts=own,
        )
        for schedule in settings.schedules.values():
            aws.scheduler.Schedule(
                f"schedule-{schedule.name}",
                name=schedule.name,
                group_name=group.name,
                description=f"{settings.prefix}: {' '.join(schedule.command)}"[:512],
                schedule_expression=aws_cron(schedule.cron),
                schedule_expression_timezone=schedule.timezone,
                state="ENABLED" if schedule.enabled else "DISABLED",
                flexible_time_window={"mode": "OFF"},
                target={
                    "arn": network.cluster_arn,
                    "role_arn": role.arn,
                    "input": _overrides(schedule),
                    "ecs_parameters": {
                        "task_definition_arn": definition.arn,
                        "task_count": 1,
                        "launch_type": "FARGATE",
                        "platform_version": FARGATE,
                        "group": f"{SCHEDULE}{schedule.name}",
                        "propagate_tags": "TASK_DEFINITION",
                        "network_configuration": {
                            "subnets": network.public,
                            "security_groups": [network.app_group],
                            "assign_public_ip": not settings.nat_gateway,
                        },
                    },
                    "retry_policy": {"maximum_retry_attempts": RETRIES, "maximum_event_age_in_seconds": LATE},
                },
                # AWS tries the role before it takes it.
                opts=pulumi.ResourceOptions(parent=self, depends_on=[rights, release, web]),
            )
        self.group: pulumi.Output[str] = group.name
        self.register_outputs({"group": self.group})


def _overrides(schedule: ScheduleSettings) -> str:
    """What the run's task has beyond its definition: the command, under the package's lock."""
    return json.dumps({"containerOverrides": [{"name": CONTAINER, "command": once(schedule)}]}, sort_keys=True)


def _trust(account: pulumi.Output[str], group: pulumi.Output[str]) -> dict[str, object]:
    """Who may have the role: EventBridge Scheduler, for the schedules of this group.

    https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html
    """
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "scheduler.amazonaws.com"},
                "Action": "sts:AssumeRole",
                "Condition": {"StringEquals": {"aws:SourceAccount": account, "aws:SourceArn": group}},
            }
        ],
    }


def _rights(definition: pulumi.Output[str], network: Network, roles: Sequence[pulumi.Output[str]]) -> dict[str, object]:
    """Tasks of this definition in this cluster, with the definition's own roles and tags, and nothing else.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/CWE_IAM_role.html
    """
    # Any revision: a schedule may start a task in the moment in which it moves to the next one.
    tasks = pulumi.Output.concat(
        network.cluster_arn.apply(lambda arn: arn.rpartition(":")[0]), ":task/", network.cluster, "/*"
    )
    family = definition.apply(lambda arn: f"{arn.rpartition(':')[0]}:*")
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "Start",
                "Effect": "Allow",
                "Action": "ecs:RunTask",
                "Resource": family,
                "Condition": {"ArnEquals": {"ecs:cluster": network.cluster_arn}},
            },
            {
                "Sid": "Tag",
                "Effect": "Allow",
                "Action": "ecs:TagResource",
                "Resource": tasks,
                "Condition": {"StringEquals": {"ecs:CreateAction": "RunTask"}},
            },
            {
                "Sid": "Roles",
                "Effect": "Allow",
                "Action": "iam:PassRole",
                "Resource": list(roles),
                "Condition": {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
            },
        ],
    }
