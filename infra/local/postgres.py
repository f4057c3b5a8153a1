"""PostgreSQL's images and the data in volumes: which major version each has, and whether they match the settings.

No function here starts a server, and volumes are mounted read-only.
"""

import io
import re
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

import docker
from docker.errors import ImageNotFound, NotFound
from docker.models.containers import Container
from docker.models.images import Image
from docker.types import LogConfig

from infra.versions import POSTGRES

# Where the volume is mounted, by the Dockerfiles of docker-library/postgres. Since 18 (docker-library/postgres#1259)
# the mounted folder contains one folder for each major version.
OLD_FOLDER = PurePosixPath("/var/lib/postgresql/data")
FOLDER = PurePosixPath("/var/lib/postgresql")
LOOK = PurePosixPath("/django-stack-look")  # exists in no image, so that Docker copies nothing into an empty volume
SECONDS = 60  # that a program may take to print its version; emulated ones are slow
# The server's version, and whether its loader is musl's.
ASK = 'server=$(command -v postgres) && "$server" --version && if grep -q ld-musl "$server"; then echo musl; fi'


def folders(version: int) -> tuple[str, str]:
    """The folder where the volume of a major version is mounted, and the folder of the server's data (PGDATA)."""
    if version < 18:
        return str(OLD_FOLDER), str(OLD_FOLDER)
    return str(FOLDER), str(FOLDER / str(version) / "docker")


def image_version(image: Image) -> int | None:
    """The major version that an image declares by PG_MAJOR, as the official ones do; None if it declares none."""
    return _major((image.attrs.get("Config") or {}).get("Env"))


def data_version(engine: docker.DockerClient, volume: str, image: str, labels: Mapping[str, str]) -> int | None:
    """The major version of the data in a volume; None if there are none.

    `image` is any image on this machine, since Docker also reads files of a container that was never started. By
    `labels`, `make repair` finds that container.
    """
    for user in engine.containers.list(all=True, filters={"volume": volume}, ignore_removed=True):
        for mount in user.attrs["Mounts"]:
            if mount.get("Name") != volume:
                continue
            serves = user.status == "running" and not user.attrs["RestartCount"]
            if serves and (version := _major(user.attrs["Config"]["Env"])):
                return version  # a server of another version would not have started
            return _version_below(user, PurePosixPath(mount["Destination"]))
    container = engine.containers.create(
        image,
        ["true"],
        volumes={volume: {"bind": str(LOOK), "mode": "ro"}},
        network_mode="none",
        use_config_proxy=False,
        labels=dict(labels),
    )
    try:
        return _version_below(container, LOOK)
    finally:
        container.remove(v=True)  # with the anonymous volumes that the image declares, never a named one


def _version_below(container: Container, mount: PurePosixPath) -> int | None:
    """The major version of the data below a mount point; None if there are none."""
    for folder in ("", *(f"{version}/docker" for version in POSTGRES if version >= 18), "pgdata"):
        try:
            chunks, _ = container.get_archive(str(mount / folder / "PG_VERSION"))
        except NotFound:
            continue
        return _number(b"".join(chunks))
    return None


def misfit(stack: str, name: str, wanted: int, has: int | None, data: int | None, volume: str) -> str:
    """The error, with its fix, about `postgres-image`, `postgres-version` and a volume that don't match; or "".

    `name` is the image. `has` is its major version, `wanted` the setting's, and `data` the volume's; None where it is
    not known.
    """
    set_version = f"pulumi config set -s {stack} postgres-version"
    if has is not None and has != wanted:
        fix = f"pulumi config rm -s {stack} postgres-image"
        if data is not None and data not in {has, wanted}:
            fix += f" && {set_version} {data}"
        elif data != wanted and has in POSTGRES:
            fix = f"{set_version} {has}"
        kept = f"; the volume {volume} holds data of PostgreSQL {data}" if data is not None else ""
        return (
            f"postgres-image is {name}, which has PostgreSQL {has}, and postgres-version is {wanted}{kept}. Fix: {fix}"
        )
    if data is not None and data != wanted:
        return (
            f"postgres-version is {wanted}, and the volume {volume} holds data of PostgreSQL {data}. "
            f"Fix: {set_version} {data}, or move the data "
            + (f"by django-stack upgrade-database {wanted} -s {stack}" if data < wanted else "(docs/data.md)")
        )
    return ""


def elsewhere(image: Image, name: str, version: int) -> str:
    """The error about an image that would keep its data outside the stack's volume, or "".

    Such data would be lost with the container. From 18 on, the stack sets the folder.
    """
    mount, data = folders(version)
    own = _variables((image.attrs.get("Config") or {}).get("Env")).get("PGDATA", data)
    if version >= 18 or PurePosixPath(own).is_relative_to(mount):
        return ""
    return (
        f"postgres-image is {name}, whose data would be lost with its container: PGDATA is {own}, and the volume is at "
        f"{mount}. Fix: take an image that is made from the official one (docs/data.md)"
    )


def ask(engine: docker.DockerClient, image: Image, labels: Mapping[str, str]) -> tuple[int | None, bool, str]:
    """The major version of the image's `postgres` (None without one), whether it uses musl, and what it printed."""
    container = engine.containers.create(
        str(image.id),
        ["-c", ASK],
        entrypoint="sh",
        network_mode="none",
        use_config_proxy=False,
        labels=dict(labels),
        log_config=LogConfig(type=LogConfig.types.JSON),  # logs of the engine's default driver may be unreadable
    )
    try:
        container.start()
        container.wait(timeout=SECONDS)
        output = bytes(container.logs()).decode(errors="replace").strip()
    finally:
        container.remove(v=True, force=True)
    return (*understood(output.splitlines()), output)


def understood(output: Iterable[str]) -> tuple[int | None, bool]:
    """The major version, and whether the loader is musl's, from the output of ASK (`postgres (PostgreSQL) 17.6 …`)."""
    lines = list(output)
    versions = [match[1] for line in lines if (match := re.match(r"postgres \([^)]*\) (\d+)", line))]
    return (int(versions[0]) if versions else None), "musl" in lines


def get_image(engine: docker.DockerClient, *names: str) -> Image | None:
    """The first of the images that is on this machine."""
    for name in names:
        try:
            return engine.images.get(name)
        except ImageNotFound:
            continue
    return None


def _major(environment: list[str] | None) -> int | None:
    """The value of PG_MAJOR in the environment of an image or of a container."""
    major = _variables(environment).get("PG_MAJOR", "")
    return int(major) if re.fullmatch(r"\d{1,3}", major) else None


def _variables(environment: list[str] | None) -> dict[str, str]:
    return dict(entry.partition("=")[::2] for entry in environment or [])


def _number(archive: bytes) -> int | None:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        for member in tar:
            file = tar.extractfile(member)
            text = file.read(16).decode(errors="replace").strip() if file else ""
            return int(text) if re.fullmatch(r"\d{1,3}", text) else None
    return None
