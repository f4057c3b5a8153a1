"""Programs that are waited for after Ctrl-C, which the terminal sends to them as well."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path


def completed(
    command: Sequence[str],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    seconds: float | None = None,
    shown: bool = False,
) -> "subprocess.CompletedProcess[str]":
    """Runs a program to its end, also after Ctrl-C; raises KeyboardInterrupt then. Without `shown` its output is kept.

    subprocess.run would kill it a quarter of a second later, and a killed pulumi leaves its stack locked.
    Raises TimeoutExpired after `seconds`, and FileNotFoundError.
    """
    given, kept = (None, None) if shown else (subprocess.DEVNULL, subprocess.PIPE)
    with subprocess.Popen(command, cwd=cwd, env=env, text=True, stdin=given, stdout=kept, stderr=kept) as program:
        try:
            output, errors = program.communicate(timeout=seconds)
        except KeyboardInterrupt:
            program.communicate()
            raise
        except subprocess.TimeoutExpired:
            program.kill()
            raise
    return subprocess.CompletedProcess(command, program.returncode, output or "", errors or "")
