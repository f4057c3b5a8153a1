"""The release step: migrations and the like in a one-off task of the new definition, before the web moves to it."""

import pulumi
import pulumi_command as command

from infra.cloud.context import CloudContext
from infra.cloud.environment import CloudEnvironment
from infra.cloud.image import AppImage
from infra.cloud.requests import ReleaseRequest
from infra.cloud.task import CONTAINER, FARGATE, STREAM_PREFIX, Task
from infra.cloud.task_kinds import RELEASE
from infra.destructive import release_arguments
from infra.fingerprint import fingerprint
from infra.release_log import release_log
from infra.steps import step_command, step_input


class Release(pulumi.ComponentResource):
    """Runs `release-commands` when the image, the environment, the commands or the database's identity changed, and
    publishes the image's static files.

    The update fails when a command fails or when all of them together take longer than `release-timeout`. Nothing is
    recorded then, so the next update runs the release again. Exposes `log`, a secret, and `task`, the image with its
    environment, which the web runs next.
    """

    def __init__(
        self,
        name: str,
        context: CloudContext,
        image: AppImage,
        environment: CloudEnvironment,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("django-stack:cloud:Release", name, None, opts)
        settings, network = context.settings, context.network
        static_files = environment.address.static_files
        self.task = Task("task", context, image, environment, opts=pulumi.ResourceOptions(parent=self))
        request = {
            "image": image.id,
            "environment": environment.variables,
            "commands": list(settings.release_commands),
            "static files": static_files.dsn,
        }
        release = command.local.Command(
            name,
            create=step_command("infra.cloud.steps.release") + release_arguments(keep_data=settings.keep_data),
            update="exit 0",  # only a changed trigger runs the release again, not, say, another time-out
            add_previous_output_in_env=False,  # a long log would exceed the limit of an environment
            stdin=step_input(
                ReleaseRequest,
                region=settings.region,
                profile=settings.profile,
                cluster=network.cluster,
                service=f"{settings.prefix}-web",
                task_definition=self.task.definition,
                container=CONTAINER,
                commands=list(settings.release_commands),
                static_files=static_files.dsn,
                publisher=static_files.publisher_arn,
                subnets=network.public,
                security_groups=[network.app_group],
                public_address=not settings.nat_gateway,
                platform_version=FARGATE,
                started_by=RELEASE,
                log_group=self.task.log_group,
                stream_prefix=STREAM_PREFIX,
                timeout=settings.release_timeout,
                pause=1,
                secrets=environment.secret_values,
            ),
            triggers=[fingerprint({**request, "database": environment.database.identity})],
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[network],  # all of it, since a task without a route out can't even pull its image
                # The plugin doesn't mark them as secret by itself.
                additional_secret_outputs=["stdout", "stderr"],
            ),
        )
        self.log: pulumi.Output[str] = release_log(release, self)
        self.register_outputs({"log": self.log})
