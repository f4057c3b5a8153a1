"""Checks that this machine reaches what the Docker engine publishes, and has the folders that the engine mounts.

The stack publishes its ports on 127.0.0.1 of the engine's machine and mounts folders of that machine. For a program on
another machine, or in a container with the host's docker.sock, both are somewhere else.
"""

import re
import socket
from contextlib import suppress
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import docker
from docker.errors import APIError

from infra import endpoint
from infra.endpoint import Endpoint, EndpointError
from infra.local.settings import LocalSettings

# Files that exist only in a container: Docker's and Podman's.
MARKS = (Path("/.dockerenv"), Path("/run/.containerenv"))
MOUNTS = Path("/proc/self/mountinfo")


def ssh_errors() -> list[str]:
    """The same error for an engine by ssh, before one connects: that takes a package that a local stack never needs."""
    with suppress(EndpointError):  # whoever connects says it
        found = endpoint.find()
        if found.host.startswith("ssh://") and found.is_remote:
            return [_elsewhere(found)]
    return []


def reach_errors(engine: docker.DockerClient, settings: LocalSettings) -> list[str]:
    """An error if this program doesn't run on the engine's machine."""
    found = endpoint.find()
    # An engine in a virtual machine, such as Docker Desktop's, is neither: its ports are forwarded to this machine.
    container = _this_container(engine)
    if not (container or found.is_remote):
        return []
    if _shares_network(engine):
        return _mount_errors(container, settings) if container else []
    if container:
        return [
            f"this program runs in the container {container.name}, and the Docker engine outside it: ports that the "
            "stack publishes on 127.0.0.1 are not reachable from here. Fix: run it on the engine's machine, or start "
            "this container with --network host"
        ]
    return [_elsewhere(found)]


def _elsewhere(found: Endpoint) -> str:
    return (
        f"the Docker engine is on another machine ({found.host}, by {found.chosen_by}): the ports that it publishes on "
        f"127.0.0.1 and the folders that it mounts are there, not here. Fix: run pulumi on that machine, or "
        f"{found.way_out} for this machine's engine"
    )


def _shares_network(engine: docker.DockerClient) -> bool:
    """Whether the address of the engine's default bridge is one of this machine's own."""
    try:
        configs = engine.networks.get("bridge").attrs["IPAM"]["Config"] or []
    except (APIError, KeyError, TypeError):
        return False  # an engine without such a network, such as Podman
    # By default, the bridge's address is the first one of its network.
    return any(_is_ours(str(config.get("Gateway") or ip_network(config["Subnet"])[1])) for config in configs)


def _is_ours(address: str) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True


def _mount_errors(container: Any, settings: LocalSettings) -> list[str]:
    """An error if the source is not at the same path outside this container, which has the host's network."""
    if not settings.mount_source:
        return []
    folder = settings.app_path
    for mount in container.attrs["Mounts"]:
        inside = Path(mount["Destination"])
        if mount["Type"] == "bind" and folder.is_relative_to(inside):
            outside = Path(mount["Source"]) / folder.relative_to(inside)
            if outside == folder:
                return []
    return [
        f"mount-source is true, and {folder} is a folder of the container in which this program runs: the Docker "
        f"engine outside mounts its own machine's. Fix: give the container that folder at the same path "
        f"(--volume {folder}:{folder}), or pulumi config set -s {settings.stack} mount-source false"
    ]


def _this_container(engine: docker.DockerClient) -> Any:
    """The container of this engine in which this program runs, or None."""
    if not any(mark.exists() for mark in MARKS):
        return None
    names = [socket.gethostname()]
    if MOUNTS.is_file():
        names += re.findall(r"/containers/([0-9a-f]{64})/", MOUNTS.read_text())
    for name in names:
        try:
            return engine.containers.get(name)
        except APIError:
            continue
    return None
