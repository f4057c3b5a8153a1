"""How a `local.Command` runs one of a platform's small programs; its request comes as JSON on standard input."""

import json
import shlex
import sys
from typing import Any


def program(module: str) -> str:
    """The shell command that runs a module of infra with this Python.

    `exec`, so that no shell stands between the plugin's signals and the program.
    """
    return f"exec {shlex.quote(sys.executable)} -m {module}"


def request() -> dict[str, Any]:
    """What the component asks of the program that is running."""
    asked: dict[str, Any] = json.load(sys.stdin)
    return asked
