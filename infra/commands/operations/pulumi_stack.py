"""What Pulumi knows of a stack, by its own command line, which asks for no passphrase for this."""

import json
import subprocess
from typing import Any


def ask(what: str, stack: str, *options: str) -> Any:
    """The JSON that `pulumi stack WHAT` prints. Raises RuntimeError when it fails, or when there is no pulumi."""
    line = ["pulumi", "stack", what, "--stack", stack, *options]
    try:
        done = subprocess.run(line, check=False, capture_output=True, text=True)
    except FileNotFoundError:
        raise RuntimeError("there is no pulumi on PATH") from None
    if done.returncode:
        raise RuntimeError(f"pulumi stack {what}: {done.stderr.strip()}")
    return json.loads(done.stdout or "[]")
