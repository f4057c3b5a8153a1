"""Shows the progress of long actions: one changing line on a terminal, elsewhere (CI) a new line now and then."""

from __future__ import annotations

import shutil
import sys
import time

# Shorter actions show no progress.
QUIET_SECONDS = 3.0
LINE_SECONDS = 15.0
REDRAW_SECONDS = 0.3


class Progress:
    """Shows the seconds since it was created, and the latest text."""

    def __init__(self) -> None:
        self.started = self.shown = time.monotonic()
        self.terminal = sys.stdout.isatty()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started

    def show(self, text: str) -> None:
        """Prints the latest line, unless the last one was printed a moment ago."""
        pause = REDRAW_SECONDS if self.terminal else LINE_SECONDS
        if self.seconds < QUIET_SECONDS or time.monotonic() - self.shown < pause:
            return
        self.shown = time.monotonic()
        line = f"{'':<10} {self.seconds:4.0f} s  {text.strip()}"
        if self.terminal:
            print(f"\r\033[K{line[: shutil.get_terminal_size().columns - 1]}", end="", flush=True)
        else:
            print(line[:160], flush=True)

    def clear(self) -> None:
        """Removes the changing line."""
        if self.terminal and self.shown != self.started:
            print("\r\033[K", end="", flush=True)
