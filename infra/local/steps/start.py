"""Waits until the containers of all processes run and go on running, or says how they ended. Run by local.Command."""

import sys
import time
from collections.abc import Callable

from docker.models.containers import Container

from infra import endpoint
from infra.local.labels import PROCESS
from infra.local.requests import StartRequest
from infra.local.steps.waiting import engine_errors, wait
from infra.steps import read_request

STEADY = 3.0  # seconds that a container runs without a restart; one that can't import its code ends sooner


def main() -> None:
    """Exit status 0 when all of them run, else 1 with the last lines of each that doesn't on standard error."""
    request = read_request(StartRequest)
    engine = endpoint.client()
    until = time.monotonic() + request.timeout
    watched = [(container, unsteady(container)) for container in map(engine.containers.get, request.containers)]
    for _, missing in watched:
        missing()  # the time of all of them begins now
    failures = []
    for container, missing in watched:
        what = f"The process {container.labels[PROCESS]} ({container.name})"
        try:
            wait(container, what, missing, max(round(until - time.monotonic()), STEADY), request.secrets)
        except SystemExit as failure:
            failures.append(str(failure))
    if failures:
        sys.exit("\n".join(failures))


def unsteady(container: Container) -> Callable[[], str]:
    """A function that returns what is missing; nothing once the container has run for long enough."""
    start: tuple[object, object] = (None, None)
    since = 0.0

    def missing() -> str:
        nonlocal start, since
        container.reload()
        state = container.attrs["State"]
        found = (state["StartedAt"], container.attrs["RestartCount"])
        if not state["Running"] or state.get("Restarting"):
            start = (None, None)
            return f"it ended with exit status {state['ExitCode']}"
        if found != start:
            start, since = found, time.monotonic()
        return "" if time.monotonic() - since >= STEADY else "it has only just started"

    return missing


if __name__ == "__main__":
    with engine_errors():
        main()
