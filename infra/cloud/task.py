"""The ECS task definitions of a stack: image, environment, secrets and rights."""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_aws as aws

from infra.cloud import certificates
from infra.cloud.context import CloudContext
from infra.cloud.environment import CloudEnvironment
from infra.cloud.image import AppImage
from infra.cloud.settings import CloudSettings
from infra.cloud.shell import make_shell
from infra.cloud.tags import tags
from infra.cloud.task_role import make_task_role
from infra.processes import ProcessSettings
from infra.reserved import PORT, WORKERS

CONTAINER = "web"
STREAM_PREFIX = "app"
FARGATE = "1.4.0"  # Fargate's platform version, for the service and for one-off tasks
USER = "10001:10001"  # the image's own user
# Fargate's volumes belong to root, and the app doesn't run as root. So another container runs first: it makes /tmp
# writable, and writes AWS's certificates where libpq reads them.
PREPARE = (
    "import os, pathlib; os.chmod('/tmp', 0o1777); "
    f"pathlib.Path('{certificates.FILE}').write_text(os.environ['CERTIFICATES'])"
)
RECOVERY_DAYS = 7
STOP_TIMEOUT = 30  # seconds; the time that the load balancer gives a task that leaves


class Task(pulumi.ComponentResource):
    """A task definition, with the log group, the secret and the two roles behind it.

    All secret variables are one secret in Secrets Manager. A definition names its version, so that a changed secret
    causes a new definition and a roll-out. Exposes `definition` (ARN) of web and release, `log_group` (name),
    and the ARNs of both roles, `role_arn` and `execution_role_arn`.
    """

    def __init__(
        self,
        name: str,
        context: CloudContext,
        image: AppImage,
        environment: CloudEnvironment,
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
            name_prefix=f"{settings.prefix}-environment-",  # a deleted secret keeps its name for the recovery days
            description="The app's secret environment variables, as a JSON object",
            recovery_window_in_days=RECOVERY_DAYS,
            tags=tags(settings),
            opts=own,
        )
        secrets = {**environment.secret, **_own_secrets(settings)}
        secret_string: pulumi.Output[str] = pulumi.Output.json_dumps(secrets, sort_keys=True)
        version = aws.secretsmanager.SecretVersion(
            f"{name}-secret-version",
            secret_id=secret.id,
            secret_string=secret_string,
            # After a failed roll-out, ECS returns to the previous definition, which names the previous version.
            opts=pulumi.ResourceOptions(parent=self, retain_on_delete=True),
        )
        execution_role = make_task_role(f"{name}-execution-role", "execution", settings, network.account, own)
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
        role = make_task_role(f"{name}-app-role", "app", settings, network.account, own)
        statements = _app_statements(environment.media.bucket_arn, network.account, settings)
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
        self._context = context
        self._image = image.id
        self._environment = environment
        self._secret = pulumi.Output.all(secret.arn, version.version_id)
        self._rights = rights
        self.role_arn: pulumi.Output[str] = role.arn
        self.execution_role_arn: pulumi.Output[str] = execution_role.arn
        self.log_group: pulumi.Output[str] = logs.name
        containers = self._containers(CONTAINER, settings.web_command, STOP_TIMEOUT, environment, "", has_port=True)
        size = (settings.cpu, settings.memory)
        definition = self._define(name, settings.prefix, containers, size, own)
        if settings.execute_command:
            make_shell(settings, network.account, statements, containers, self._shape(*size), self)
        self.definition: pulumi.Output[str] = definition.arn
        self.register_outputs({"definition": self.definition, "log_group": self.log_group})

    def definition_of(
        self,
        name: str,
        container: str,
        *,
        command: Sequence[str] = (),
        size: tuple[int, int] | None = None,
        stop_timeout: int = STOP_TIMEOUT,
        process: ProcessSettings | None = None,
        opts: pulumi.ResourceOptions,
    ) -> aws.ecs.TaskDefinition:
        """A task definition of its own for another command, with the web's image, environment, secrets and rights.

        `container` is what the container is called and what the family ends in; nobody reaches it. `size` are CPU units
        and MiB, those of the web if there are none, and `process` has variables of its own.
        """
        settings = self._context.settings
        environment, prefix = self._environment, ""
        if process:
            environment = environment.with_own(process.env, process.secret_env)
            prefix = process.name
        containers = self._containers(container, command, stop_timeout, environment, prefix)
        size = size or (settings.cpu, settings.memory)
        return self._define(name, f"{settings.prefix}-{container}", containers, size, opts)

    def _define(
        self,
        name: str,
        family: str,
        containers: pulumi.Output[list[dict[str, Any]]],
        size: tuple[int, int],
        opts: pulumi.ResourceOptions,
    ) -> aws.ecs.TaskDefinition:
        return aws.ecs.TaskDefinition(
            name,
            family=family,
            task_role_arn=self.role_arn,
            container_definitions=pulumi.Output.json_dumps(containers, sort_keys=True),
            # After a failed roll-out, ECS returns to the previous definition, which must still exist.
            skip_destroy=True,
            tags=tags(self._context.settings),
            opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=self._rights)),
            **self._shape(*size),
        )

    def _shape(self, cpu: int, memory: int) -> dict[str, Any]:
        """The arguments that all task definitions have; CPU units and MiB."""
        return {
            "network_mode": "awsvpc",
            "requires_compatibilities": ["FARGATE"],
            "cpu": str(cpu),
            "memory": str(memory),
            "runtime_platform": {
                "cpu_architecture": {"amd64": "X86_64", "arm64": "ARM64"}[self._context.settings.architecture],
                "operating_system_family": "LINUX",
            },
            "execution_role_arn": self.execution_role_arn,
            "volumes": [{"name": "certificates"}, {"name": "tmp"}],
        }

    def _containers(
        self,
        name: str,
        command: Sequence[str],
        stop_timeout: int,
        environment: CloudEnvironment,
        process: str,
        *,
        has_port: bool = False,
    ) -> pulumi.Output[list[dict[str, Any]]]:
        """The container definitions in the form in which ECS returns them (sorted, complete, no nulls).

        Any other form would look like a change in every update (pulumi-aws #4576, #5256). `process` is the name of one
        that has secrets of its own.
        """
        settings = self._context.settings
        own: Mapping[str, str] = settings.processes[process].env if process else {}
        own_secrets = settings.processes[process].secret_env if process else frozenset()
        plain = dict(environment.plain)
        if WORKERS not in {*environment.secret, *own}:  # ECS refuses a name that is in both lists
            plain[WORKERS] = str(settings.workers)
        references = self._secret.apply(
            lambda known: [
                {
                    "name": name,
                    "valueFrom": f"{known[0]}:{_key(process, name) if name in own_secrets else name}::{known[1]}",
                }
                for name in sorted(environment.secret)
            ]
        )
        shared = {
            "image": self._image,
            "cpu": 0,
            "readonlyRootFilesystem": True,
            "systemControls": [],
            "volumesFrom": [],
            "logConfiguration": {
                "logDriver": "awslogs",
                "options": {
                    "awslogs-group": self.log_group,
                    "awslogs-region": settings.region,
                    "awslogs-stream-prefix": STREAM_PREFIX,
                },
            },
        }
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
        app = {
            **shared,
            "name": name,
            "essential": True,
            "user": USER,
            "dependsOn": [{"containerName": "prepare", "condition": "SUCCESS"}],
            # An empty variable means the same as an absent one.
            "environment": [{"name": key, "value": value} for key, value in sorted(plain.items()) if value != ""],
            "secrets": references,
            "linuxParameters": {"initProcessEnabled": True},
            "mountPoints": [
                _mount("certificates", certificates.FOLDER, read_only=True),
                _mount("tmp", "/tmp"),  # noqa: S108
            ],
            "portMappings": [{"containerPort": PORT, "hostPort": PORT, "protocol": "tcp"}] if has_port else [],
            "stopTimeout": stop_timeout,
        }
        if command:
            app["command"] = list(command)
        return pulumi.Output.from_input([prepare, app])


