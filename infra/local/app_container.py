"""What the containers of the app have in common: the web's, and those of the processes."""

import os
from collections.abc import Sequence
from typing import TypedDict

import pulumi
from pulumi_docker import ContainerMountArgsDict, ContainerNetworksAdvancedArgsDict, ContainerVolumeArgsDict

from infra.local.context import LocalContext
from infra.local.environment import LocalEnvironment
from infra.local.release import Release
from infra.local.source import kept_folders, source_mounts
from infra.local.storage import media_volumes


class AppContainerArgs(TypedDict):
    """Arguments of `docker.Container`."""

    image: pulumi.Input[str]
    envs: Sequence[pulumi.Input[str]]
    user: str | None
    init: bool
    volumes: Sequence[ContainerVolumeArgsDict]
    mounts: Sequence[ContainerMountArgsDict]
    network_mode: str
    networks_advanced: Sequence[ContainerNetworksAdvancedArgsDict]
    restart: str


def app_container(
    context: LocalContext, release: Release, environment: LocalEnvironment, alias: str
) -> AppContainerArgs:
    """A container of the released image with this environment, and `alias` as its name in the stack's network.

    With `mount-source` the app's folder is mounted at the image's WORKDIR, and the process runs as this machine's user,
    who then owns the files that management commands write.
    """
    settings = context.settings
    return {
        "image": release.image.id,
        "envs": environment.entries,
        "user": f"{os.getuid()}:{os.getgid()}" if settings.mount_source else None,
        "init": True,  # as process 1, Python would ignore SIGTERM
        "volumes": [*media_volumes(settings), *kept_folders(settings, release.image)],
        "mounts": source_mounts(settings, release.image),
        "network_mode": "bridge",
        "networks_advanced": [{"name": context.network.name, "aliases": [alias]}],
        "restart": "unless-stopped",
    }
