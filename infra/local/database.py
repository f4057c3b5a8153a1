"""PostgreSQL in a container, with its data in a volume."""

import pulumi
import pulumi_command as command
import pulumi_docker as docker
import pulumi_random as random

from infra.dsn import DatabaseURL
from infra.local import image_check, server_warnings
from infra.local.containers import container_options
from infra.local.context import LocalContext
from infra.local.labels import data_label_args
from infra.local.postgres import folders
from infra.local.requests import SetPasswordRequest
from infra.local.server_container import server_container
from infra.steps import step_command, step_input

USER = NAME = "app"
PORT = 5432
VERSION_LABEL = "django-stack.postgres-version"


class Database(pulumi.ComponentResource):
    """PostgreSQL of `postgres-version`, published on 127.0.0.1:`database-port`.

    Exposes `url` (for the app) and `host_url` (for this machine), which are known only once the server accepts the
    password, and `identity`, the container's id.
    """

    def __init__(self, name: str, context: LocalContext, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("django-stack:local:Database", name, None, opts)
        settings = context.settings
        password = random.RandomPassword(
            f"{name}-password", length=32, special=False, opts=pulumi.ResourceOptions(parent=self)
        )
        image = docker.RemoteImage(
            f"{name}-image",
            name=settings.postgres_image,
            keep_locally=True,  # other stacks and projects use it, too
            opts=pulumi.ResourceOptions(parent=self),
        )
        volume_name = f"{settings.prefix}-database"
        # Two settings state the version, and the volume may hold data of a third one. Checked before anything is made.
        image_id: pulumi.Output[str] = image.image_id.apply(
            lambda pulled: image_check.fitting(pulled, settings, volume_name)
        )
        volume = docker.Volume(
            f"{name}-data",
            name=volume_name,
            labels=data_label_args(settings, **{VERSION_LABEL: str(settings.postgres_version)}),
            opts=pulumi.ResourceOptions(
                parent=self,
                retain_on_delete=settings.keep_data,
                ignore_changes=["labels"],  # a changed label would replace the volume; the data have the version
                depends_on=image_id.apply(lambda _: [image]),
            ),
        )
        mount, data = folders(settings.postgres_version)
        # The images before 18 set PGDATA themselves: setting it here would replace every running container.
        envs: list[pulumi.Input[str]] = [f"PGDATA={data}"] if mount != data else []
        container = docker.Container(
            name,
            # Over TCP, because during the first boot the image's set-up server listens on the socket only.
            **server_container(
                context,
                "database",
                image_id,
                (PORT, settings.database_port),
                ["CMD", "pg_isready", "-h", "127.0.0.1", "-U", USER, "-d", NAME],
                start_period="1m0s",
            ),
            envs=[
                *envs,
                f"POSTGRES_DB={NAME}",
                pulumi.Output.concat("POSTGRES_PASSWORD=", password.result),
                f"POSTGRES_USER={USER}",
            ],
            volumes=[{"volume_name": volume.name, "container_path": mount}],
            destroy_grace_seconds=30,
            opts=container_options(self),
        )
        # This wait is shorter than one for the health check. A volume that was kept still has the password of its first
        # boot; the server's local socket trusts us to set the new one.
        takes_password = command.local.Command(
            f"{name}-takes-password",
            create=step_command("infra.local.steps.set_password"),
            add_previous_output_in_env=False,
            stdin=step_input(
                SetPasswordRequest,
                container=container.id,
                port=settings.database_port,
                user=USER,
                database=NAME,
                password=password.result,
                version=settings.postgres_version,
                volume=volume_name,
                stack=settings.stack,
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        _: pulumi.Output[list[str]] = pulumi.Output.all(container.id, takes_password.id).apply(
            lambda known: server_warnings.say(known[0], settings.postgres_version, USER, NAME)
        )

        def url(host: str, port: int) -> pulumi.Output[str]:
            return pulumi.Output.secret(
                pulumi.Output.all(password.result, takes_password.id).apply(
                    lambda known: str(DatabaseURL(USER, known[0], host, port, NAME))
                )
            )

        self.url = url("database", PORT)
        self.host_url = url("127.0.0.1", settings.database_port)
        self.identity: pulumi.Output[str] = container.id
        self.register_outputs({"url": self.url, "host_url": self.host_url, "identity": self.identity})
