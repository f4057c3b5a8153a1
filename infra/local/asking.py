"""Runs a program in a container and takes what it prints.

A program may end well while the engine hands on nothing of its output, about once in five hundred times with eight at
once (Docker 20.10). Taken for an answer, that would be a database without migrations, or a cache without a version.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from docker.models.containers import Container

ATTEMPTS = 4

Said = tuple[int, bytes, bytes]  # the exit status, standard output and standard error


def run(container: "Container", line: Sequence[str], environment: Mapping[str, str] | None = None) -> Said:
    """Runs a program that may print nothing."""
    streams: Any
    status, streams = container.exec_run(list(line), environment=dict(environment or {}), demux=True)
    output, complaints = streams
    return status or 0, output or b"", complaints or b""


def ask(container: "Container", line: Sequence[str], environment: Mapping[str, str] | None = None) -> Said:
    """Runs a program that prints something whenever it ends well, and does no harm twice: again if it printed nothing.

    When it never prints anything, it failed, and the last line of its standard error says so.
    """
    complaints = b""
    for _ in range(ATTEMPTS):
        status, output, complaints = run(container, line, environment)
        if status or output:
            return status, output, complaints
    return 1, b"", complaints + f"{line[0]} printed nothing\n".encode()
