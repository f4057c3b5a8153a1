"""Looks after what a step has started elsewhere when the step is killed, as Pulumi's own command plugin does at Ctrl-C.

A watchdog is a process of its own, a module of a platform's steps. It waits beside the step, when all processors have
other work, so that it loads a client only when it acts.
"""

import os
import subprocess
import sys
from contextlib import suppress
from typing import IO

DONE = b"done\n"


class Watchdog:
    """A watchdog, from the step's side: `module` with these arguments on its command line, which hold no secrets."""

    def __init__(self, module: str, *arguments: str) -> None:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env={name: value for name, value in os.environ.items() if not name.startswith("PULUMI_CONFIG_PASSPHRASE")},
        )
        assert process.stdin is not None  # noqa: S101  # it is a pipe
        self.pipe: IO[bytes] = process.stdin

    def tell(self, line: bytes) -> None:
        """Tells it of something that it has to look after."""
        with suppress(OSError):  # somebody killed it
            self.pipe.write(line)
            self.pipe.flush()

    def dismiss(self) -> None:
        """Ends it: nothing is left that it would have to look after."""
        self.tell(DONE)

    def close(self) -> None:
        """Unless it was dismissed, it acts now, as it does when this process is killed."""
        with suppress(OSError):
            self.pipe.close()


def left_behind() -> list[str] | None:
    """Waits until the step has ended. The lines that it told; None if it dismissed its watchdog. For the watchdog."""
    told = sys.stdin.buffer.read()
    return None if told.endswith(DONE) else told.decode().splitlines()