def _own_secrets(settings: CloudSettings) -> dict[str, pulumi.Output[str]]:
    """The secret variables that only a process gets, by their names in the stack's one secret."""
    return {
        _key(process.name, name): pulumi.Output.secret(process.env[name])
        for process in settings.processes.values()
        for name in sorted(process.secret_env)
    }


def _key(process: str, name: str) -> str:
    return f"{process}.{name}"  # a variable's name has no dot


def _execution_policy(
    repository: pulumi.Output[str], logs: pulumi.Output[str], secret: pulumi.Output[str]
) -> dict[str, object]:
    """The policy by which ECS itself starts a task: it may pull this image, read this secret and write this log."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            # AWS supports this action only on all resources.
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


def _app_statements(
    bucket: pulumi.Output[str] | None, account: pulumi.Output[str], settings: CloudSettings
) -> list[dict[str, object]]:
    """The rights of the app: files in its own bucket, if it has one; with `mail: ses` mails of its own domain."""
    statements: list[dict[str, object]] = []
    if bucket is not None:
        statements += [
            {"Sid": "Bucket", "Effect": "Allow", "Action": "s3:ListBucket", "Resource": bucket},
            {
                "Sid": "Files",
                "Effect": "Allow",
                "Action": ["s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject", "s3:PutObject"],
                "Resource": pulumi.Output.concat(bucket, "/*"),
            },
        ]
    if settings.mail == "ses":
        statements.append(
            {
                "Sid": "Mail",
                "Effect": "Allow",
                # The second one is asked for a whole message, which Django makes.
                "Action": ["ses:SendEmail", "ses:SendRawEmail"],
                "Resource": pulumi.Output.concat(
                    "arn:aws:ses:", settings.region, ":", account, ":identity/", settings.sending_domain
                ),
            }
        )
    return statements


def _mount(volume: str, path: str, *, read_only: bool = False) -> dict[str, object]:
    return {"sourceVolume": volume, "containerPath": path, "readOnly": read_only}
