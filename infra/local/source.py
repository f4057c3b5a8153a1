"""Mounts the app's source on this machine over the image's copy of it."""

from functools import partial

import pulumi
from docker.errors import ImageNotFound
from pulumi_docker import ContainerMountArgsDict, ContainerVolumeArgsDict

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


def kept_folders(settings: LocalSettings, image: AppImage) -> list[ContainerVolumeArgsDict]:
    """With `mount-source` a volume for each folder of `mount-exclude`, which the engine fills with the image's content.

    The volume has no name and goes with its container, so that the next one has the next image's content.
    """
    return [{"container_path": image.id.apply(partial(_kept, settings, folder))} for folder in settings.mount_points]


def _kept(settings: LocalSettings, folder: str, image_id: str) -> str:
    """Where the folder is in the container. The engine would make the mount point in the source, as root."""
    if not pulumi.runtime.is_dry_run():
        try:
            (settings.app_path / folder).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise pulumi.RunError(
                f"mount-exclude has {folder}, and {settings.app_path / folder} is no folder and can't be made "
                f"({error.strerror}). Fix: pulumi config rm -s {settings.stack} mount-exclude"
            ) from None
    return f"{_mounted_at(settings, working_folder(image_id))}/{folder}"


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
            f"before the COPY lines of {settings.app_path / settings.dockerfile}, or "
            f"pulumi config set -s {settings.stack} mount-source false"
        )
    return folder
