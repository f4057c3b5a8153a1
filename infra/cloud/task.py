"""What runs: image, environment, secrets and rights as one ECS task definition, for release and web alike."""

from typing import Any

import pulumi
import pulumi_aws as aws

from infra.cloud import certificates
from infra.cloud.context import CloudContext
from infra.cloud.database import Database
from infra.cloud.image import AppImage
from infra.cloud.settings import CloudSettings
from infra.cloud.storage import MediaStorage
from infra.cloud.tags import tags
from infra.environment import AppEnvironment
from infra.reserved import PORT

CONTAINER = "web"
STREAM_PREFIX = "app"
FARGATE = "1.4.0"  # the platform's version, for the service and for one-off tasks
USER = "10001:10001"  # the image's own
# Fargate's volumes belong to root, and the app doesn't run as root: a container that runs before it opens /tmp to it,
# and leaves AWS's certificates where libpq reads them.
PREPARE = (
    "import os, pathlib; os.chmod('/tmp', 0o1777); "
    f"pathlib.Path('{certificates.FILE}').write_text(os.environ['CERTIFICATES'])"
)
# `aws ecs execute-command` puts its agent's files here; the only other folders that can be written to.
EXECUTE_COMMAND_FOLDERS = {"ssm-lib": "/var/lib/amazon", "ssm-log": "/var/log/amazon"}
RECOVERY_DAYS = 7


class Task(pulumi.ComponentResource):
    """A task definition, with the log group, the secret and the two roles behind it.

    Secret variables are one Secrets Manager secret; the definition names its version, so a changed secret is a new
    definition and with it a new roll-out. Exposes `definition` (ARN) and `log_group` (name).
    """

    def __init__(
        self,
        name: str,
        context: CloudContext,
        image: AppImage,
        environment: AppEnvironment[Database, MediaStorage],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("django-stack:cloud:Task", name, None, opts)
        settings, network = context.settings, context.network
        own = pulumi.ResourceOptions(parent=self)
        logs = aws.cloudwatch.LogGroup(
            f"{name}-logs",
            name=f"/{settings.project}/{settings.stack}",
            retention_in_days=settings.log_days,
            tags=tags(settings),
            opts=own,
        )
        secret = aws.secretsmanager.Secret(
            f"{name}-secret",
            name_prefix=f"{settings.prefix}-environment-",  # a deleted one holds its name for the recovery days
            description="The app's secret environment variables, as a JSON object",
            recovery_window_in_days=RECOVERY_DAYS,
            tags=tags(settings),
            opts=own,
        )
        secret_string: pulumi.Output[str] = pulumi.Output.json_dumps(environment.secret, sort_keys=True)
        version = aws.secretsmanager.SecretVersion(
            f"{name}-secret-version",
            secret_id=secret.id,
            secret_string=secret_string,
            # The definition that a failed roll-out goes back to names the version before this one.
            opts=pulumi.ResourceOptions(parent=self, retain_on_delete=True),
        )
        execution_role = self._role(name, "execution", settings, network.account)
        rights = [
            aws.iam.RolePolicy(
                f"{name}-execution-rights",
                name="rights",
                role=execution_role.name,
                policy=pulumi.Output.json_dumps(
                    _execution_policy(image.repository_arn, logs.arn, secret.arn), sort_keys=True
                ),
                opts=own,
            )
        ]
        role = self._role(name, "app", settings, network.account)
        statements = _app_statements(environment.media.bucket_arn, settings)
        if statements:
            rights.append(
                aws.iam.RolePolicy(
                    f"{name}-app-rights",
                    name="rights",
                    role=role.name,
                    policy=pulumi.Output.json_dumps({"Version": "2012-10-17", "Statement": statements}, sort_keys=True),
                    opts=own,
                )
            )
        references = pulumi.Output.all(secret.arn, version.version_id).apply(
            lambda known: [
                {"name": variable, "valueFrom": f"{known[0]}:{variable}::{known[1]}"}
                for variable in sorted(environment.secret)
            ]
        )
        volumes = ["certificates", "tmp", *(sorted(EXECUTE_COMMAND_FOLDERS) if settings.execute_command else ())]
        definition = aws.ecs.TaskDefinition(
            name,
            family=settings.prefix,
            network_mode="awsvpc",
            requires_compatibilities=["FARGATE"],
            cpu=str(settings.cpu),
            memory=str(settings.memory),
            runtime_platform={
                "cpu_architecture": {"amd64": "X86_64", "arm64": "ARM64"}[settings.architecture],
                "operating_system_family": "LINUX",
            },
            execution_role_arn=execution_role.arn,
            task_role_arn=role.arn,
            volumes=[{"name": volume} for volume in volumes],
            container_definitions=pulumi.Output.json_dumps(
                _containers(settings, image.id, environment, references, logs.name), sort_keys=True
            ),
            # A roll-out that fails goes back to the definition before, which must be there then.
            skip_destroy=True,
            tags=tags(settings),
            opts=pulumi.ResourceOptions(parent=self, depends_on=rights),
        )
        self.definition: pulumi.Output[str] = definition.arn
        self.log_group: pulumi.Output[str] = logs.name
        self.register_outputs({"definition": self.definition, "log_group": self.log_group})

    def _role(self, name: str, part: str, settings: CloudSettings, account: pulumi.Output[str]) -> aws.iam.Role:
        return aws.iam.Role(
            f"{name}-{part}-role",
            name=f"{settings.prefix}-{part}",
            assume_role_policy=pulumi.Output.json_dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Principal": {"Service": "ecs-tasks.amazonaws.com"},
                            "Action": "sts:AssumeRole",
                            "Condition": {"StringEquals": {"aws:SourceAccount": account}},
                        }
                    ],
                },
                sort_keys=True,
            ),
            tags=tags(settings),
            opts=pulumi.ResourceOptions(parent=self),
        )


