"""Removes the container of a release that was killed. A watchdog, started by `infra.local.steps.release`."""

import sys
import time
from contextlib import suppress

from infra.watchdog import left_behind

PATIENCE = 60.0  # seconds that an engine has to come back, because it restarts for example
LOOKS = 5  # a second apart, for a container that is created late


def main() -> None:
    """Waits until the release has ended; then removes its container unless the release said that there is none."""
    if left_behind() is not None:
        remove_what_comes(sys.argv[1])


def remove_what_comes(run_id: str) -> None:
    """Removes the run's container, also one that is created late."""
    from infra import endpoint  # noqa: PLC0415  # only when it acts
    from infra.local.labels import RUN  # noqa: PLC0415
    from infra.local.steps.containers import ENGINE_ERRORS, remove  # noqa: PLC0415

    deadline, looks = time.monotonic() + PATIENCE, LOOKS
    while looks and time.monotonic() < deadline:
        with suppress(*ENGINE_ERRORS):
            remove(endpoint.client(), {"label": f"{RUN}={run_id}"})
            looks -= 1
        time.sleep(1)


if __name__ == "__main__":
    main()
