"""Checks that this machine has what the local platform needs, before anything is made."""

from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import docker
import pulumi
from docker.errors import APIError, NotFound

from infra.engine import connect, image_errors
from infra.local import labels, postgres
from infra.local.address_pools import address_errors
from infra.local.database import VERSION_LABEL
from infra.local.reach import reach_errors, ssh_errors
from infra.local.settings import LocalSettings
from infra.ports import is_free_port


@dataclass(frozen=True)
class _Container:
    """A container as the engine lists it. `ports` are those that it publishes, `sources` the folders that it mounts."""

    name: str
    labels: dict[str, str]
    ports: frozenset[int]
    sources: tuple[str, ...]


def preflight(settings: LocalSettings) -> None:
    """Asks the Docker engine. Raises `pulumi.RunError` that lists everything that stands in the stack's way."""
    _refuse(ssh_errors(), settings)
    engine = connect()
    containers = _containers(engine)
    _refuse(
        reach_errors(engine, settings)
        or _strangers(containers, settings)
        or _namesakes(engine, containers, settings)
        or [
            *_ports(containers, settings),
            *(() if _is_there(containers, settings) else address_errors(engine, settings)),
            *(_data(engine, settings) or _images(engine, settings)),
        ],
        settings,
    )
    _warn_of_another_checkout(containers, settings)


def _refuse(errors: list[str], settings: LocalSettings) -> None:
    """Raises `pulumi.RunError` that lists the errors, if there are any."""
    if errors:
        raise pulumi.RunError(
            f"Stack {settings.stack} can't be made on this machine, nothing was changed.\n"
            + "\n".join(f"  - {error}" for error in errors)
        )


def _containers(engine: docker.DockerClient) -> list[_Container]:
    """All containers by one request. docker-py's `containers.list` would make another one for each of them."""
    return [
        _Container(
            name=listed["Names"][0].removeprefix("/"),
            labels=listed["Labels"] or {},
            ports=frozenset(port["PublicPort"] for port in listed["Ports"] or () if port.get("PublicPort")),
            sources=tuple(mount["Source"] for mount in listed["Mounts"] or () if mount["Type"] == "bind"),
        )
        for listed in engine.api.containers(all=True)
        if listed["Names"]  # a container that is being removed may have none
    ]


def _strangers(containers: list[_Container], settings: LocalSettings) -> list[str]:
    """An error if a stack of this name has its state elsewhere: its names are taken, and we must not change it."""
    ours = labels.labels(settings)
    same_name = {label: ours[label] for label in (labels.PROJECT, labels.STACK)}
    for container in containers:
        if same_name.items() <= container.labels.items() and container.labels.get(labels.STATE) != ours[labels.STATE]:
            return [
                f"the container {container.name} belongs to a stack of the same name whose state is elsewhere: another "
                f"user's, or another PULUMI_BACKEND_URL's. Fix: use that one, or make a stack of another name "
                f"(pulumi stack init NAME --copy-config-from {settings.stack}, with ports of its own)"
            ]
    return []


def physical_names(settings: LocalSettings) -> set[str]:
    """What containers and volumes of the stack are called."""
    servers = ("database", "media", "media-files", "cache", "mail")
    others = ("release", "web", "maintenance", "scheduler", "schedules")
    names = {f"{settings.prefix}-{part}" for part in (*servers, *others)}
    for name, process in settings.processes.items():
        names |= {f"{settings.prefix}-{name}-{number}" for number in range(1, process.count + 1)}
    return names


def _namesakes(engine: docker.DockerClient, containers: list[_Container], settings: LocalSettings) -> list[str]:
    """An error if another stack has the same physical names (b-c of project a, c of a-b): both would share volumes."""
    ours = {labels.PROJECT: settings.project, labels.STACK: settings.stack}
    names = physical_names(settings)
    volumes = engine.volumes.list(filters={"name": settings.prefix})
    found = [(volume.name, volume.attrs.get("Labels") or {}) for volume in volumes]
    found += [(container.name, container.labels) for container in containers]
    for name, has in sorted(found, key=lambda one: one[0]):
        theirs = {label: has[label] for label in ours if label in has}
        if name in names and theirs.keys() == ours.keys() and theirs != ours:
            stack, project = theirs[labels.STACK], theirs[labels.PROJECT]
            return [
                f"{name} already belongs to the stack {stack} of the project {project}, whose resources have the same "
                f"names as this one's. Fix: pulumi stack rename -s {settings.stack} {settings.stack}-2"
            ]
    return []


def _warn_of_another_checkout(containers: list[_Container], settings: LocalSettings) -> None:
    """Warns when the update moves the stack here from another clone: clones of the project share their state."""
    if not settings.mount_source:
        return
    web = next((container for container in containers if container.name == f"{settings.prefix}-web"), None)
    for source in web.sources if web else ():
        path = source.removeprefix("/host_mnt")  # Docker Desktop's prefix
        if Path(path).resolve() != settings.app_path.resolve():
            pulumi.log.warn(
                f"The stack {settings.stack} runs the source in {path}, and moves to {settings.app_path} now. "
                "For both side by side, give this checkout a stack of its own, with other ports: "
                "make local STACK=NAME"
            )


def _ports(containers: list[_Container], settings: LocalSettings) -> list[str]:
    ours = labels.labels(settings)
    wanted = settings.ports
    holders = {port: container for container in containers for port in container.ports}
    errors = []
    for key, port in wanted.items():
        if port in holders:
            if ours.items() <= holders[port].labels.items():
                continue
            who = f"the container {holders[port].name}"
        elif is_free_port(port):
            continue
        else:
            who = "another program on this machine"
        free = _next_free(port, {*holders, *wanted.values()})
        errors.append(
            f"{key} is {port}, and {who} holds that port; stop it, or take another one. "
            f"Fix: pulumi config set -s {settings.stack} {key} {free}"
        )
    return errors


def _is_there(containers: list[_Container], settings: LocalSettings) -> bool:
    """Whether the stack has containers, and so its network."""
    ours = labels.labels(settings)
    return any(ours.items() <= container.labels.items() for container in containers)


def _next_free(port: int, taken: Collection[int]) -> int:
    return next((other for other in range(port + 1, 65536) if other not in taken and is_free_port(other)), port + 1)


def _images(engine: docker.DockerClient, settings: LocalSettings) -> list[str]:
    return [error for key, name in settings.images.items() for error in image_errors(engine, key, name)]


def _data(engine: docker.DockerClient, settings: LocalSettings) -> list[str]:
    """An error if postgres-image, postgres-version and existing data don't match."""
    image = postgres.get_image(engine, settings.postgres_image)
    has = postgres.image_version(image) if image else None
    volume = f"{settings.prefix}-database"
    data = _data_version(engine, settings, volume)
    wanted = settings.postgres_version
    wrong = postgres.misfit(settings.stack, settings.postgres_image, wanted, has, data, volume)
    if not wrong and image and has:  # image_check asks one that doesn't declare its version
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
