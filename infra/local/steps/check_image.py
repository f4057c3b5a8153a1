"""Compares the image of `postgres-image` with `postgres-version` and with the volume's data. Run by local.Command.

It runs after the image was pulled and before volume and container are made, so that a mismatch has changed nothing.
"""

import sys
from contextlib import suppress

import docker
from docker.errors import APIError, NotFound
from docker.models.images import Image

from infra import endpoint
from infra.local import postgres
from infra.local.requests import CheckImageRequest
from infra.local.steps.containers import engine_errors
from infra.steps import quoted, read_request


def main() -> None:
    """Exits non-zero with one error that says what doesn't match, and with its fix."""
    request = read_request(CheckImageRequest)
    engine = endpoint.client()
    name, wanted, volume = request.name, request.version, request.volume
    image = engine.images.get(request.image)
    try:
        has, musl, output = postgres.ask(engine, image, request.labels)
    except APIError as error:  # the image has no shell, or none for this processor
        has, musl, output = None, False, str(error.explanation)
    rm = f"Fix: pulumi config rm -s {request.stack} postgres-image"
    if has is None:
        sys.exit(f"postgres-image is {name}, {_no_server(engine, image)}.{quoted(output.splitlines())}\n{rm}")
    data = None
    with suppress(NotFound):  # there is no volume before the stack's first update
        engine.volumes.get(volume)
        data = postgres.data_version(engine, volume, str(image.id), request.labels)
    wrong = postgres.misfit(request.stack, name, wanted, has, data, volume)
    wrong = wrong or postgres.elsewhere(image, name, wanted)
    if wrong:
        sys.exit(wrong)
    if musl and data is None:  # existing data only cause a warning: server_warnings
        sys.exit(f"postgres-image is {name}, which sorts text by musl; a managed PostgreSQL sorts by glibc. {rm}")


def _no_server(engine: docker.DockerClient, image: Image) -> str:
    """Why an image can't report its version."""
    ours, its = engine.version(), image.attrs
    if its.get("Architecture") and its["Architecture"] != ours["Arch"]:
        return f"which is made for {its['Architecture']} and doesn't run on this machine's {ours['Arch']}"
    return "which has no program postgres"


if __name__ == "__main__":
    with engine_errors():
        main()
