"""`django-stack repair`: repairs what a killed `pulumi` left behind, so that the next `pulumi up` works."""

import json
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import click
import docker
from docker.errors import APIError, ImageNotFound, NotFound
from docker.models.containers import Container

from infra.commands import stack
from infra.local import labels
from infra.local.steps import set_password
from infra.programs import completed

# How long to wait for a database's first boot. If that is cut short, the official image leaves half a cluster in its
# volume.
BOOT_SECONDS = 60


@click.command
@stack.option
def command(name: str) -> None:
    """Repairs what a killed `pulumi` left behind, so that the next `pulumi up` works.

    It makes the state readable, removes the stack's lock, removes containers and networks of the stack that the state
    doesn't know (never a volume, nor a run or a shell that goes on), clears pending operations from the state, and
    builds an image again that is gone. The exit status is that of the first of these that fails.

    \b
    Example:
      django-stack repair -s pr-12
    """
    client = stack.engine()
    remove_torn_attributes(name)
    resources = state(name)
    pulumi("cancel", "--yes", "--stack", name, check=False)
    remove_orphans(client, name, resources)
    pulumi("refresh", "--yes", "--skip-preview", "--clear-pending-creates", "--stack", name)
    rebuild_images(client, name, state(name))
    print(f"Repaired. Now: {stack.make('local', name)}")


def pulumi(*arguments: str, check: bool = True) -> None:
    """Runs pulumi and ends this command with its exit status when it fails and `check` is true."""
    done = completed(["pulumi", *arguments], shown=True)
    if check and done.returncode != 0:
        sys.exit(done.returncode)


def remove_torn_attributes(name: str) -> None:
    """Removes a half-written `.attrs` file beside the state. Pulumi works without that file, but can't read half of it.

    In a folder, Pulumi keeps its state with gocloud.dev/blob/fileblob, which replaces the state's file atomically but
    writes this second file, with the first one's type and checksum, in place.
    """
    url = labels.backend()
    folder = Path(url.removeprefix("file://").partition("?")[0]).expanduser()
    attributes = folder / ".pulumi" / "stacks" / stack.project_name() / f"{name}.json.attrs"
    if not url.startswith("file://") or not attributes.is_file():
        return
    try:
        json.loads(attributes.read_bytes())
    except ValueError:
        print(f"removing {attributes.name} beside the state, since it is only half written", flush=True)
        attributes.unlink()


def state(name: str) -> list[dict[str, Any]]:
    """The resources in the stack's state, as `pulumi stack export` gives them."""
    done = subprocess.run(["pulumi", "stack", "export", "--stack", name], check=False, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(
            f"The state of the stack {name} can't be read. `pulumi stack ls` lists the stacks; docs/state.md says what "
            f"to do about a damaged state (pulumi says: {' '.join(done.stderr.split())})"
        )
    deployment = json.loads(done.stdout)["deployment"] or {}  # null before the first `pulumi up`
    resources: list[dict[str, Any]] = deployment.get("resources") or []
    return resources


def remove_orphans(client: docker.DockerClient, name: str, resources: list[dict[str, Any]]) -> None:
    """Removes the stack's containers and networks that `resources` doesn't know."""
    known = {resource.get("id") for resource in resources}
    labelled = stack.filters(name)
    for container in client.containers.list(all=True, filters=labelled, ignore_removed=True):
        if container.id in known:
            continue
        if str(container.name).startswith(stack.runs(name)) and container.status == "running":
            print(
                f"leaving {container.name}, which still runs (docker rm --force {container.name} ends it)", flush=True
            )
            continue
        print(f"removing the container {container.name}, which the state doesn't know", flush=True)
        with suppress(NotFound):  # it has gone meanwhile
            wait_for_database(container)
            container.stop(timeout=30)
            container.remove(force=True, v=True)
    for network in client.networks.list(filters=labelled):
        if network.id not in known:
            print(f"removing the network {network.name}, which the state doesn't know", flush=True)
            try:
                network.remove()
            except APIError as error:
                sys.exit(f"The network {network.name} can't be removed: {error.explanation}")


def wait_for_database(container: Container) -> None:
    """Waits until a running database accepts connections; returns at once for any other container."""
    end = time.monotonic() + BOOT_SECONDS
    while (
        (container.name or "").endswith("-database")
        and container.status == "running"
        and set_password.unready(container)
        and time.monotonic() < end
    ):
        time.sleep(0.5)
        container.reload()


def rebuild_images(client: docker.DockerClient, name: str, resources: list[dict[str, Any]]) -> None:
    """Makes pulumi build the images that are in the state but not in the engine, which it doesn't notice itself."""
    for resource in resources:
        if resource["type"] != "docker:index/image:Image":
            continue
        try:
            client.images.get(resource["outputs"]["repoDigest"])
        except ImageNotFound:
            print(f"building {resource['outputs']['imageName']} again, since the engine lost it", flush=True)
            pulumi("up", "--yes", "--skip-preview", "--stack", name, "--target-replace", resource["urn"])
