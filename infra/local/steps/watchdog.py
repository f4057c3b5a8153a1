"""Removes the container of a release that was killed. A process of its own, started by `infra.local.steps.release`.

It waits beside the release, when both processors have other work, so that it loads Docker's SDK only when it acts.
"""

import os
import subprocess
import sys
import time
from contextlib import suppress
from typing import IO

DONE = b"done\n"
PATIENCE = 60.0  # seconds that an engine has to come back, because it restarts for example
LOOKS = 5  # a second apart, for a container that is created late


class Watchdog:
    """The watchdog of the run `run_id`, from this process's side."""

    def __init__(self, run_id: str) -> None:
        process = subprocess.Popen(
            [sys.executable, "-m", __name__, run_id],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env={name: value for name, value in os.environ.items() if not name.startswith("PULUMI_CONFIG_PASSPHRASE")},
        )
        assert process.stdin is not None  # noqa: S101  # it is a pipe
        self.pipe: IO[bytes] = process.stdin

    def dismiss(self) -> None:
        """Ends it: every container of the run is removed, and none is being created."""
        with suppress(OSError):  # somebody killed it
            self.pipe.write(DONE)
            self.pipe.flush()

    def close(self) -> None:
        """Unless it was dismissed, it looks for containers now, as it does when this process is killed."""
        with suppress(OSError):
            self.pipe.close()


def main() -> None:
    """Waits until the pipe closes; then removes the run's container unless the release said that there is none."""
    if sys.stdin.buffer.read() != DONE:
        remove_what_comes(sys.argv[1])


def remove_what_comes(run_id: str) -> None:
    """Removes the run's container, also one that is created late."""
    from infra import endpoint  # noqa: PLC0415  # see above
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
