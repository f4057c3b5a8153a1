"""Checks that this machine has what the local platform needs, before anything is made."""

import errno
import socket
from contextlib import suppress
from pathlib import Path
from typing import Any

import docker
import pulumi
from docker.errors import APIError, NotFound

from infra.engine import connect, image_errors
from infra.local import labels, postgres
from infra.local.database import VERSION_LABEL
from infra.local.reach import reach_errors
from infra.local.settings import LocalSettings


def preflight(settings: LocalSettings) -> None:
    """Asks the Docker engine. Raises `pulumi.RunError` that lists everything that stands in the stack's way."""
    engine = connect()
    errors = (
        reach_errors(engine, settings)
        or _strangers(engine, settings)
        or _namesakes(engine, settings)
        or [
            *_ports(engine, settings),
            *(_data(engine, settings) or _images(engine, settings)),
        ]
    )
    if errors:
        raise pulumi.RunError(
            f"Stack {settings.stack} can't be made on this machine, nothing was changed.\n"
            + "\n".join(f"  - {error}" for error in errors)
        )
    _warn_of_another_checkout(engine, settings)


def _strangers(engine: docker.DockerClient, settings: LocalSettings) -> list[str]:
    """An error if a stack of this name has its state elsewhere: its names are taken, and we must not change it."""
    ours = labels.labels(settings)
    same_name: dict[str, str | list[str] | bool] = {
        "label": [f"{label}={ours[label]}" for label in (labels.PROJECT, labels.STACK)]
    }
    for container in engine.containers.list(all=True, filters=same_name):
        if container.labels.get(labels.STATE) != ours[labels.STATE]:
            return [
                f"the container {container.name} belongs to a stack of the same name whose state is elsewhere: another "
                f"user's, or another PULUMI_BACKEND_URL's. Fix: use that one, or make a stack of another name "
                f"(pulumi stack init NAME --copy-config-from {settings.stack}, with ports of its own)"
            ]
    return []


def _namesakes(engine: docker.DockerClient, settings: LocalSettings) -> list[str]:
    """An error if another stack has the same physical names (b-c of project a, c of a-b): both would share volumes."""
    ours = {labels.PROJECT: settings.project, labels.STACK: settings.stack}
    names = {f"{settings.prefix}-{part}" for part in ("web", "database", "media", "media-files", "release")}
    found = [(name, _volume_labels(engine, name)) for name in sorted(names)]
    found += [
        (container.name, container.labels)
        for container in engine.containers.list(all=True, filters={"name": f"^/{settings.prefix}-"})
        if container.name in names
    ]
    for name, has in found:
        theirs = {label: has[label] for label in ours if label in has}
        if theirs.keys() == ours.keys() and theirs != ours:
            stack, project = theirs[labels.STACK], theirs[labels.PROJECT]
            return [
                f"{name} already belongs to the stack {stack} of the project {project}, whose resources have the same "
                f"names as this one's. Fix: pulumi stack rename -s {settings.stack} {settings.stack}-2"
            ]
    return []


def _volume_labels(engine: docker.DockerClient, name: str) -> dict[str, str]:
    try:
        return engine.volumes.get(name).attrs.get("Labels") or {}
    except NotFound:
        return {}


def _warn_of_another_checkout(engine: docker.DockerClient, settings: LocalSettings) -> None:
    """Warns when the update moves the stack here from another clone: clones of the project share their state."""
    for container in engine.containers.list(all=True, filters={"name": f"{settings.prefix}-web"}):
        if container.name != f"{settings.prefix}-web" or not settings.mount_source:
            continue
        for mount in container.attrs["Mounts"]:
            source = mount["Source"].removeprefix("/host_mnt")  # Docker Desktop's prefix
            if mount["Type"] == "bind" and Path(source).resolve() != settings.app_path.resolve():
                pulumi.log.warn(
                    f"The stack {settings.stack} runs the source in {source}, and moves to {settings.app_path} now. "
                    "For both side by side, give this checkout a stack of its own, with other ports: "
                    "make local STACK=NAME"
                )


def _ports(engine: docker.DockerClient, settings: LocalSettings) -> list[str]:
    ours = labels.labels(settings)
    wanted = {"web-port": settings.web_port, "database-port": settings.database_port}
    if settings.media == "s3" and not settings.storage_dsn:
        wanted["media-port"] = settings.media_port
    errors = []
    for key, port in wanted.items():
        holder = _holder(engine, port)
        if holder is not None:
            if ours.items() <= holder.labels.items():
                continue
            who = f"the container {holder.name}"
        elif _is_free(port):
            continue
        else:
            who = "another program on this machine"
        errors.append(
            f"{key} is {port}, and {who} holds that port; stop it, or take another one. "
            f"Fix: pulumi config set -s {settings.stack} {key} {_free(engine, port, wanted)}"
        )
    return errors


def _free(engine: docker.DockerClient, port: int, wanted: dict[str, int]) -> int:
    """The next port that is free; `wanted` are the stack's own."""
    others = (other for other in range(port + 1, 65536) if other not in wanted.values())
    return next((other for other in others if _is_free(other) and not _holder(engine, other)), port + 1)


def _holder(engine: docker.DockerClient, port: int) -> Any:
    """The container that publishes this port, or None. Docker filters, so that many containers take no longer."""
    for container in engine.containers.list(filters={"publish": str(port)}):
        for bindings in container.ports.values():
            if any(int(binding["HostPort"]) == port for binding in bindings or []):
                return container
    return None


def _is_free(port: int) -> bool:
    """Whether 127.0.0.1:port is free. A port that only root may use counts as free, since the engine opens it."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            return error.errno != errno.EADDRINUSE
    return True


def _images(engine: docker.DockerClient, settings: LocalSettings) -> list[str]:
    wanted = {"postgres-image": settings.postgres_image, "python-image": settings.python_image}
    if settings.media == "s3" and not settings.storage_dsn:
        wanted["s3-image"] = settings.s3_image
    return [error for key, name in wanted.items() for error in image_errors(engine, key, name)]


def _data(engine: docker.DockerClient, settings: LocalSettings) -> list[str]:
    """An error if postgres-image, postgres-version and existing data don't match."""
    image = postgres.get_image(engine, settings.postgres_image)
    has = postgres.image_version(image) if image else None
    volume = f"{settings.prefix}-database"
    data = _data_version(engine, settings, volume)
    wanted = settings.postgres_version
    wrong = postgres.misfit(settings.stack, settings.postgres_image, wanted, has, data, volume)
    if not wrong and image and has:  # the step check_image asks an image that doesn't declare its version
        wrong = postgres.elsewhere(image, settings.postgres_image, wanted)
    return [wrong] if wrong else []


def _data_version(engine: docker.DockerClient, settings: LocalSettings, name: str) -> int | None:
    """The major version of the data in the stack's volume; without an image to read them with, that of its label."""
    try:
        volume = engine.volumes.get(name)
    except NotFound:
        return None
    image = postgres.get_image(engine, settings.postgres_image, settings.python_image, settings.s3_image)
    if image:
        with suppress(APIError):  # an engine that can't read files of containers that don't run
            return postgres.data_version(engine, name, str(image.id), labels.labels(settings))
    label = (volume.attrs.get("Labels") or {}).get(VERSION_LABEL, "")
    return int(label) if label.isdecimal() else None
