"""Mends what a killed `pulumi` left behind, so that the next `pulumi up` goes through: repair.py STACK

It makes the state readable, lifts the stack's lock, removes containers and networks of the stack that the state doesn't
know (never a volume), takes half-made resources off the books, and builds an image again that is gone.
"""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import docker
from docker.errors import APIError, ImageNotFound
from docker.models.containers import Container

from infra.local import labels
from infra.local import stack as here
from infra.local.steps import set_password

# Seconds that a database has for its first boot: ended in it, the official image leaves half a cluster in its volume.
PATIENCE = 60


def main() -> None:
    """Exit status of the first step that fails."""
    (stack,) = sys.argv[1:]
    client = here.engine()
    drop_cut_note(stack)
    resources = state(stack)
    pulumi("cancel", "--yes", "--stack", stack, check=False)
    remove_orphans(client, stack, resources)
    pulumi("refresh", "--yes", "--skip-preview", "--clear-pending-creates", "--stack", stack)
    rebuild_images(client, stack, state(stack))
    print(f"Repaired. Now: {here.make('local', stack)}")


def pulumi(*arguments: str, check: bool = True) -> None:
    """Runs pulumi and ends this program with its exit status when it fails and `check` is true."""
    done = subprocess.run(["pulumi", *arguments], check=False)
    if check and done.returncode != 0:
        sys.exit(done.returncode)


def drop_cut_note(stack: str) -> None:
    """Removes a note that was being written when pulumi was killed; Pulumi does without, but not with half of one.

    In a folder it keeps its state by gocloud.dev/blob/fileblob, which replaces a file at once, but writes a note of the
    file's type and checksum (`.attrs`) in place.
    """
    url = labels.backend()
    folder = Path(url.removeprefix("file://").partition("?")[0]).expanduser()
    note = folder / ".pulumi" / "stacks" / here.project_name() / f"{stack}.json.attrs"
    if not url.startswith("file://") or not note.is_file():
        return
    try:
        json.loads(note.read_bytes())
    except ValueError:
        print(f"removing {note.name} beside the state, which is half written", flush=True)
        note.unlink()


def state(stack: str) -> list[dict[str, Any]]:
    """The resources in the stack's state, as `pulumi stack export` gives them."""
    done = subprocess.run(
        ["pulumi", "stack", "export", "--stack", stack], check=False, stdout=subprocess.PIPE, text=True
    )
    if done.returncode != 0:
        sys.exit(
            f"The state of the stack {stack} can't be read. The stacks there are: pulumi stack ls; "
            "a damaged state: docs/state.md"
        )
    resources: list[dict[str, Any]] = json.loads(done.stdout)["deployment"].get("resources") or []
    return resources


def remove_orphans(client: docker.DockerClient, stack: str, resources: list[dict[str, Any]]) -> None:
    """Removes the stack's containers and networks that `resources` doesn't know."""
    known = {resource.get("id") for resource in resources}
    labelled = here.filters(stack)
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
    end = time.monotonic() + PATIENCE
    while (
        (container.name or "").endswith("-database")
        and container.status == "running"
        and set_password.missing(container)
        and time.monotonic() < end
    ):
        time.sleep(0.5)
        container.reload()


def rebuild_images(client: docker.DockerClient, stack: str, resources: list[dict[str, Any]]) -> None:
    """Has pulumi build the images that the state knows and the engine doesn't: by itself it wouldn't notice."""
    for resource in resources:
        if resource["type"] != "docker:index/image:Image":
            continue
        try:
            client.images.get(resource["outputs"]["repoDigest"])
        except ImageNotFound:
            print(f"building {resource['outputs']['imageName']} again, which is gone from the engine", flush=True)
            pulumi("up", "--yes", "--skip-preview", "--stack", stack, "--target-replace", resource["urn"])


if __name__ == "__main__":
    main()