def _execution_policy(
    repository: pulumi.Output[str], logs: pulumi.Output[str], secret: pulumi.Output[str]
) -> dict[str, object]:
    """What ECS itself may do to start a task: pull this image, read this secret, write this log."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            # AWS knows this action on no resource but all.
            {"Sid": "Login", "Effect": "Allow", "Action": "ecr:GetAuthorizationToken", "Resource": "*"},
            {
                "Sid": "Pull",
                "Effect": "Allow",
                "Action": ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
                "Resource": repository,
            },
            {"Sid": "Secret", "Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": secret},
            {
                "Sid": "Log",
                "Effect": "Allow",
                "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
                "Resource": pulumi.Output.concat(logs, ":*"),
            },
        ],
    }


def _app_statements(bucket: pulumi.Output[str] | None, settings: CloudSettings) -> list[dict[str, object]]:
    """What the app may do: its own bucket's files, and with `execute-command` the shell's channels."""
    statements: list[dict[str, object]] = []
    if bucket is not None:
        statements += [
            {"Sid": "Bucket", "Effect": "Allow", "Action": "s3:ListBucket", "Resource": bucket},
            {
                "Sid": "Files",
                "Effect": "Allow",
                "Action": ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"],
                "Resource": pulumi.Output.concat(bucket, "/*"),
            },
        ]
    if settings.execute_command:
        statements.append(
            {
                "Sid": "ExecuteCommand",
                "Effect": "Allow",
                "Action": [
                    "ssmmessages:CreateControlChannel",
                    "ssmmessages:CreateDataChannel",
                    "ssmmessages:OpenControlChannel",
                    "ssmmessages:OpenDataChannel",
                ],
                "Resource": "*",  # AWS knows these actions on no resource but all
            }
        )
    return statements


def _containers(
    settings: CloudSettings,
    image: pulumi.Output[str],
    environment: AppEnvironment[Database, MediaStorage],
    references: pulumi.Output[list[dict[str, str]]],
    log_group: pulumi.Output[str],
) -> list[dict[str, Any]]:
    """The container definitions in the form in which ECS gives them back (sorted, complete, no nulls).

    Any other form is a change at each update (pulumi-aws #4576, #5256).
    """
    plain = {"WEB_CONCURRENCY": str(settings.workers), **environment.plain}
    shared = {
        "image": image,
        "cpu": 0,
        "readonlyRootFilesystem": True,
        "systemControls": [],
        "volumesFrom": [],
        "logConfiguration": {
            "logDriver": "awslogs",
            "options": {
                "awslogs-group": log_group,
                "awslogs-region": settings.region,
                "awslogs-stream-prefix": STREAM_PREFIX,
            },
        },
    }
    folders = EXECUTE_COMMAND_FOLDERS if settings.execute_command else {}
    prepare = {
        **shared,
        "name": "prepare",
        "essential": False,
        "user": "0:0",
        "entryPoint": ["python", "-c", PREPARE],
        "environment": [{"name": "CERTIFICATES", "value": certificates.certificates()[settings.region]}],
        "mountPoints": [_mount("certificates", certificates.FOLDER), _mount("tmp", "/tmp")],  # noqa: S108  # the container's
        "portMappings": [],
    }
    web = {
        **shared,
        "name": CONTAINER,
        "essential": True,
        "user": USER,
        "dependsOn": [{"containerName": "prepare", "condition": "SUCCESS"}],
        # An empty variable says what an absent one says.
        "environment": [{"name": name, "value": value} for name, value in sorted(plain.items()) if value != ""],
        "secrets": references,
        "linuxParameters": {"initProcessEnabled": True},
        "mountPoints": [
            _mount("certificates", certificates.FOLDER, read_only=True),
            *(_mount(volume, path) for volume, path in sorted(folders.items())),
            _mount("tmp", "/tmp"),  # noqa: S108
        ],
        "portMappings": [{"containerPort": PORT, "hostPort": PORT, "protocol": "tcp"}],
        "stopTimeout": 30,
    }
    if settings.web_command:
        web["command"] = list(settings.web_command)
    return [prepare, web]


def _mount(volume: str, path: str, *, read_only: bool = False) -> dict[str, object]:
    return {"sourceVolume": volume, "containerPath": path, "readOnly": read_only}
