"""What docker compose runs beside the site, and a Procfile: processes, and services that the stack has or lacks."""

import re
from dataclasses import dataclass, field
from typing import Any

import yaml

from infra.adoption.dockerfile import words_of
from infra.adoption.tree import Tree


@dataclass(frozen=True)
class Command:
    """A command that runs beside the web: its name in the file, its words as one line, and where it stands.

    `environment` are variables of it alone.
    """

    name: str
    line: str
    source: str
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Services:
    """`images` are the other services of compose by name, with their image; `postgres` the database's major version."""

    files: list[str] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)
    images: dict[str, str] = field(default_factory=dict)
    postgres: str = ""
    release: str = ""  # of the Procfile
    web: str = ""


def read_services(tree: Tree) -> Services:
    files = compose_files(tree)
    commands: list[Command] = []
    images: dict[str, str] = {}
    for path in files:
        for name, service in _services(tree, path).items():
            image = str(service.get("image", ""))
            if _is_own(service):
                line = _line(service.get("command"))
                commands.append(Command(name, line, path, _environment(service.get("environment"))))
            else:
                images.setdefault(name, _built_from(tree, service) or image or "built here")
    release, web = "", ""
    for path in [one for one in ("Procfile",) if tree.has(one)]:
        for name, line in re.findall(r"^([\w-]+):\s*(.+)$", tree.text(path), re.MULTILINE):
            if name == "release":
                release = line.strip()
            elif name == "web":
                web = line.strip()
            else:
                commands.append(Command(name, line.strip(), path))
    return Services(files, commands, images, _postgres(images), release, web)


def compose_files(tree: Tree) -> list[str]:
    """Compose files of the outermost folder, production's first, without those for tests and documentation."""
    found = [path for path in tree.named(r"(?:docker-)?compose[\w.-]*\.ya?ml") if "/" not in path]
    usable = [path for path in found if not re.search(r"test|ci\b|docs|override", path)]
    return sorted(usable, key=lambda path: (0 if re.search(r"prod", path) else 1, path))


def _services(tree: Tree, path: str) -> dict[str, dict[str, Any]]:
    try:
        content = yaml.safe_load(tree.text(path))
    except yaml.YAMLError:
        return {}
    services = content.get("services") if isinstance(content, dict) else None
    return {str(k): v for k, v in services.items() if isinstance(v, dict)} if isinstance(services, dict) else {}


def _is_own(service: dict[str, Any]) -> bool:
    """Whether it runs the project's own image: it's built from a Dockerfile that isn't another program's."""
    build = service.get("build")
    if not build:
        return False
    dockerfile = str(build.get("dockerfile", "")) if isinstance(build, dict) else ""
    context = str(build.get("context", "")) if isinstance(build, dict) else str(build)
    return not re.search(
        r"postgres|nginx|traefik|redis|node|aws|docs|keycloak|caddy|frontend", f"{dockerfile} {context}"
    )


def _line(command: object) -> str:
    if isinstance(command, list):
        import shlex  # noqa: PLC0415

        return shlex.join(str(word) for word in command)
    return " ".join(str(command).split()) if command else ""


def _environment(value: object) -> dict[str, str]:
    if isinstance(value, dict):
        return {str(name): str(one) for name, one in value.items() if one is not None}
    if isinstance(value, list):
        return dict(str(one).split("=", 1) for one in value if "=" in str(one))
    return {}


def _built_from(tree: Tree, service: dict[str, Any]) -> str:
    build = service.get("build")
    path = str(build.get("dockerfile", "")).removeprefix("./") if isinstance(build, dict) else ""
    found = re.findall(r"^FROM\s+(\S+)", tree.text(path), re.MULTILINE) if path else []
    return str(found[-1]) if found else ""


def _postgres(images: dict[str, str]) -> str:
    """The major version that most of the databases have, the site's own first."""
    found = [match[1] for image in images.values() if (match := re.search(r"(?:postgres|postgis\S*?)\D*:(\d+)", image))]
    return found[0] if found else ""


def words(line: str) -> list[str]:
    return words_of(line)
