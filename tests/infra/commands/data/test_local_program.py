"""A program that data are given to, and the disk that it fills, with a shell in the place of PostgreSQL's programs."""

import io
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from infra.commands.data import local_disk
from infra.commands.data.ends import DataError, ServerError
from infra.commands.data.local_disk import RESERVE, Watch, free_of
from infra.commands.data.local_program import Program

ROOMY = "/dev/sda1 100000000 1 99999999 1% /"
CONTENT = b"x" * 3_000_000  # more than a pipe holds


def says(line: str) -> list[str]:
    """A command line that says this free space each time it is asked."""
    return ["sh", "-c", f"while read -r _; do echo '{line}'; done"]


@contextmanager
def program(script: str, watch: Watch | None = None) -> Iterator[Program]:
    with Program(["sh", "-c", script], "b", watch or Watch(says(ROOMY))) as found:
        yield found


def test_a_program_gets_all_of_a_stream(tmp_path: Path) -> None:
    with program(f"cat > {tmp_path}/got") as found:
        found.give(io.BytesIO(CONTENT))
    assert (tmp_path / "got").read_bytes() == CONTENT


def test_a_program_reads_from_another_one_by_itself(tmp_path: Path) -> None:
    """Nothing of it goes through this process."""
    line = ["sh", "-c", f"cat > {tmp_path}/got"]
    with subprocess.Popen(["head", "-c", "3000000", "/dev/zero"], stdout=subprocess.PIPE) as other:
        assert other.stdout
        with Program(line, "b", Watch(says(ROOMY)), other.stdout) as found:
            found.give(io.BytesIO(b"not this"))
    assert (tmp_path / "got").read_bytes() == bytes(3_000_000)


@pytest.mark.parametrize(
    ("script", "words", "kind"),
    [
        (
            "cat > /dev/null; echo 'pg_restore: error: no such type' >&2; exit 1",
            "take the copy: pg_restore: error: no",
            DataError,
        ),
        # It reads nothing.
        ("echo 'ERROR:  No space left on device' >&2; exit 1", "make room on this machine's disk", ServerError),
    ],
)
def test_a_program_that_fails_says_why(script: str, words: str, kind: type[DataError]) -> None:
    with program(script) as found, pytest.raises(DataError, match=words) as failed:
        found.give(io.BytesIO(CONTENT))
    assert failed.type is kind


def test_a_program_that_is_given_nothing_is_ended() -> None:
    with program("sleep 60"):
        began = time.monotonic()
    assert time.monotonic() - began < 10


def test_a_program_is_ended_before_the_disk_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_disk, "LOOK", 0.01)
    full = f"/dev/sda1 100000000 1 {(RESERVE >> 10) - 1} 99% /"
    with Watch(says(full)) as watch, program("exec sleep 60", watch) as found:
        with pytest.raises(ServerError, match=r"The disk of b's database is nearly full.*drop-old -s b"):
            found.give(io.BytesIO())
        with program("exec sleep 60", watch) as later, pytest.raises(DataError, match="nearly full"):
            later.give(io.BytesIO())


@pytest.mark.parametrize(
    ("said", "free"),
    [(f"Filesystem 1024-blocks\n{ROOMY}\n", 99999999 * 1024), ("", None), ("df: /data: No such file\n", None)],
)
def test_the_free_space_is_what_df_says(said: str, free: int | None) -> None:
    assert free_of(said) == free
