"""The versions of the app that the Docker engine on this machine has: images whose tag is the hash of their content."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

import docker

from infra import podman

_TAG = re.compile(r"[0-9a-f]{12}")
EMULATOR = "emulator"  # an image of the project's with such a tag, and no stack's (tools/rehearsal/container.py)


@dataclass(frozen=True)
class Kept:
    """A version under the name of a stack: the image's id, its size in bytes, when it was built and tagged (UTC)."""

    stack: str
    tag: str
    id: str
    size: int
    built: datetime


def kept(engine: docker.DockerClient, project: str) -> list[Kept]:
    """The versions of all stacks of the project, the newest first."""
    found = []
    for image in engine.api.images(filters={"reference": f"{project}/*"}):
        for name in image["RepoTags"] or ():
            stack, tag = parts(name, project)
            if tag and stack != EMULATOR:
                built = datetime.fromtimestamp(image["Created"], UTC)
                found.append(Kept(stack, tag, image["Id"], image["Size"], built))
    return sorted(found, key=lambda one: (one.built, one.tag), reverse=True)


def parts(name: str, project: str) -> tuple[str, str]:
    """The stack, or EMULATOR, and the tag in the name of an image that the project built; twice nothing for others."""
    repository, _, tag = podman.as_docker(name).rpartition(":")
    parent, _, stack = repository.rpartition("/")
    return (stack, tag) if parent == project and _TAG.fullmatch(tag) else ("", "")
