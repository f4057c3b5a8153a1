"""What the containers of the servers have in common that the app uses: database, S3 server, cache, mail server."""

from collections.abc import Sequence
from typing import TypedDict

import pulumi
from pulumi_docker import (
    ContainerHealthcheckArgsDict,
    ContainerLabelArgsDict,
    ContainerNetworksAdvancedArgsDict,
    ContainerPortArgsDict,
)

from infra.local.containers import CHECKED_EVERY
from infra.local.context import LocalContext
from infra.local.labels import label_args


class ServerContainerArgs(TypedDict):
    """Arguments of `docker.Container`."""

    name: str
    image: pulumi.Input[str]
    network_mode: str
    networks_advanced: Sequence[ContainerNetworksAdvancedArgsDict]
    ports: Sequence[ContainerPortArgsDict]
    labels: Sequence[ContainerLabelArgsDict]
    healthcheck: ContainerHealthcheckArgsDict
    restart: str


def server_container(
    context: LocalContext,
    part: str,
    image: pulumi.Input[str],
    ports: tuple[int, int],
    check: Sequence[str],
    *,
    alias: str = "",
    start_period: str = "10s",
) -> ServerContainerArgs:
    """A container PREFIX-`part` of an image's id, reached as `alias` (else as `part`) in the stack's network.

    `ports` are the one that the server listens on and that of this machine's loopback; `check` is Docker's test of the
    server's health, with `start_period` for the first answer.
    """
    settings = context.settings
    internal, external = ports
    return {
        "name": f"{settings.prefix}-{part}",
        "image": image,
        "network_mode": "bridge",
        "networks_advanced": [{"name": context.network.name, "aliases": [alias or part]}],
        "ports": [{"internal": internal, "external": external, "ip": "127.0.0.1"}],
        "labels": label_args(settings),
        "healthcheck": {
            "tests": [*check],
            "interval": CHECKED_EVERY,
            "timeout": "3s",
            "retries": 3,
            "start_period": start_period,
        },
        "restart": "unless-stopped",
    }
