"""`django-stack repair`: what a killed `pulumi` left behind is mended, so that the next `pulumi up` goes through."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import click
import docker
from docker.errors import APIError, ImageNotFound
from docker.models.containers import Container

from infra.commands import stack
from infra.local import labels
from infra.local.steps import set_password

# For a database's first boot: ended in it, the official image leaves half a cluster in its volume.
BOOT_SECONDS = 60


@click.command
@stack.option
def command(name: str) -> None:
    """Mends what a killed `pulumi` left behind, so that the next `pulumi up` goes through.

    It makes the state readable, lifts the stack's lock, removes containers and networks of the stack that the state
    doesn't know (never a volume), takes half-made resources off the books, and builds an image again that is gone. The
    exit status is that of the first of these that fails.

    \b
    Example:
      django-stack repair -s pr-12
    """
    client = stack.engine()
    drop_cut_note(name)
    resources = state(name)
    pulumi("cancel", "--yes", "--stack", name, check=False)
    remove_orphans(client, name, resources)
    pulumi("refresh", "--yes", "--skip-preview", "--clear-pending-creates", "--stack", name)
    rebuild_images(client, name, state(name))
    print(f"Repaired. Now: {stack.make('local', name)}")


def pulumi(*arguments: str, check: bool = True) -> None:
    """Runs pulumi and ends this command with its exit status when it fails and `check` is true."""
    done = subprocess.run(["pulumi", *arguments], check=False)
    if check and done.returncode != 0:
        sys.exit(done.returncode)


def drop_cut_note(name: str) -> None:
    """Removes a note that was being written when pulumi was killed; Pulumi does without, but not with half of one.

    In a folder it keeps its state by gocloud.dev/blob/fileblob, which replaces a file at once, but writes a note of the
    file's type and checksum (`.attrs`) in place.
    """
    url = labels.backend()
    folder = Path(url.removeprefix("file://").partition("?")[0]).expanduser()
    note = folder / ".pulumi" / "stacks" / stack.project_name() / f"{name}.json.attrs"
    if not url.startswith("file://") or not note.is_file():
        return
    try:
        json.loads(note.read_bytes())
    except ValueError:
        print(f"removing {note.name} beside the state, which is half written", flush=True)
        note.unlink()


def state(name: str) -> list[dict[str, Any]]:
    """The resources in the stack's state, as `pulumi stack export` gives them."""
    done = subprocess.run(["pulumi", "stack", "export", "--stack", name], check=False, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(
            f"The state of the stack {name} can't be read. The stacks there are: pulumi stack ls; "
            f"a damaged state: docs/state.md (pulumi says: {' '.join(done.stderr.split())})"
        )
    resources: list[dict[str, Any]] = json.loads(done.stdout)["deployment"].get("resources") or []
    return resources


def remove_orphans(client: docker.DockerClient, name: str, resources: list[dict[str, Any]]) -> None:
    """Removes the stack's containers and networks that `resources` doesn't know."""
    known = {resource.get("id") for resource in resources}
    labelled = stack.filters(name)
    for container in client.containers.list(all=True, filters=labelled):
        if container.id not in known:
            print(f"removing the container {container.name}, which the state doesn't know", flush=True)
            let_it_boot(container)
            container.stop(timeout=30)
            container.remove(force=True, v=True)
    for network in client.networks.list(filters=labelled):
        if network.id not in known:
            print(f"removing the network {network.name}, which the state doesn't know", flush=True)
            try:
                network.remove()
            except APIError as error:
                sys.exit(f"The network {network.name} can't be removed: {error.explanation}")


def let_it_boot(container: Container) -> None:
    """Waits until a database that runs takes connections."""
    end = time.monotonic() + BOOT_SECONDS
    while (
        (container.name or "").endswith("-database")
        and container.status == "running"
        and set_password.missing(container)
        and time.monotonic() < end
    ):
        time.sleep(0.5)
        container.reload()


def rebuild_images(client: docker.DockerClient, name: str, resources: list[dict[str, Any]]) -> None:
    """Has pulumi build the images that the state knows and the engine doesn't: by itself it wouldn't notice."""
    for resource in resources:
        if resource["type"] != "docker:index/image:Image":
            continue
        try:
            client.images.get(resource["outputs"]["repoDigest"])
        except ImageNotFound:
            print(f"building {resource['outputs']['imageName']} again, which is gone from the engine", flush=True)
            pulumi("up", "--yes", "--skip-preview", "--stack", name, "--target-replace", resource["urn"])
