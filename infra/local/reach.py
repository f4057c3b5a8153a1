"""Whether this machine reaches what the Docker engine publishes and shares what it mounts, before anything is made.

The stack publishes its ports on 127.0.0.1 of the engine's machine and mounts folders of that machine. From within a
container that was given the host's docker.sock, and from another machine, both are somewhere else.
"""

import re
import socket
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import docker
from docker.errors import APIError

from infra import endpoint
from infra.local.settings import LocalSettings

# What marks a container from within: Docker's and Podman's own files.
MARKS = (Path("/.dockerenv"), Path("/run/.containerenv"))
MOUNTS = Path("/proc/self/mountinfo")


def reach_errors(engine: docker.DockerClient, settings: LocalSettings) -> list[str]:
    """What is wrong with running this program here rather than on the engine's machine."""
    found = endpoint.find()
    # A virtual machine's engine (Docker Desktop's, say) is neither: it hands its ports on to this machine.
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
    return [
        f"the Docker engine is on another machine ({found.host}, by {found.chosen_by}): the ports that it publishes on "
        f"127.0.0.1 and the folders that it mounts are there, not here. Fix: run pulumi on that machine, or "
        f"{found.way_out} for this machine's engine"
    ]


def _shares_network(engine: docker.DockerClient) -> bool:
    """Whether the address of the engine's default bridge is one of this machine's own."""
    try:
        configs = engine.networks.get("bridge").attrs["IPAM"]["Config"] or []
    except (APIError, KeyError, TypeError):
        return False  # an engine that has no such network, as Podman
    # Unless somebody chose another one, the bridge's address is the first of its network.
    return any(_is_ours(str(config.get("Gateway") or ip_network(config["Subnet"])[1])) for config in configs)


def _is_ours(address: str) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True


def _mount_errors(container: Any, settings: LocalSettings) -> list[str]:
    """In a container with the host's network: the source must be at the same path outside, where the engine is."""
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
