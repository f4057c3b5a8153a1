"""pulumi-resource-command: local.Command, which runs a program of the user's when it is created, updated or deleted.

Unlike the official plugin it ends the whole process group: SIGINT first, SIGKILL after a grace period.
"""

import contextlib
import os
import secrets
import signal
import subprocess
import threading
import time
from typing import IO, Any

from django_stack_plugins.resource import Cancelled, Failure, Operation, PluginError, Resource, known
from django_stack_plugins.server import serve_provider
from django_stack_plugins.values import UNKNOWN, Properties

_LOGGED = {
    "stdout": {"stdout"},
    "stderr": {"stderr"},
    "stdoutAndStderr": {"stdout", "stderr"},
    "none": set[str](),
}
_DRAIN = 2.0  # seconds that a left-over grandchild may keep the pipes after the command has ended

_TAIL = 200  # lines of output that a failure shows


class Command(Resource):
    """`create`, `update` (by default `create` again) and `delete` are shell lines; a change of `triggers` replaces."""

    token = "command:local:Command"
    inputs = frozenset(
        "addPreviousOutputInEnv create delete dir environment interpreter logging stdin triggers update".split()
    )
    in_place = inputs - {"triggers"}
    computed = frozenset({"stdout", "stderr"})
    notes_defaults = False

    def validate(self, inputs: Properties) -> list[Failure]:
        logging = known(inputs.get("logging"))
        if logging is not None and logging not in _LOGGED:
            return [Failure("logging", f"must be one of {', '.join(_LOGGED)}, not {logging!r}")]
        return []

    def preview(self, inputs: Properties, state: Properties | None) -> Properties:
        return {**super().preview(inputs, state), "stdout": UNKNOWN, "stderr": UNKNOWN}

    def create(self, operation: Operation, inputs: Properties) -> tuple[str, Properties]:
        output = {"stdout": "", "stderr": ""}
        if "create" in inputs:
            output = run(operation, inputs["create"], inputs, {})
        return operation.name + secrets.token_hex(4), {**inputs, **output}

    def update(self, operation: Operation, resource_id: str, old: Properties, inputs: Properties) -> Properties:
        output = {key: old.get(key, "") for key in ("stdout", "stderr")}
        line = inputs.get("update", inputs.get("create"))
        if line is not None:
            output = run(operation, line, inputs, old)
        return {**inputs, **output}

    def delete(self, operation: Operation, resource_id: str, state: Properties) -> None:
        if "delete" in state:
            run(operation, state["delete"], state, state)


def run(operation: Operation, line: str, inputs: Properties, previous: Properties) -> dict[str, str]:
    """Run one command line; return what it printed, without the last newline.

    `inputs` are the resource's, `previous` its outputs so far. Raises PluginError with all it printed if it fails.
    """
    operation.check_alive()
    arguments = [*(inputs.get("interpreter") or ["/bin/sh", "-c"]), line]
    try:
        process = subprocess.Popen(
            arguments,
            cwd=inputs.get("dir"),
            env=_environment(inputs, previous),
            stdin=subprocess.PIPE if inputs.get("stdin") else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        raise PluginError(f"could not run {line!r}: {error}") from error
    collector = _Collector(operation, _LOGGED[inputs.get("logging", "stdoutAndStderr")])
    pipes = {"stdout": process.stdout, "stderr": process.stderr}
    readers = [collector.read(name, pipe) for name, pipe in pipes.items() if pipe is not None]
    if process.stdin is not None:
        threading.Thread(target=_feed, args=(process.stdin, inputs["stdin"]), daemon=True).start()
    ended = _wait(operation, process)
    deadline = time.monotonic() + _DRAIN
    for reader in readers:
        reader.join(max(0, deadline - time.monotonic()))
    if ended is not None:
        raise Cancelled(f"{ended}: running {line!r}:\n{collector.tail()}")
    if process.returncode:
        reason = f"exit status {process.returncode}"
        if process.returncode < 0:
            reason = f"signal {signal.Signals(-process.returncode).name}"
        raise PluginError(f"{reason}: running {line!r}:\n{collector.tail()}")
    return {name: collector.text(name) for name in ("stdout", "stderr")}


def _environment(inputs: Properties, previous: Properties) -> dict[str, str]:
    environment = {**os.environ, **{key: _text(value) for key, value in inputs.get("environment", {}).items()}}
    if inputs.get("addPreviousOutputInEnv", True):
        for name in ("stdout", "stderr"):
            if previous.get(name):
                environment[f"PULUMI_COMMAND_{name.upper()}"] = previous[name]
    return environment


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _feed(pipe: IO[bytes], text: str) -> None:
    with contextlib.suppress(BrokenPipeError), pipe:  # it may not want to read it all
        pipe.write(text.encode())


def _wait(operation: Operation, process: subprocess.Popen[bytes]) -> str | None:
    """Wait for the end; if it must be ended, say why."""
    # A wait with a time-out looks every 50 ms, for which the next resource would wait, too.
    waiter = threading.Thread(target=process.wait, daemon=True)
    waiter.start()
    while True:
        waiter.join(0.1)
        if not waiter.is_alive():
            return None
        try:
            operation.check_alive()
        except Cancelled as reason:
            _end(operation, process)
            return str(reason)


def _end(operation: Operation, process: subprocess.Popen[bytes]) -> None:
    """Interrupt the command's process group; kill what is left of it after the grace period."""
    _signal(process, signal.SIGINT)
    interrupted = time.monotonic()
    while process.poll() is None and time.monotonic() - interrupted < operation.stop.grace:
        time.sleep(0.05)
    _signal(process, signal.SIGKILL)
    process.wait()


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


class _Collector:
    """Keeps what a command prints, by stream and as it came, and shows its lines while it runs."""

    def __init__(self, operation: Operation, shown: set[str]) -> None:
        self._operation = operation
        self._shown = shown
        self._lock = threading.Lock()
        self._lines: list[tuple[str, bytes]] = []

    def read(self, name: str, pipe: IO[bytes]) -> threading.Thread:
        thread = threading.Thread(target=self._read, args=(name, pipe), daemon=True)
        thread.start()
        return thread

    def _read(self, name: str, pipe: IO[bytes]) -> None:
        for line in pipe:
            with self._lock:
                self._lines.append((name, line))
            if name in self._shown:
                self._operation.log(line.decode(errors="replace").rstrip("\r\n"))

    def tail(self) -> str:
        """The last lines of both streams, as they came."""
        with self._lock:
            return b"".join(line for _, line in self._lines[-_TAIL:]).decode(errors="replace")

    def text(self, name: str) -> str:
        with self._lock:
            text = b"".join(line for stream, line in self._lines if stream == name).decode(errors="replace")
        return text.removesuffix("\n")


def main() -> None:
    """Console script."""
    serve_provider("1.2.1", [Command()])
