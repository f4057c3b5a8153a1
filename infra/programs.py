"""Programs that are waited for after Ctrl-C, which the terminal sends to them as well."""

import signal
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
    given: int = subprocess.DEVNULL,
    apart: bool = False,
) -> "subprocess.CompletedProcess[str]":
    """Runs a program to its end, also after Ctrl-C; raises KeyboardInterrupt then. Without `shown` its output is kept.

    subprocess.run would kill it a quarter of a second later, and a killed pulumi leaves its stack locked.
    One that is `apart` hears nothing from the terminal, neither Ctrl-C nor that it was closed: it is interrupted from
    here, whichever signal raised KeyboardInterrupt. `given` is the standard input of one that isn't `shown`.
    Raises TimeoutExpired after `seconds`, and FileNotFoundError.
    """
    stdin, kept = (None, None) if shown else (given, subprocess.PIPE)
    with subprocess.Popen(
        command, cwd=cwd, env=env, text=True, stdin=stdin, stdout=kept, stderr=kept, start_new_session=apart
    ) as program:
        try:
            output, errors = program.communicate(timeout=seconds)
        except KeyboardInterrupt:
            if apart:
                program.send_signal(signal.SIGINT)
            program.communicate()
            raise
        except subprocess.TimeoutExpired:
            program.kill()
            raise
    return subprocess.CompletedProcess(command, program.returncode, output or "", errors or "")
