"""The record of a schedule's run: when it started, how it ended, and its last lines. Standard library only.

It goes to the log as one JSON object a run, which is where the cloud's `django-stack schedule` finds it. With a folder,
it is also a file there, NAME.json: so it outlives the container, whose log goes with it.
"""

from __future__ import annotations

import json
import os
import socket
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

LAST_LINES, LONGEST_LINE = 20, 500


@dataclass
class RunRecord:
    """One run. `how` is ok, failed, timed out, ended (by a signal), lost (its lock) or skipped; empty as it goes on."""

    schedule: str
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    seconds: float | None = None
    how: str = ""
    status: int | None = None
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=LAST_LINES))

    def keep(self, line: str) -> None:
        """Keeps a line of the output until there are `LAST_LINES` newer ones."""
        if line.strip():
            self.lines.append(line[:LONGEST_LINE])

    def facts(self) -> dict[str, Any]:
        return {
            "schedule": self.schedule,
            "started": self.started.isoformat(timespec="seconds"),
            "seconds": self.seconds,
            "how": self.how,
            "status": self.status,
            "lines": list(self.lines),
            "host": socket.gethostname(),  # a container's id, by which a reader sees that a run was cut off
        }

    def write(self, folder: Path) -> None:
        """Writes the file, whole or not at all; a skipped run is noted in the record of the run that goes on."""
        path = folder / f"{self.schedule}.json"
        facts = self.facts()
        if self.how == "skipped":
            with suppress(OSError, ValueError):
                facts = {**json.loads(path.read_text()), "skipped": facts["started"]}
        part = folder / f".{self.schedule}.{os.getpid()}"
        part.write_text(json.dumps(facts))
        part.replace(path)
