"""Programs that are waited for after Ctrl-C, which the terminal sends to them as well."""

import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import FrameType

_ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
GRACE_SECONDS = 60  # for a program that is interrupted since it takes too long


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
    After `seconds` it is interrupted, too, and killed only if that doesn't end it; raises TimeoutExpired.
    Raises FileNotFoundError.
    """
    stdin, kept = (None, None) if shown else (given, subprocess.PIPE)
    program = None
    try:
        # The terminal's own signal reaches one that isn't apart, if it is there already.
        with _held_back() if apart else nullcontext():
            program = subprocess.Popen(
                command, cwd=cwd, env=env, text=True, stdin=stdin, stdout=kept, stderr=kept, start_new_session=apart
            )
        output, errors = program.communicate(timeout=seconds)
    except KeyboardInterrupt:
        if program:
            if apart:
                program.send_signal(signal.SIGINT)
            program.communicate()
        raise
    except subprocess.TimeoutExpired:
        if program:
            _end(program)
        raise
    return subprocess.CompletedProcess(command, program.returncode, output or "", errors or "")


def _end(program: "subprocess.Popen[str]") -> None:
    with program:  # which waits for it alone, and not for what it has started
        program.send_signal(signal.SIGINT)
        try:
            program.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            program.kill()


@contextmanager
def _held_back() -> Iterator[None]:
    """What signals raise is raised at the end; in the midst of Popen, it would leave a program that nobody knows of."""
    came: list[tuple[int, FrameType | None]] = []
    handlers = {number: signal.getsignal(number) for number in _ENDINGS}
    is_main = threading.current_thread() is threading.main_thread()  # no other thread hears of signals
    held = {number: handler for number, handler in handlers.items() if callable(handler) and is_main}
    for number in held:
        signal.signal(number, lambda number, frame: came.append((number, frame)))
    try:
        yield
    finally:
        for number, handler in held.items():
            signal.signal(number, handler)
        for first, frame in came[:1]:
            held[signal.Signals(first)](first, frame)
