"""A process of the setting `processes`: containers of the app's image beside the web."""

from pathlib import Path

import pulumi
import pulumi_docker as docker

from infra.local import reload
from infra.local.app_container import app_container
from infra.local.containers import NO_HEALTH_CHECK, container_options
from infra.local.context import LocalContext
from infra.local.environment import LocalEnvironment
from infra.local.labels import PROCESS, label_args
from infra.local.release import Release
from infra.processes import ProcessSettings


class Process(pulumi.ComponentResource):
    """`count` containers, which move to a new image only after the release of that image succeeded.

    A container gets SIGTERM and has `stop-timeout` to end before its successor starts; one that ends by itself is
    started again. With `mount-source` the command is started again when the source changes. Exposes `process`, its
    name, and what the check of the start (starts.py) is told: `containers`, their ids, and `secrets`.
    """

    def __init__(
        self,
        name: str,
        context: LocalContext,
        environment: LocalEnvironment,
        release: Release,
        process: ProcessSettings,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("django-stack:local:Process", name, None, opts)
        settings = context.settings
        environment = environment.with_own(process.env, process.secret_env)
        containers = [
            docker.Container(
                f"{name}-{number}",
                name=f"{settings.prefix}-{process.name}-{number}",
                **app_container(context, release, environment, process.name),
                command=reloading(process) if settings.mount_source else list(process.command),
                labels=label_args(settings, **{PROCESS: process.name}),
                healthcheck=NO_HEALTH_CHECK,
                stop_signal="SIGTERM",  # the image's own may be the web server's
                stop_timeout=process.stop_timeout,
                destroy_grace_seconds=process.stop_timeout,
                opts=container_options(self, depends_on=[release]),
            )
            for number in range(1, process.count + 1)
        ]
        self.process = process.name
        self.containers: list[pulumi.Output[str]] = [container.id for container in containers]
        self.secrets = environment.secret_values
        self.register_outputs({"process": self.process})


def reloading(process: ProcessSettings) -> list[str]:
    """The command line that starts the process anew when the source changes; every image of the app has Python."""
    return ["python", "-c", Path(reload.__file__).read_text(), str(process.stop_timeout), *process.command]
