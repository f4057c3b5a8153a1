"""The release step: migrations and the like in a one-off container of the new image, before the web moves to it."""

import pulumi
import pulumi_command as command

from infra.destructive import release_arguments
from infra.fingerprint import fingerprint
from infra.local.context import LocalContext
from infra.local.environment import LocalEnvironment
from infra.local.image import AppImage
from infra.local.labels import labels
from infra.local.requests import ReleaseRequest
from infra.local.storage import media_volumes
from infra.release_log import release_log
from infra.steps import step_command, step_input


class Release(pulumi.ComponentResource):
    """Runs `release-commands` when the image, the environment, the commands or the database's identity changed.

    The update fails when a command fails or when all of them together take longer than `release-timeout`. Nothing is
    recorded then, so the next update runs the release again. Exposes `log`, a secret, and `image` and `environment`,
    which the web runs with next.
    """

    def __init__(
        self,
        name: str,
        context: LocalContext,
        image: AppImage,
        environment: LocalEnvironment,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("django-stack:local:Release", name, None, opts)
        settings = context.settings
        self.image = image
        self.environment = environment
        self.log: pulumi.Output[str] = pulumi.Output.from_input("")
        if settings.release_commands:
            request = {
                "image": image.id,
                "environment": environment.variables,
                "commands": list(settings.release_commands),
            }
            release = command.local.Command(
                name,
                create=step_command("infra.local.steps.release") + release_arguments(keep_data=settings.keep_data),
                update="exit 0",  # only a changed trigger runs the release again, not, say, another time-out
                add_previous_output_in_env=False,  # a long log would exceed the limit of an environment
                stdin=step_input(
                    ReleaseRequest,
                    **request,
                    name=f"{settings.prefix}-release",
                    web=f"{settings.prefix}-web",
                    network=context.network.name,
                    volumes={volume["volume_name"]: volume["container_path"] for volume in media_volumes(settings)},
                    labels=labels(settings),
                    timeout=settings.release_timeout,
                    secret_names=sorted(environment.secret),
                ),
                triggers=[fingerprint({**request, "database": environment.database.identity})],
                opts=pulumi.ResourceOptions(
                    parent=self,
                    # The plugin doesn't mark them as secret by itself.
                    additional_secret_outputs=["stdout", "stderr"],
                ),
            )
            self.log = release_log(release, self)
        self.register_outputs({"log": self.log})
