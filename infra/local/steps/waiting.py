"""Waits for a server in a container; used by the steps.

Docker's SDK takes a tenth of a second of the processor to load, when the server that is waited for needs it. So a step
that only asks the server loads it when the wait gets long, or fails.
"""

from __future__ import annotations

import http.client
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from infra import endpoint
from infra.readiness import ask

if TYPE_CHECKING:
    from docker.models.containers import Container

PAUSE = 0.1  # seconds between two looks at a server
LOOK = 2.0  # seconds between two looks at its container
# How often a container may be restarted while we wait for it.
MAX_RESTARTS = 2


@contextmanager
def engine_errors() -> Iterator[None]:
    """Exits with one line when the engine refuses something or is gone."""
    try:
        yield
    except Exception as error:
        from infra.local.steps.containers import ENGINE_ERRORS, explain  # noqa: PLC0415  # see above

        if not isinstance(error, ENGINE_ERRORS):
            raise
        sys.exit(explain(error))


def later(container_id: str) -> Callable[[], Container]:
    """A function that returns the container, for which it asks the engine once, when it is first called."""
    return cache(lambda: endpoint.client().containers.get(container_id))


def wait(
    container: Container | Callable[[], Container],
    what: str,
    missing: Callable[[], str],
    seconds: float,
    secrets: Iterable[str] = (),
) -> None:
    """Returns when `missing`, which says what is still missing, returns nothing.

    Exits with status 1 and the container's last lines after `seconds`, or when the container keeps restarting. `what`
    names the container in the message.
    """
    find = container if callable(container) else lambda: container
    begun = looked = time.monotonic()
    before: int | None = None  # restarts
    while still := missing():
        now = time.monotonic()
        is_over = now - begun > seconds
        if is_over or now - looked > LOOK:
            looked = now
            find().reload()
            restarts = int(find().attrs["RestartCount"])
            if before is None:
                # The engine never begins to count anew, and the container may have run for days since. One that waits
                # for its next start has not.
                before = 0 if find().attrs["State"].get("Restarting") else restarts
            if restarts - before > MAX_RESTARTS:
                _give_up(find(), f"{what} keeps restarting", secrets)
        if is_over:
            _give_up(find(), f"{what} is not ready after {seconds:g} seconds: {still}", secrets)
        time.sleep(PAUSE)


def _give_up(container: Container, why: str, secrets: Iterable[str]) -> None:
    from infra.local.steps.containers import last_lines  # noqa: PLC0415  # see above

    sys.exit(f"{why}.{last_lines(container, secrets)}")


def unanswered(url: str) -> str:
    """What an http URL on this machine answers instead of 200; "" for 200. No proxy is used."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=5)
    answer = ask(connection, parts.path, parts.netloc)
    if answer.status == 200:
        return ""
    return f"{url} answers {f'{answer.status} ' if answer.status else ''}{answer.text[:1000]}"
