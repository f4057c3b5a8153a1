"""The Docker engine of this machine, which builds the image for every platform; asked before anything is made."""

import os

import docker
import pulumi
from docker.errors import APIError, DockerException, ImageNotFound, NotFound


def connect() -> docker.DockerClient:
    """The engine. Raises `pulumi.RunError` that says what to do when none answers."""
    try:
        engine = docker.from_env(timeout=30)
        engine.ping()
    except DockerException as error:
        raise pulumi.RunError(_unreachable(error)) from None
    return engine


def image_errors(engine: docker.DockerClient, key: str, name: str) -> list[str]:
    """What is wrong with the image that setting `key` names, when it's neither here nor to be had."""
    try:
        engine.images.get(name)
    except ImageNotFound:
        try:
            engine.images.get_registry_data(name)
        except (APIError, NotFound, OSError) as error:
            reason = getattr(error, "explanation", None) or str(error)
            return [
                f"{key} is {name}, which is neither on this machine nor to be had from its registry ({reason}). "
                f"Fix: check the name, log in to the registry (docker login), or run `make setup`, which "
                f"builds the default images where no registry is reached"
            ]
    return []


def _unreachable(error: Exception) -> str:
    where = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    if "Permission denied" in str(error):
        fix = "your user may not use it; add it to the group docker (sudo usermod -aG docker $USER) and log in again"
    else:
        fix = "start Docker Desktop, or the service (sudo systemctl start docker), or set DOCKER_HOST to where it runs"
    return f"No Docker engine answers at {where}, nothing was changed. Fix: {fix}."
