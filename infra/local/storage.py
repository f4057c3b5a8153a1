"""Where uploaded files are stored: an S3 server in a container, a volume, or an existing bucket."""

import pulumi
import pulumi_command as command
import pulumi_docker as docker
import pulumi_random as random
from pulumi_docker import ContainerVolumeArgsDict

from infra.dsn import S3DSN, FileDSN
from infra.local.address import Address
from infra.local.containers import container_options
from infra.local.context import LocalContext
from infra.local.labels import data_label_args, labels
from infra.local.requests import MakeBucketRequest, MakeWritableRequest
from infra.local.server_container import server_container
from infra.local.settings import LocalSettings
from infra.steps import step_command, step_input

BUCKET = "media"
REGION = "us-east-1"
# This name works in containers (as a network alias) and in browsers (*.localhost is the loopback), so that a URL that
# is signed for this host opens in both.
HOST = "media.localhost"
FOLDER = "/data/media/"
FOLDER_URL = "/media/"


class MediaStorage(pulumi.ComponentResource):
    """The storage that the settings choose. Exposes `dsn` (for the app) and `host_dsn` (for this machine)."""

    def __init__(
        self,
        name: str,
        context: LocalContext,
        address: Address,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("django-stack:local:MediaStorage", name, None, opts)
        settings = context.settings
        if settings.storage_dsn:
            self.dsn = self.host_dsn = pulumi.Output.secret(settings.storage_dsn)
        elif settings.media == "filesystem":
            self._make_folder(name, settings)
        else:
            self._make_bucket(name, context, address)
        self.register_outputs({"dsn": self.dsn, "host_dsn": self.host_dsn})

    def _make_bucket(self, name: str, context: LocalContext, address: Address) -> None:
        settings = context.settings
        own = pulumi.ResourceOptions(parent=self)
        access_key = random.RandomPassword(f"{name}-access-key", length=20, special=False, opts=own).result
        secret_key = random.RandomPassword(f"{name}-secret-key", length=40, special=False, opts=own).result
        image = docker.RemoteImage(f"{name}-image", name=settings.s3_image, keep_locally=True, opts=own)
        volume = self._make_volume(name, settings, image)
        port = settings.media_port
        container = docker.Container(
            name,
            **server_container(
                context,
                "media",
                image.image_id,
                (port, port),  # the same inside and outside, because it is part of every signed URL
                ["CMD", "wget", "-q", "-O", "/dev/null", f"http://127.0.0.1:{port}/health"],
                alias=HOST,
            ),
            command=["--port", f":{port}", "--region", REGION, "--health", "/health", "posix", "/data"],
            envs=[
                pulumi.Output.concat("ROOT_ACCESS_KEY=", access_key),
                pulumi.Output.concat("ROOT_SECRET_KEY=", secret_key),
            ],
            volumes=[{"volume_name": volume.name, "container_path": "/data"}],
            destroy_grace_seconds=10,
            opts=container_options(self),
        )
        bucket = command.local.Command(
            f"{name}-bucket",
            create=step_command("infra.local.steps.make_bucket"),
            add_previous_output_in_env=False,
            stdin=step_input(
                MakeBucketRequest,
                container=container.id,  # so that the step runs again for a new server
                endpoint_url=f"http://127.0.0.1:{port}",
                region=REGION,
                access_key=access_key,
                secret_key=secret_key,
                bucket=BUCKET,
                public=settings.media_access == "public",
                origins=address.origins,
            ),
            opts=own,
        )

        def dsn(host: str) -> pulumi.Output[str]:
            return pulumi.Output.secret(
                pulumi.Output.all(access_key, secret_key, bucket.id).apply(
                    lambda known: str(
                        S3DSN(
                            bucket=BUCKET,
                            access_key=known[0],
                            secret_key=known[1],
                            region=REGION,
                            endpoint_url=f"http://{host}:{port}",
                            signed=settings.media_access == "signed",
                        )
                    )
                )
            )

        self.dsn = dsn(HOST)
        self.host_dsn = dsn("127.0.0.1")

    def _make_folder(self, name: str, settings: LocalSettings) -> None:
        image = docker.RemoteImage(
            f"{name}-image",
            name=settings.python_image,
            keep_locally=True,
            opts=pulumi.ResourceOptions(parent=self),
        )
        volume = self._make_volume(name, settings, image)
        writable = command.local.Command(
            f"{name}-writable",
            create=step_command("infra.local.steps.make_writable"),
            add_previous_output_in_env=False,
            # When mount-source changes the user of the web, the new user must be able to write the old one's files.
            stdin=step_input(
                MakeWritableRequest,
                volume=volume.name,
                image=image.image_id,
                mounted=settings.mount_source,
                labels=labels(settings),
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.dsn = self.host_dsn = pulumi.Output.secret(writable.id.apply(lambda _: str(FileDSN(FOLDER, FOLDER_URL))))

    def _make_volume(self, name: str, settings: LocalSettings, image: docker.RemoteImage) -> docker.Volume:
        """The volume, after the image, as the database's is.

        `destroy` removes at the same time what has as many resources between itself and the first one; this way the
        containers of both servers stop side by side.
        """
        return docker.Volume(
            f"{name}-data",
            name=_volume_name(settings),
            labels=data_label_args(settings),
            opts=pulumi.ResourceOptions(parent=self, retain_on_delete=settings.keep_data, depends_on=[image]),
        )


def media_volumes(settings: LocalSettings) -> list[ContainerVolumeArgsDict]:
    """The volumes that the app's containers mount for uploaded files: one for `media: filesystem`, else none."""
    if settings.media != "filesystem" or settings.storage_dsn:
        return []
    return [{"volume_name": _volume_name(settings), "container_path": FOLDER.rstrip("/")}]


def _volume_name(settings: LocalSettings) -> str:
    # Each kind has a volume of its own, because an S3 server also keeps metadata of its objects there.
    return f"{settings.prefix}-media" + ("-files" if settings.media == "filesystem" else "")
