"""Which base images a stack gets: those of the project's own versions, if they can be had."""

import docker
from docker.errors import DockerException

from infra import endpoint, podman
from infra.endpoint import EndpointError

_PULL_SECONDS = 120


def usable(wanted: str, default: str, *, pulls: bool) -> str:
    """The image that is wanted; the default if the engine neither has it nor can pull it.

    Without an engine, or without pulling, an image that isn't there is taken at its word only if no engine can tell.
    """
    if not wanted or wanted == default:
        return default
    try:
        client = endpoint.find().client(_PULL_SECONDS)
        client.ping()
    except (EndpointError, DockerException, OSError):
        return wanted
    try:
        client.images.get(wanted)
    except DockerException:
        if not pulls:
            return wanted if _is_in_a_registry(client, wanted) else default
        try:
            client.images.pull(wanted)
        except (DockerException, OSError):
            return default
    return wanted


def _is_in_a_registry(client: docker.DockerClient, image: str) -> bool:
    """Whether it could be pulled, as far as the engine can tell; nothing is."""
    try:
        client.images.get_registry_data(image)
    except (DockerException, OSError) as error:
        return podman.asks_no_registry(error)
    return True
