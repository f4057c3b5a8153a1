"""Finds a stack's containers on this machine's Docker engine, for the commands; and the option `--stack`."""

import os
import sys
from pathlib import Path
from posixpath import normpath
from typing import TYPE_CHECKING

import click
import docker
import yaml
from click.shell_completion import CompletionItem
from docker.errors import DockerException

from infra import endpoint
from infra.checkout import ROOT
from infra.endpoint import EndpointError
from infra.local.labels import PROJECT, STACK, STATE, state

if TYPE_CHECKING:
    from docker.models.containers import Container


def complete(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The stacks that have a file in the working directory."""
    names = (file.name.removeprefix("Pulumi.").removesuffix(".yaml") for file in Path.cwd().glob("Pulumi.*.yaml"))
    return [CompletionItem(name) for name in sorted(names) if name.startswith(incomplete)]


option = click.option(
    "-s",
    "--stack",
    "name",
    metavar="STACK",
    default="local",
    show_default=True,
    shell_complete=complete,
    help="The stack's name.",
)


limit_option = click.option(
    "--limit",
    type=click.FloatRange(min=60),
    default=4 * 3600,
    show_default=True,
    metavar="SECONDS",
    help="End the session after this time.",
)


def project_name() -> str:
    """The name in Pulumi.yaml of the working directory, or else of this checkout."""
    for folder in (Path.cwd(), ROOT):
        if (folder / "Pulumi.yaml").is_file():
            return str(yaml.safe_load((folder / "Pulumi.yaml").read_text())["name"])
    sys.exit("There is no Pulumi.yaml here; run this in the project's folder.")


def engine() -> docker.DockerClient:
    """The Docker engine; ends the command with one line when none answers.

    It also names the engine in this process's environment, for the docker CLI and Pulumi.
    """
    try:
        found = endpoint.find()
        client = found.client()
        client.ping()
    except EndpointError as error:
        sys.exit(str(error))
    except DockerException as error:
        fix = f".venv/bin/pip install {found.lacks}" if found.lacks else "make setup"
        sys.exit(f"No Docker engine answers at {found.host} ({error}). Fix: {fix}")
    os.environ.pop("DOCKER_CONTEXT", None)
    os.environ.update(found.variables)
    return client


def filters(stack: str) -> dict[str, str | list[str] | bool]:
    """Docker's filter for the containers and networks of the stack that belong to this state."""
    return {"label": [f"{PROJECT}={project_name()}", f"{STACK}={stack}", f"{STATE}={state()}"]}


def runs(stack: str) -> str:
    """The beginning of the names of the stack's one-off containers."""
    return f"{project_name()}-{stack}-run-"


def environment(container: "Container") -> dict[str, str]:
    """The environment variables that a container was created with."""
    return dict(entry.split("=", 1) for entry in container.attrs["Config"]["Env"])


def make(target: str, stack: str) -> str:
    """How to run a target of make for the stack; `local` is the default of make."""
    return f"make {target}" + ("" if stack == "local" else f" STACK={stack}")


def web(client: docker.DockerClient, stack: str) -> "Container":
    """The stack's running web container; ends the command with one line when there is none."""
    if not (container := running(client, stack, "web")):
        sys.exit(f"The container {project_name()}-{stack}-web is not running. Fix: {make('local', stack)}")
    if container.status == "restarting":
        sys.exit(f"The container {container.name} ends again and again. To see why: {make('logs', stack)}")
    return container


def running(client: docker.DockerClient, stack: str, role: str) -> "Container | None":
    """The stack's container of that role, such as `web` or `mail`, if it runs."""
    name = f"{project_name()}-{stack}-{role}"
    asked = {**filters(stack), "name": f"^/{name}$"}
    return next(iter(client.containers.list(filters=asked, ignore_removed=True)), None)


def published(container: "Container") -> str:
    """The port on this machine at which the container is reached; nothing for one that is stopped."""
    return next((str(bindings[0]["HostPort"]) for bindings in container.ports.values() if bindings), "")


def url(web: "Container") -> str:
    """The address of the home page."""
    port = published(web)
    return f"http://{environment(web)['DOMAIN']}{f':{port}' if port else ''}/"


def has_source_mounted(container: "Container") -> bool:
    """Whether the source on this machine is mounted at the container's working directory."""
    working_folder = normpath(container.attrs["Config"]["WorkingDir"] or "/")
    mounts = container.attrs["Mounts"]
    return any(mount["Type"] == "bind" and normpath(mount["Destination"]) == working_folder for mount in mounts)


def coloured(text: str, colour: str) -> str:
    """The text in a colour, on a terminal alone, and not where NO_COLOR (https://no-color.org) is set."""
    return click.style(text, fg=colour) if sys.stdout.isatty() and not os.environ.get("NO_COLOR") else text
