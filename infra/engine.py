"""The Docker engine of this machine, which builds the image for every platform; checked before anything is created."""

import os
import shutil
import sys
from pathlib import Path

import docker
import pulumi
from docker.errors import DockerException, ImageNotFound, TLSParameterError

from infra import credentials, endpoint, podman
from infra.endpoint import Endpoint, EndpointError


def connect() -> docker.DockerClient:
    """The engine. Raises `pulumi.RunError` that says what to do when no engine answers."""
    try:
        found = endpoint.find()
    except EndpointError as error:
        raise pulumi.RunError(f"{error}. Nothing was changed.") from None
    try:
        engine = found.client(timeout=30)
        engine.ping()
    except DockerException as error:
        raise pulumi.RunError(_unreachable(found, error)) from None
    if found.chosen_by not in {"", "DOCKER_HOST"}:
        pulumi.log.info(f"The Docker engine is the one at {found.host} ({found.chosen_by}).")
    if not (endpoint.plugin_finds(found, os.environ) or _plugin_asks_us()):
        raise pulumi.RunError(
            f"The Docker engine is at {found.host} ({found.chosen_by}), and Pulumi's docker plugin knows no docker "
            f"contexts: it would use another engine or none. Nothing was changed. Fix: {found.shell}"
        )
    return engine


def image_errors(engine: docker.DockerClient, key: str, name: str) -> list[str]:
    """An error about the image that setting `key` names, when it is neither here nor available from its registry.

    There is none if the engine asks no registries: it finds out when it pulls the image.
    """
    try:
        engine.images.get(name)
    except ImageNotFound:
        try:
            engine.images.get_registry_data(name)
        except (DockerException, OSError) as error:
            if podman.asks_no_registry(error):
                return []
            reason = getattr(error, "explanation", None) or str(error)
            fix = credentials.fix(error) or (
                "check the name, log in to the registry (docker login), or run `make setup`, which "
                "builds the default images where no registry can be reached"
            )
            return [
                f"{key} is {name}, which is neither on this machine nor available from its registry ({reason}). "
                f"Fix: {fix}"
            ]
    return []


def _plugin_asks_us() -> bool:
    """Whether Pulumi uses this project's stand-in for the docker plugin, which finds the same engine as we do."""
    folders = os.environ.get("PATH", "").split(os.pathsep)
    if folders[0] == str(Path(sys.executable).parent):  # added by the language host; pulumi itself searches the rest
        del folders[0]
    program = shutil.which("pulumi-resource-docker", path=os.pathsep.join(folders))
    ours = "lib/python*/site-packages/django_stack_plugins/docker/endpoint.py"
    return program is not None and any(Path(program).resolve().parents[1].glob(ours))


def _unreachable(found: Endpoint, error: Exception) -> str:
    named = f", which {found.chosen_by} names" if found.chosen_by not in {"", "DOCKER_HOST"} else ""
    if found.lacks:
        return (
            f"The Docker engine is at {found.host}{named}, and Docker's SDK reaches none by ssh without the package "
            f"{found.lacks}, nothing was changed. Fix: .venv/bin/pip install {found.lacks}"
        )
    if "Permission denied" in str(error):
        fix = "your user may not use it; add it to the group docker (sudo usermod -aG docker $USER) and log in again"
    elif isinstance(error, TLSParameterError):
        fix = f"put ca.pem, cert.pem and key.pem into {found.cert_path}, or run {found.way_out}"
    elif found.way_out:
        fix = f"start Docker there, or run {found.way_out} to use the default engine"
    else:
        fix = "start Docker Desktop, or the service (sudo systemctl start docker), or set DOCKER_HOST to where it runs"
    return f"No Docker engine answers at {found.host}{named}, nothing was changed. Fix: {fix}."
