"""How a `local.Command` runs one of a platform's small programs, and what those programs share.

A program's request comes as JSON on standard input, where nobody else sees it.
"""

import json
import shlex
import sys
from collections.abc import Iterable
from typing import Any

from infra.dsn import secret_parts
from infra.plain import plain


def program(module: str) -> str:
    """The shell command that runs a module of infra with this Python.

    `exec`, so that no shell stands between the plugin's signals and the program.
    """
    return f"exec {shlex.quote(sys.executable)} -m {module}"


def request() -> dict[str, Any]:
    """What the component asks of the program that is running."""
    asked: dict[str, Any] = json.load(sys.stdin)
    return asked


def blot_out(line: str, secrets: Iterable[str]) -> str:
    """The line as plain text, without the secrets, nor the passwords within them."""
    line = plain(line)
    for secret in secrets:
        for part in secret_parts(secret):
            line = line.replace(part, "[secret]")
    return line


def quoted(lines: Iterable[str]) -> str:
    """Lines of a log as the end of an error's message; nothing for none."""
    text = "".join(f"\n  | {line}" for line in lines)
    return f" Its last lines:{text}" if text else ""
