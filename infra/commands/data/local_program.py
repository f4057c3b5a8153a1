"""A program in a container to which data are given, and which is ended before the disk there is full."""

import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from subprocess import PIPE
from typing import IO

from infra.commands.data.ends import ServerError, refusal
from infra.commands.data.in_task import first_error
from infra.commands.data.local_disk import Watch

CHUNK = 1 << 20  # bytes that are held of a stream


class Program:
    """It runs from here on, and waits for what it is given. With a `stream` that is the end of a pipe, it reads from
    there by itself. `name` is the stack."""

    def __init__(self, line: Sequence[str], name: str, watch: Watch, stream: IO[bytes] | None = None) -> None:
        self._name, self._watch = name, watch
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115  # closed at the end
        given = stream if stream and _is_pipe(stream) else PIPE
        self._process = subprocess.Popen(line, stdin=given, stderr=self._complaints)
        watch.over(self._process)

    def give(self, stream: IO[bytes]) -> None:
        """Gives it the stream, and waits for its end. Raises DataError when it fails, ServerError for want of
        room."""
        with suppress(BrokenPipeError):  # it says why on its standard error
            if self._process.stdin:
                shutil.copyfileobj(stream, self._process.stdin, CHUNK)
                self._process.stdin.close()
        self._process.wait()
        if self._watch.full:
            raise ServerError(
                f"The disk of {self._name}'s database is nearly full, so the copy was ended. Fix: make room, for "
                f"instance by django-stack data drop-old -s {self._name}"
            )
        if self._process.returncode:
            self._complaints.seek(0)
            text = self._complaints.read().decode(errors="replace")
            full = ". Fix: make room on this machine's disk" if "No space left" in text else ""
            raise refusal(f"The database of {self._name} doesn't take the copy: {first_error(text)}{full}", text)

    def __enter__(self) -> "Program":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        with suppress(BrokenPipeError):
            if self._process.stdin:
                self._process.stdin.close()
        self._complaints.close()


def _is_pipe(stream: IO[bytes]) -> bool:
    """Whether it is the end of a pipe, from which nothing was read yet."""
    try:
        return stat.S_ISFIFO(os.fstat(stream.fileno()).st_mode)
    except (AttributeError, OSError):  # what is no file has no number
        return False
