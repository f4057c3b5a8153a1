"""Compares the image of `postgres-image` with `postgres-version` and with the volume's data.

The program asks the engine itself, after the image was pulled and before volume and container are made, so that a
mismatch has changed nothing. A step would first start a Python of its own, while the database waits for it.
"""

import asyncio
from contextlib import suppress

import docker
import pulumi
from docker.errors import APIError, ImageNotFound, NotFound
from docker.models.images import Image

from infra import endpoint
from infra.local import image_answers, postgres
from infra.local.labels import labels
from infra.local.settings import LocalSettings
from infra.local.steps.containers import ENGINE_ERRORS, explain
from infra.steps import quoted


async def fitting(image_id: str, settings: LocalSettings, volume: str) -> str:
    """The image's id when the image fits. Raises `pulumi.RunError` that says what doesn't match, and its fix.

    `volume` is the name of the volume of the data, which may not exist yet.
    """
    try:
        wrong = await asyncio.to_thread(lambda: misfit(endpoint.client(), image_id, settings, volume))
    except ENGINE_ERRORS as error:
        raise pulumi.RunError(explain(error)) from None
    if wrong:
        raise pulumi.RunError(wrong)
    return image_id


def misfit(engine: docker.DockerClient, image_id: str, settings: LocalSettings, volume: str) -> str:
    """The error, with its fix, about an image that doesn't fit; or "". Raises `ENGINE_ERRORS`."""
    name, wanted = settings.postgres_image, settings.postgres_version
    try:
        image = engine.images.get(image_id)
    except ImageNotFound:  # it was removed since; without it no server starts
        return ""
    data = None
    with suppress(NotFound):  # there is no volume before the stack's first update
        engine.volumes.get(volume)
        data = postgres.data_version(engine, volume, image_id, labels(settings))
    if data == wanted and _is_in_use(engine, image_id, volume):  # so it was asked before, and its server made the data
        return ""
    has, musl, output = _answer(engine, image, settings)
    remove = f"Fix: pulumi config rm -s {settings.stack} postgres-image"
    if has is None:
        return f"postgres-image is {name}, {_no_server(engine, image)}.{quoted(output.splitlines())}\n{remove}"
    wrong = postgres.misfit(settings.stack, name, wanted, has, data, volume)
    wrong = wrong or postgres.elsewhere(image, name, wanted)
    if not wrong and musl and data is None:  # existing data only cause a warning: server_warnings
        return f"postgres-image is {name}, which sorts text by musl; a managed PostgreSQL sorts by glibc. {remove}"
    return wrong


def _answer(engine: docker.DockerClient, image: Image, settings: LocalSettings) -> tuple[int | None, bool, str]:
    """What `postgres.ask` says, from this image or, since its id stands for its content, from an earlier update."""
    image_id = str(image.id)
    if known := image_answers.recall(image_id):
        return *known, ""
    try:
        has, musl, output = postgres.ask(engine, image, labels(settings))
    except APIError as error:  # the image has no shell, or none for this processor
        return None, False, str(error.explanation)
    if has is not None:
        image_answers.keep(image_id, has, musl=musl)
    return has, musl, output


def _is_in_use(engine: docker.DockerClient, image_id: str, volume: str) -> bool:
    """Whether a container that was made of the image has the volume."""
    users = engine.containers.list(all=True, filters={"volume": volume}, ignore_removed=True)
    return any(user.attrs["Image"] == image_id for user in users)


def _no_server(engine: docker.DockerClient, image: Image) -> str:
    """Why an image can't report its version."""
    ours, its = engine.version(), image.attrs
    if its.get("Architecture") and its["Architecture"] != ours["Arch"]:
        return f"which is made for {its['Architecture']} and doesn't run on this machine's {ours['Arch']}"
    return "which has no program postgres"
