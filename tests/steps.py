"""Steps of a platform, run as a `local.Command` runs them."""

import json
import subprocess
import sys
from typing import Any

from tests import ROOT


def run_step(
    module: str, request: dict[str, Any], environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs a step to its end with its request on standard input, in this process's environment or another."""
    return subprocess.run(
        [sys.executable, "-m", module],
        input=json.dumps(request),
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
