"""Shows that something long is alive: one line that changes on a terminal; elsewhere (CI) a new line now and then."""

from __future__ import annotations

import shutil
import sys
import time

# Whatever takes less needs no sign of life.
QUIET_SECONDS = 3.0
LINE_SECONDS = 15.0
REDRAW_SECONDS = 0.3


class Progress:
    """The seconds since it began, and the last thing that was said."""

    def __init__(self) -> None:
        self.started = self.shown = time.monotonic()
        self.terminal = sys.stdout.isatty()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started

    def show(self, text: str) -> None:
        """Takes note of the latest line; prints it when it is time to."""
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
        """Takes the changing line away."""
        if self.terminal and self.shown != self.started:
            print("\r\033[K", end="", flush=True)
