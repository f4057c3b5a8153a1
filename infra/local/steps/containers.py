"""Waits for a container, and returns the last lines of its output; used by the steps."""

import http.client
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import docker
from docker.errors import APIError, DockerException, NotFound
from docker.models.containers import Container
from urllib3.exceptions import HTTPError

from infra.readiness import READY, ask
from infra.redaction import redactor
from infra.steps import quoted

TAIL = 20
# How often a container may be restarted before we stop waiting for it.
MAX_RESTARTS = 2
# What a call of the engine raises when it refuses something, or when it is gone (the errors of requests are OSErrors).
ENGINE_ERRORS = (DockerException, HTTPError, OSError)


@contextmanager
def engine_errors() -> Iterator[None]:
    """Exits with one line when the engine refuses something or is gone."""
    try:
        yield
    except ENGINE_ERRORS as error:
        sys.exit(explain(error))


def explain(error: Exception) -> str:
    """A sentence for the user about one of `ENGINE_ERRORS`, and what to do."""
    if isinstance(error, APIError) and error.explanation:
        return f"The Docker engine refused: {error.explanation}."
    return "The Docker engine no longer answers. When it runs again, repeat `pulumi up` with `--refresh`."


def wait(
    container: Container, what: str, missing: Callable[[], str], seconds: float, secrets: Iterable[str] = ()
) -> None:
    """Returns when `missing`, which says what is still missing, returns nothing.

    Exits with status 1 and the container's last lines after `seconds`, or when the container keeps restarting. `what`
    names the container in the message.
    """
    deadline = time.monotonic() + seconds
    while still := missing():
        container.reload()
        if container.attrs["RestartCount"] > MAX_RESTARTS:
            sys.exit(f"{what} keeps restarting.{last_lines(container, secrets)}")
        if time.monotonic() > deadline:
            sys.exit(f"{what} is not ready after {seconds:g} seconds: {still}.{last_lines(container, secrets)}")
        time.sleep(0.2)


def remove(engine: docker.DockerClient, filters: dict[str, str | list[str] | bool]) -> None:
    """Removes all containers that match, running or not."""
    for container in engine.containers.list(all=True, filters=filters):
        try:
            container.remove(force=True, v=True)
        except NotFound:
            pass
        except APIError as error:
            if error.status_code != 409:  # it is already being removed
                raise


def unanswered(url: str) -> str:
    """What an http URL on this machine answers instead of 200; "" for 200. No proxy is used."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=5)
    answer = ask(connection, parts.path, parts.netloc)
    if answer.status == 200:
        return ""
    return f"{url} answers {f'{answer.status} ' if answer.status else ''}{answer.text[:1000]}"


def last_lines(container: Container, secrets: Iterable[str]) -> str:
    """The last lines of the container's output, secrets redacted.

    More lines are read than shown, because the first ones may be the end of a secret.
    """
    text = bytes(container.logs(tail=20 * TAIL)).decode(errors="replace").strip()
    lines = redactor(secrets).text(text).splitlines()
    telling = [line for line in lines if f"GET {READY}" not in line]  # without our own requests in an access log
    return quoted((telling or lines)[-TAIL:])
