"""What docker compose runs beside the site, and a Procfile: processes, and services that the stack has or lacks."""

import re
import shlex
from dataclasses import dataclass, field
from typing import Any

import yaml

from infra.adoption.dockerfile import base_image, instructions
from infra.adoption.tree import Tree


@dataclass(frozen=True)
class Command:
    """A command that runs beside the web: its name in the file, its words as one line, and where it stands.

    `lasting` is whether it is kept running there.
    """

    name: str
    line: str
    source: str
    lasting: bool = True


@dataclass(frozen=True)
class Services:
    """`images` are the other services of compose by name, with their image; `postgres` the database's major version."""

    commands: list[Command] = field(default_factory=list)
    images: dict[str, str] = field(default_factory=dict)
    postgres: str = ""


def read_services(tree: Tree) -> Services:
    commands: list[Command] = []
    images: dict[str, str] = {}
    for path in _compose_files(tree):
        for name, service in _services(tree, path).items():
            image = str(service.get("image", ""))
            if _is_own(service, tree.root.name):
                lasting = str(service.get("restart", "no")) in {"always", "unless-stopped", "on-failure"}
                commands.append(Command(name, _line(service.get("command")), path, lasting))
            else:
                images.setdefault(name, _built_from(tree, service) or image or "built here")
    commands += [Command(name, line, "Procfile") for name, line in procfile(tree) if name not in {"web", "release"}]
    return Services(commands, images, _postgres(images))


def procfile(tree: Tree) -> list[tuple[str, str]]:
    """The names of a Procfile with their lines."""
    return [
        (name, line.strip()) for name, line in re.findall(r"^([\w-]+):\s*(.+)$", tree.text("Procfile"), re.MULTILINE)
    ]


def _compose_files(tree: Tree) -> list[str]:
    """Compose files of the outermost folder that has any, without those for tests and documentation.

    Those of production come first.
    """
    found = [
        path
        for path in tree.named(r"(?:docker-)?compose[\w.-]*\.ya?ml")
        if re.fullmatch(r"(?:(?:docker|deploy\w*|compose|infra\w*)/)?[^/]+", path)
        and not re.search(r"test|ci\b|docs|override", path)
    ]
    outer = [path for path in found if "/" not in path]
    return sorted(outer or found, key=lambda path: (0 if re.search(r"prod", path) else 1, path))


def _services(tree: Tree, path: str) -> dict[str, dict[str, Any]]:
    try:
        content = yaml.safe_load(tree.text(path))
    except yaml.YAMLError:
        return {}
    services = content.get("services") if isinstance(content, dict) else None
    return {str(k): v for k, v in services.items() if isinstance(v, dict)} if isinstance(services, dict) else {}


def _is_own(service: dict[str, Any], project: str) -> bool:
    """Whether it runs the project's own image: one of its name, or built from a Dockerfile that isn't another's."""
    build = service.get("build")
    if not build:
        image = re.split(r"[:@]", str(service.get("image", "")).rpartition("/")[2])[0]
        return bool(image) and image.lower() == project.lower()
    dockerfile = str(build.get("dockerfile", "")) if isinstance(build, dict) else ""
    context = str(build.get("context", "")) if isinstance(build, dict) else str(build)
    return not re.search(
        r"postgres|nginx|traefik|redis|node|aws|docs|keycloak|caddy|frontend", f"{dockerfile} {context}"
    )


def _line(command: object) -> str:
    if isinstance(command, list):
        return shlex.join(str(word) for word in command)
    return " ".join(str(command).split()) if command else ""


def _built_from(tree: Tree, service: dict[str, Any]) -> str:
    build = service.get("build")
    path = str(build.get("dockerfile", "")).removeprefix("./") if isinstance(build, dict) else ""
    found = [base_image(rest) for instruction, rest in instructions(tree.text(path)) if instruction == "FROM"]
    return found[-1] if found else ""


def _postgres(images: dict[str, str]) -> str:
    """The major version that most of the databases have, the site's own first."""
    found = [match[1] for image in images.values() if (match := re.search(r"(?:postgres|postgis\S*?)\D*:(\d+)", image))]
    return found[0] if found else ""
