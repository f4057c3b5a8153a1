"""Starts MiniStack with the overrides; the container's command.

Environment: REHEARSAL_REGION, REHEARSAL_ACCOUNT, REHEARSAL_PORT (that of the API on the loopback of the machine),
REHEARSAL_VOLUME, REHEARSAL_LABEL (config.py), REHEARSAL_IAM (`enforced`: callers need their policies),
REHEARSAL_WITHOUT (overrides to leave out, separated by spaces, to see what they are for).
"""

import asyncio
import os
import sys
from importlib.metadata import version

from tools.rehearsal.emulator.config import EmulatorConfig

# The overrides reach into the emulator's inner parts, which another version may have changed.
PINNED = "1.5.33"


def main() -> None:
    """Serves until SIGTERM. Exit status 1, with one line, when the emulator isn't the one that the overrides know."""
    found = version("ministack")
    if found != PINNED:
        sys.exit(
            f"This is MiniStack {found}, and the overrides in tools/rehearsal/overrides are written for {PINNED}. "
            "Fix: pin that version in pyproject.toml, group `rehearsal`, and run make lock; or go through the "
            "overrides one by one, and then change PINNED in tools/rehearsal/emulator/__main__.py"
        )
    config = EmulatorConfig.of(os.environ)
    os.environ |= config.settings  # MiniStack reads them when it is imported

    from tools.rehearsal import overrides  # noqa: PLC0415
    from tools.rehearsal.emulator import server  # noqa: PLC0415

    overrides.apply(config, without=os.environ.get("REHEARSAL_WITHOUT", "").split())
    asyncio.run(server.serve(config))


if __name__ == "__main__":
    main()
