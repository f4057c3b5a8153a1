"""Runs a command in a container of the app, and starts it again when the source that is mounted there changes.

`python -c TEXT SECONDS COMMAND...`: the text of this file runs with the image's Python, and needs nothing but that. The
command gets SIGTERM and has SECONDS to end, so that an edit cuts no task off, before it is killed.
"""

import os
import signal
import subprocess
import sys
import time
from typing import Any

PAUSE = 1.0  # seconds between two looks at the source


def snapshot(folder: str) -> "dict[str, int]":
    """The times of all Python files but those of tools and virtual environments."""
    found = {}
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name[0] != "." and name not in {"__pycache__", "node_modules"}]
        if "pyvenv.cfg" in files:
            folders.clear()
            continue
        for path in (os.path.join(place, name) for name in files if name.endswith(".py")):  # noqa: PTH118
            try:
                found[path] = os.stat(path).st_mtime_ns  # noqa: PTH116  # faster than pathlib, each second
            except OSError:  # it was removed just now
                continue
    return found


class Runner:
    """The command, and whether we were told to end."""

    def __init__(self, command: "list[str]", seconds: float) -> None:
        self.command = command
        self.seconds = seconds
        self.child: Any = None
        self.told = False

    def run(self) -> int:
        """The exit status of the command when it ended by itself, or because we were told to end."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.pass_on)
        again = False
        while True:
            before = snapshot(".")
            self.child = subprocess.Popen(self.command)
            if self.told:
                self.child.terminate()
            while self.lives(PAUSE) and (self.told or snapshot(".") == before):
                pass
            if self.told or (not self.lives(0) and not (again and self.child.returncode)):
                return self.status()
            if self.lives(0):
                say("The source has changed, and the command is started again.")
                self.end()
            else:  # an edit broke it; the next one may mend it
                say(f"The command ended with exit status {self.status()}. It is started again when the source changes.")
                while not self.told and snapshot(".") == before:
                    time.sleep(PAUSE)
            if self.told:
                return self.status()
            again = True

    def pass_on(self, number: int, _: object) -> None:
        """Tells the command, too, what we were told."""
        self.told = True
        if self.child and self.child.poll() is None:
            self.child.send_signal(number)

    def lives(self, seconds: float) -> bool:
        """Whether the command still runs after so many seconds; returns when it ends."""
        try:
            self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            return True
        return False

    def end(self) -> None:
        """Ends the command by SIGTERM, or by SIGKILL when that takes too long."""
        self.child.terminate()
        if self.lives(self.seconds):
            self.child.kill()
            self.child.wait()

    def status(self) -> int:
        """The command's exit status, that of a shell for a signal."""
        code = int(self.child.wait())
        return code if code >= 0 else 128 - code


def say(text: str) -> None:
    """Prints to the container's log."""
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(Runner(sys.argv[2:], float(sys.argv[1])).run())
