"""Waiting for a container to do its work, and its own words when it doesn't; for the steps."""

import http.client
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from docker.errors import APIError, DockerException
from docker.models.containers import Container
from urllib3.exceptions import HTTPError

from infra.readiness import READY, ask
from infra.redaction import redactor
from infra.steps import quoted

TAIL = 20
# How often a container may end and be started again before its end is taken for good.
MAX_RESTARTS = 2
# What a call of the engine raises: its own refusals, and what comes of it when it is gone (requests' are OSErrors).
ENGINE_ERRORS = (DockerException, HTTPError, OSError)


@contextmanager
def engine_errors() -> Iterator[None]:
    """Ends the step with one line when the engine refuses something or is gone."""
    try:
        yield
    except ENGINE_ERRORS as error:
        sys.exit(explain(error))


def explain(error: Exception) -> str:
    """One of `ENGINE_ERRORS` as a sentence for the user, and what to do."""
    if isinstance(error, APIError) and error.explanation:
        return f"The Docker engine refused: {error.explanation}."
    return "The Docker engine does not answer any more. When it runs again, repeat `pulumi up` with `--refresh`."


def wait(
    container: Container, what: str, missing: Callable[[], str], seconds: float, secrets: Iterable[str] = ()
) -> None:
    """Returns when `missing`, which says what is missing still, says nothing any more.

    Ends the step with exit status 1 and the container's last lines when the time is over, or when the container ends
    again and again. `what` names it in the message.
    """
    deadline = time.monotonic() + seconds
    while still := missing():
        container.reload()
        if container.attrs["RestartCount"] > MAX_RESTARTS:
            sys.exit(f"{what} ends again and again.{last_lines(container, secrets)}")
        if time.monotonic() > deadline:
            sys.exit(f"{what} is not ready after {seconds:g} seconds: {still}.{last_lines(container, secrets)}")
        time.sleep(0.2)


def unanswered(url: str) -> str:
    """What an http URL of this machine answers instead of 200; nothing for that. No proxy is asked."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=5)
    answer = ask(connection, parts.path, parts.netloc)
    if answer.status == 200:
        return ""
    return f"{url} answers {f'{answer.status} ' if answer.status else ''}{answer.text[:1000]}"


def last_lines(container: Container, secrets: Iterable[str]) -> str:
    """The end of what the container printed, secrets redacted.

    More is read than is shown: the first lines may be the end of a secret.
    """
    text = bytes(container.logs(tail=20 * TAIL)).decode(errors="replace").strip()
    lines = redactor(secrets).text(text).splitlines()
    telling = [line for line in lines if f"GET {READY}" not in line]  # an access log has our own looks in it
    return quoted((telling or lines)[-TAIL:])
