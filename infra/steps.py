"""How a component runs one of its platform's steps as a `local.Command`, and what the steps share.

A step gets its request, a dataclass that component and step share, as JSON on standard input, where no other process
can read it.
"""

import io
import json
import shlex
import sys
import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, TypeVar

from infra.checkout import python
from infra.plain import plain, without_escapes
from infra.redaction import LINE, hide, redactor
from infra.short_lines import in_short_lines

if TYPE_CHECKING:  # a step starts faster without Pulumi
    import pulumi


# The metadata of a secret field (a text or a list of texts) of a request: `field(repr=False, metadata=SECRET)`.
SECRET = {"secret": True}
QUOTED = 8000  # characters of a line in an error message; some end in a long command that goes on from there


@dataclass(frozen=True, kw_only=True)
class StepRequest:
    """What a component passes to a step. The fields of a subclass have values that JSON can represent."""

    def secret_values(self) -> list[str]:
        """What the step must not print: the values of the fields marked `SECRET`."""
        found: list[str] = []
        for one in fields(self):
            if one.metadata.get("secret"):
                value = getattr(self, one.name)
                found += [value] if isinstance(value, str) else value
        return found


Request = TypeVar("Request", bound=StepRequest)


def step_command(module: str) -> str:
    """The shell command that runs a step, a module of infra, with this program's Python.

    `exec`, so that the plugin's signals reach the step instead of a shell.
    """
    return f"exec {shlex.quote(python())} -m {module}"


def step_input(kind: type[StepRequest], **values: "pulumi.Input[Any]") -> "pulumi.Output[str]":
    """The `stdin` of the Command that runs a step: the request as JSON; its fields may be outputs.

    Raises TypeError for a missing or unknown field.
    """
    import pulumi  # noqa: PLC0415

    _check_names(kind, values)
    return pulumi.Output.json_dumps(values, sort_keys=True)


def read_request(kind: type[Request]) -> Request:
    """The request for the step that is running; from now on the step prints none of its secrets."""
    values: dict[str, Any] = json.load(sys.stdin)
    for name in ("stdout", "stderr"):
        output = getattr(sys, name)
        if isinstance(output, io.TextIOWrapper):
            setattr(sys, name, in_short_lines(output))
    _check_names(kind, values)
    request = kind(**values)
    hide(request.secret_values())  # before lines are cut: half of a secret is not recognised
    return request


def _check_names(kind: type[StepRequest], values: Iterable[str]) -> None:
    """Raises TypeError, which contains no value, unless these are the names of the request's fields."""
    wanted, given = {one.name for one in fields(kind)}, set(values)
    if wanted != given:
        missing, unknown = ", ".join(sorted(wanted - given)), ", ".join(sorted(given - wanted))
        raise TypeError(f"{kind.__name__}: missing fields: {missing or 'none'}; unknown fields: {unknown or 'none'}")


class RedactedOutput:
    """Prints the output of a command as it comes, secrets redacted, and keeps its last lines."""

    def __init__(self, secrets: Iterable[str], keep: int) -> None:
        self._stream = redactor(secrets).stream()
        self._lock = threading.Lock()
        self._lines: deque[str] = deque(maxlen=keep)
        self._line = ""

    def feed(self, chunk: bytes | str) -> None:
        """Takes in a chunk, which may end anywhere."""
        with self._lock:
            self._show(self._stream.feed(chunk))

    def close(self) -> None:
        """Prints the rest at the end of the output."""
        with self._lock:
            self._show(self._stream.close())
            if self._line:
                self._show("\n")

    def last_lines(self) -> list[str]:
        """The last lines of the output; of lines that overwrite themselves, the final text."""
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
    """Lines of a log, formatted as the end of an error message; empty if there are none.

    Of a long line the middle is left out, so secrets must be redacted before.
    """
    text = "".join(f"\n  | {_shortened(plain(line))}" for line in lines)
    return f" Its last lines:{text}" if text else ""


def _shortened(line: str) -> str:
    half = QUOTED // 2
    return line if len(line) <= QUOTED else f"{line[:half]} … {line[-half:]}"
