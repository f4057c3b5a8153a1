"""What `django-stack shell`, `psql` and `tunnel` run: tasks of their own, so that those of the site have no way in."""

from typing import Any

import pulumi
import pulumi_aws as aws

from infra.cloud.settings import CloudSettings
from infra.cloud.tags import tags
from infra.cloud.task_kinds import SHELL
from infra.cloud.task_role import make_task_role

# The channels of AWS's agent in the task: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-exec.html
CHANNELS: dict[str, object] = {
    "Sid": "ExecuteCommand",
    "Effect": "Allow",
    "Action": [
        "ssmmessages:CreateControlChannel",
        "ssmmessages:CreateDataChannel",
        "ssmmessages:OpenControlChannel",
        "ssmmessages:OpenDataChannel",
    ],
    "Resource": "*",  # AWS supports these actions only on all resources
}


def make_shell(
    settings: CloudSettings,
    account: pulumi.Output[str],
    statements: list[dict[str, object]],
    containers: pulumi.Output[list[dict[str, Any]]],
    definition: dict[str, Any],
    parent: pulumi.Resource,
) -> None:
    """A task definition like the app's, whose role has the app's `statements` and the channels of AWS's agent.

    Its root is writable, since that agent supports no other. Nothing starts such a task but the commands. Every version
    of it stays, as those of the app do: after a failed roll-out, a shell is of the version that runs.
    """
    own = pulumi.ResourceOptions(parent=parent)
    role = make_task_role(f"{SHELL}-role", f"{SHELL}-app", settings, account, own)
    rights = aws.iam.RolePolicy(
        f"{SHELL}-rights",
        name="rights",
        role=role.name,
        policy=pulumi.Output.json_dumps(
            {"Version": "2012-10-17", "Statement": [*statements, CHANNELS]}, sort_keys=True
        ),
        opts=own,
    )
    aws.ecs.TaskDefinition(
        SHELL,
        family=f"{settings.prefix}-{SHELL}",
        task_role_arn=role.arn,
        container_definitions=pulumi.Output.json_dumps(containers.apply(_writable), sort_keys=True),
        skip_destroy=True,
        tags=tags(settings),
        opts=pulumi.ResourceOptions(parent=parent, depends_on=[rights]),
        **definition,
    )


def _writable(containers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The containers, the app's last, which may write to its root, and is reached by nobody."""
    *others, app = containers
    return [*others, {**app, "portMappings": [], "readonlyRootFilesystem": False}]
