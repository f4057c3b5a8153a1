"""Says how far something has come, once it takes longer than two seconds."""

import sys
import threading
import time
from datetime import timedelta
from types import TracebackType

from infra.commands.operations.status import counted, duration, size

FIRST = 2.0  # seconds until the first line
PAUSE_TERMINAL, PAUSE = 0.5, 10.0  # seconds between two, on a terminal and in a log


class Progress:
    """Counts objects and bytes of a whole that is known before; for any number of threads.

    It writes to standard error: on a terminal one line that changes, else a line now and then.
    """

    def __init__(self, what: str, objects: int, bytes_: int) -> None:
        self._what, self._objects, self._bytes = what, objects, bytes_
        self._lock = threading.Lock()
        self._done = self._done_bytes = 0
        self._begin = self._last = time.monotonic()
        self._shown = False

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._shown and sys.stderr.isatty():
            print(file=sys.stderr)

    def add(self, objects: int = 0, bytes_: int = 0) -> None:
        """Counts what is done, and shows it when it is time."""
        with self._lock:
            self._done += objects
            self._done_bytes += bytes_
            now = time.monotonic()
            pause = PAUSE_TERMINAL if sys.stderr.isatty() else PAUSE
            if now - self._begin < FIRST or (self._shown and now - self._last < pause):
                return
            self._last, self._shown = now, True
            self._show(now - self._begin)

    def _show(self, seconds: float) -> None:
        rate = self._done_bytes / seconds
        left = (self._bytes - self._done_bytes) / rate if rate else 0
        words = f"{self._what}: {self._done:,} of {counted(self._objects, 'object')}, {size(self._done_bytes)} of "
        words += f"{size(self._bytes)}, {size(rate)} a second"
        words += f", {duration(timedelta(seconds=left))} left" if left > 1 else ""
        terminal = sys.stderr.isatty()
        print(f"\r{words}\033[K" if terminal else words, end="" if terminal else "\n", file=sys.stderr, flush=True)
