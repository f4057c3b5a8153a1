"""docker.RemoteImage, and looking up an image by name, which Container shares."""

from typing import Any

from django_stack_plugins.docker.client import DockerResource, as_they_come, docker_errors, find
from django_stack_plugins.docker.output import plain
from django_stack_plugins.resource import Operation, PluginError
from django_stack_plugins.values import Properties


class RemoteImage(DockerResource):
    """An image that is here or gets pulled; without `keepLocally` it is removed with the resource."""

    token = "docker:index/remoteImage:RemoteImage"
    inputs = frozenset({"forceRemove", "keepLocally", "name", "platform", "pullTriggers", "triggers"})
    required = frozenset({"name"})
    in_place = frozenset({"forceRemove", "keepLocally"})
    unordered = frozenset({"pullTriggers"})
    computed = frozenset({"imageId", "repoDigest"})

    def create(self, operation: Operation, inputs: Properties) -> tuple[str, Properties]:
        image = ensure_image(self.client, operation, inputs["name"], inputs.get("platform"))
        return image["Id"] + inputs["name"], _state(image, inputs)

    def read(self, operation: Operation, resource_id: str, state: Properties, inputs: Properties) -> Properties | None:
        client = self.client
        with docker_errors("inspect image"):
            image = find(client.inspect_image, inputs["name"])
        return image and _state(image, inputs)

    def update(self, operation: Operation, resource_id: str, old: Properties, inputs: Properties) -> Properties:
        return _state(ensure_image(self.client, operation, inputs["name"], inputs.get("platform")), inputs)

    def delete(self, operation: Operation, resource_id: str, state: Properties) -> None:
        if state.get("keepLocally"):
            return
        client = self.client
        with docker_errors(f"remove image {state['name']}"):
            find(client.remove_image, state["name"], state.get("forceRemove", False))


def ensure_image(client: Any, operation: Operation, name: str, platform: str | None = None) -> dict[str, Any]:
    """Inspect an image, pulling it first if it is not here. Raises PluginError if it cannot be had."""
    with docker_errors(f"inspect image {name}"):
        image = find(client.inspect_image, name)
    if image is not None:
        return image
    if name.startswith("sha256:"):
        raise PluginError(f"image {name} is not on this machine, and an id cannot be pulled")
    with docker_errors(f"pull image {name}"):
        # Without a tag the engine would pull every tag.
        reference = name if "@" in name or ":" in name.rsplit("/", 1)[-1] else f"{name}:latest"
        shown = set()
        lines = client.pull(reference, stream=True, decode=True, platform=platform or None)
        for line in as_they_come(operation, lines):
            if "error" in line:
                raise PluginError(f"unable to pull image {name}: {plain(line['error'])}")
            status = plain(f"{line.get('id', '')} {line.get('status', '')}").strip()
            if status not in shown and "progressDetail" not in line:
                shown.add(status)
                operation.log(status)
        image = find(client.inspect_image, name)
    if image is None:
        raise PluginError(f"image {name} was pulled but is not there")
    return image


def _state(image: dict[str, Any], inputs: Properties) -> Properties:
    return {**inputs, "imageId": image["Id"], "repoDigest": _repo_digest(inputs["name"], image)}


def _repo_digest(name: str, image: dict[str, Any]) -> str:
    """The digest by which this repository knows the image: "" for one that never was in a registry."""
    digests: list[str] = image.get("RepoDigests") or []
    repository = name.split("@", maxsplit=1)[0]
    if ":" in repository.rsplit("/", 1)[-1]:
        repository = repository.rsplit(":", 1)[0]
    for digest in digests:
        if digest.split("@")[0] == repository:
            return digest
    return digests[0] if len(digests) == 1 else ""
