"""What Pulumi knows of a stack, by its own command line, which asks for no passphrase for this."""

import json
import subprocess
from typing import Any

HISTORY = 50  # operations that are looked at


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


def history(stack: str) -> list[dict[str, Any]]:
    """What was last done to a stack and has ended, the newest first: each has `kind`, `result` and `endTime`.

    An `update` is a `pulumi up`; others are `refresh`, `destroy`, `import` and `resource-import`. Raises RuntimeError.
    """
    found = ask("history", stack, "--json", "--page-size", str(HISTORY))
    return [one for one in found if one.get("result") in {"succeeded", "failed"} and one.get("endTime")]
