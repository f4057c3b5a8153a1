"""A session of psql that stays open: it holds a snapshot, or a lock, which end with it."""

import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType

from infra.commands.data.ends import DataError

MARK = "django-stack: end of the answer"


class Session:
    """psql of a command line, with a database's server behind it. `name` is the stack."""

    def __init__(self, line: Sequence[str], name: str) -> None:
        self._name = name
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115  # closed at the session's end
        self._process = subprocess.Popen(
            line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._complaints, text=True
        )
        assert self._process.stdin  # noqa: S101  # they are piped
        assert self._process.stdout  # noqa: S101
        self._in, self._out = self._process.stdin, self._process.stdout

    def ask(self, query: str) -> str:
        """What the server answers. Raises DataError with its own words when it refuses."""
        self.send(query)
        return self.answer()

    def send(self, query: str) -> None:
        """Has the server begin; `answer` reads what it says, before the next query is sent. Raises DataError."""
        try:
            self._in.write(f"{query}\n;\n\\echo {MARK}\n")
            self._in.flush()
        except BrokenPipeError:
            raise DataError(self._why()) from None

    def answer(self) -> str:
        """The answer to what was sent. Raises DataError with the server's own words when it refuses."""
        lines = []
        while (line := self._out.readline()) != f"{MARK}\n":
            if not line:
                raise DataError(self._why())
            lines.append(line)
        return "".join(lines)

    def is_open(self) -> bool:
        """Whether the program still runs."""
        return self._process.poll() is None

    def _why(self) -> str:
        self._process.wait()
        self._complaints.seek(0)
        said = self._complaints.read().decode(errors="replace").strip().splitlines()
        return f"The database of {self._name} broke off: {said[0] if said else 'its connection ended'}"

    def __enter__(self) -> "Session":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind:
            self._process.kill()
        self.close()

    def kill(self) -> None:
        """Ends it, whatever it does."""
        self._process.kill()
        self.close()

    def close(self) -> None:
        """Ends it when it has done what it was asked for; a second time is allowed."""
        with suppress(BrokenPipeError):
            self._in.close()
        self._out.close()
        self._process.wait()
        self._complaints.close()
