"""A machine that only exists in the test: it answers as told, and remembers what it was asked and what it said."""

import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest

from tests import ROOT
from tools.setup.machine import CommandError, Machine, UnreachableError

T = TypeVar("T")


class FakeMachine(Machine):
    """Answers from tables keyed by the beginning of a command; `did` holds what was run, `said` every line."""

    def __init__(self, folder: Path) -> None:
        super().__init__(environ={"PATH": "", "XDG_CACHE_HOME": str(folder / "cache")})
        self.root = folder / "project"
        self.home = folder / "home"
        self.system, self.architecture, self.is_root = "Linux", "x86_64", False
        self.programs: dict[str, str] = {}
        self.answers: dict[str, tuple[int, str, str]] = {}
        self.errors: dict[str, list[str]] = {}
        self.effects: dict[str, Callable[[Sequence[str]], None]] = {}
        self.files: dict[str, bytes] = {}
        self.did: list[str] = []
        self.printed: list[str] = []
        for file in (
            "tools/pulumi/go.mod",
            "tools/versitygw/go.mod",
            "tools/mailpit/go.mod",
            "requirements/infra.txt",
            "pyproject.toml",
        ):
            (self.root / file).parent.mkdir(parents=True, exist_ok=True)
            (self.root / file).write_bytes((ROOT / file).read_bytes())
        (self.venv / "bin").mkdir(parents=True)

    def which(self, program: str) -> str | None:
        return self.programs.get(program)

    def say(self, text: str) -> None:
        self.printed.append(text)

    def ask(
        self, command: Sequence[str], *, environ: Mapping[str, str] | None = None, seconds: float = 60
    ) -> subprocess.CompletedProcess[str]:
        code, out, err = self._match(self.answers, command) or (0, "", "")
        return subprocess.CompletedProcess(command, code, out, err)

    def run(
        self,
        doing: str,
        command: Sequence[str],
        *,
        cwd: Path | None = None,
        environ: Mapping[str, str] | None = None,
        silence: float | None = None,
    ) -> None:
        self.say(doing)
        self.did.append(" ".join(command))
        if (lines := self._match(self.errors, command)) is not None:
            raise CommandError(command, "failed (exit code 1)" if lines else "said nothing for 10 seconds", lines)
        if effect := self._match(self.effects, command):
            effect(command)

    @contextmanager
    def lock(self) -> Iterator[None]:
        yield

    def fetch(self, url: str, target: Path) -> None:
        self.did.append(f"fetch {url}")
        if url not in self.files:
            raise UnreachableError("Name or service not known")
        target.write_bytes(self.files[url])

    def everything_said(self) -> str:
        return "\n".join(self.printed)

    @staticmethod
    def _match(table: Mapping[str, T], command: Sequence[str]) -> T | None:
        text = " ".join(command)
        return next((value for key, value in table.items() if text.startswith(key)), None)


@pytest.fixture
def machine(tmp_path: Path) -> FakeMachine:
    """A bare Linux machine: not root, nothing installed, nothing reached."""
    return FakeMachine(tmp_path)
