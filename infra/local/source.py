"""Mounts the app's source on this machine over the image's copy of it."""

import pulumi
from docker.errors import ImageNotFound
from pulumi_docker import ContainerMountArgsDict

from infra.engine import connect
from infra.local.image import AppImage
from infra.local.settings import LocalSettings


def source_mounts(settings: LocalSettings, image: AppImage) -> list[ContainerMountArgsDict]:
    """With `mount-source` one mount of the app's folder at the image's WORKDIR; else none.

    It is a mount rather than a volume because a volume's `path:path` allows no colon in a path.
    """
    if not settings.mount_source:
        return []
    target = image.id.apply(lambda image_id: _mounted_at(settings, working_folder(image_id)))
    return [{"type": "bind", "source": str(settings.app_path), "target": target}]


def working_folder(image_id: str) -> str:
    """The image's WORKDIR, from the engine, since the base image or a build argument may have set it."""
    engine = connect()
    try:
        return str(engine.images.get(image_id).attrs["Config"].get("WorkingDir") or "/")
    except ImageNotFound:
        raise pulumi.RunError(
            f"The image {image_id} is gone from the Docker engine. Fix: make repair STACK={pulumi.get_stack()}"
        ) from None
    finally:
        engine.close()


def _mounted_at(settings: LocalSettings, folder: str) -> str:
    if folder == "/":
        raise pulumi.RunError(
            f"mount-source is true, and the app's image has no WORKDIR for the source. Fix: a line `WORKDIR /app` "
            f"before the COPY lines of {settings.app_path / 'Dockerfile'}, or "
            f"pulumi config set -s {settings.stack} mount-source false"
        )
    return folder
