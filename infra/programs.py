"""How a `local.Command` runs one of a platform's small programs, and what those programs share.

A program's request comes as JSON on standard input, where nobody else sees it.
"""

import io
import json
import shlex
import sys
import threading
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

from infra.plain import plain, without_escapes
from infra.redaction import LINE, hide, redactor


def program(module: str) -> str:
    """The shell command that runs a module of infra with this Python.

    `exec`, so that no shell stands between the plugin's signals and the program.
    """
    return f"exec {shlex.quote(sys.executable)} -m {module}"


def request(*secret: str) -> dict[str, Any]:
    """What the component asks of the program that is running, which from here on prints none of its secrets.

    Those are the values under the keys `secret` and in the list `secrets`; with an `environment` that has their names.
    """
    asked: dict[str, Any] = json.load(sys.stdin)
    for output in (sys.stdout, sys.stderr):
        if isinstance(output, io.TextIOWrapper):  # Pulumi reads UTF-8, whatever the user's locale is
            output.reconfigure(encoding="utf-8", errors="backslashreplace")
    hide([*(asked[key] for key in secret), *secrets_of(asked)])
    return asked


def secrets_of(asked: Mapping[str, Any]) -> list[str]:
    """The secret values of a request."""
    listed: list[str] = asked.get("secrets", [])
    return [asked["environment"][name] for name in listed] if "environment" in asked else listed


class PassedOn:
    """Output of a command that is printed as it comes, secrets redacted; `last_lines` of it are kept."""

    def __init__(self, secrets: Iterable[str], keep: int) -> None:
        self._stream = redactor(secrets).stream()
        self._lock = threading.Lock()
        self._lines: deque[str] = deque(maxlen=keep)
        self._line = ""

    def feed(self, chunk: bytes | str) -> None:
        """Takes a chunk in, wherever it was torn."""
        with self._lock:
            self._show(self._stream.feed(chunk))

    def close(self) -> None:
        """Prints what is left, when nothing more will come."""
        with self._lock:
            self._show(self._stream.close())
            if self._line:
                self._show("\n")

    def last_lines(self) -> list[str]:
        """The end of what was printed, of lines that overwrite themselves their last state."""
        self.close()
        return list(self._lines)

    def _show(self, text: str) -> None:
        if not text:
            return
        print(without_escapes(text), end="", flush=True)
        *lines, rest = (self._line + text).split("\n")
        self._lines += (plain(line) for line in lines)
        self._line = rest[-LINE:]


def quoted(lines: Iterable[str]) -> str:
    """Lines of a log as the end of an error's message; nothing for none."""
    text = "".join(f"\n  | {plain(line)}" for line in lines)
    return f" Its last lines:{text}" if text else ""
