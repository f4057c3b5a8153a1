"""A container's last lines, its removal, and errors of the engine in words; used by the steps."""

from collections.abc import Iterable

import docker
from docker.errors import APIError, ContainerError, DockerException, NotFound
from docker.models.containers import Container
from urllib3.exceptions import HTTPError

from infra.readiness import READY
from infra.redaction import redactor
from infra.steps import quoted

TAIL = 20
# What a call of the engine raises when it refuses something, or when it is gone (the errors of requests are OSErrors).
ENGINE_ERRORS = (DockerException, HTTPError, OSError)


def explain(error: Exception) -> str:
    """A sentence for the user about one of `ENGINE_ERRORS`, and what to do."""
    if isinstance(error, APIError) and error.explanation:
        return f"The Docker engine refused: {error.explanation}."
    if isinstance(error, ContainerError):
        said = error.stderr if isinstance(error.stderr, bytes) else b""
        lines = said.decode(errors="replace").strip().splitlines()[-TAIL:]
        return f"A container of {error.image} failed with exit status {error.exit_status}.{quoted(lines)}"
    return "The Docker engine no longer answers. When it runs again, repeat `pulumi up` with `--refresh`."


def remove(engine: docker.DockerClient, filters: dict[str, str | list[str] | bool]) -> None:
    """Removes all containers that match, running or not."""
    for container in engine.containers.list(all=True, filters=filters, ignore_removed=True):
        try:
            container.remove(force=True, v=True)
        except NotFound:
            pass
        except APIError as error:
            if error.status_code != 409:  # it is already being removed
                raise


def last_lines(container: Container, secrets: Iterable[str]) -> str:
    """The last lines of the container's output, secrets redacted.

    More lines are read than shown, because the first ones may be the end of a secret.
    """
    text = bytes(container.logs(tail=20 * TAIL)).decode(errors="replace").strip()
    lines = redactor(secrets).text(text).splitlines()
    telling = [line for line in lines if f"GET {READY}" not in line]  # without our own requests in an access log
    return quoted((telling or lines)[-TAIL:])
