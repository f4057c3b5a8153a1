"""What the lock's session leaves, with programs that stand for PostgreSQL's."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from infra.commands.data.local_database import LOCKED

PSQL = f"""#!{sys.executable}
import subprocess, sys
for line in sys.stdin:
    if line.startswith("\\\\! "):
        subprocess.run(line[3:], shell=True, check=True)
    if line.startswith("fail"):
        sys.exit(3)
"""
DROPDB = '#!/bin/sh\necho "$@" > dropped\n'
ARM, DISARM = '\\! echo app_new_20260131_093000 > "$UNFINISHED"\n', '\\! : > "$UNFINISHED"\n'


@pytest.mark.parametrize(
    ("said", "status", "dropped"),
    [
        ("", 0, False),
        (ARM, 0, True),  # the command was killed, so that there is nothing more to read
        (ARM + "fail\n", 3, True),
        (ARM + DISARM, 0, False),
        ("fail\n", 3, False),
    ],
)
def test_a_database_that_is_not_finished_goes_with_the_session(
    tmp_path: Path, said: str, status: int, dropped: bool
) -> None:
    (tmp_path / "tmp").mkdir()
    for name, text in (("psql", PSQL), ("dropdb", DROPDB)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    done = subprocess.run(
        ["sh", "-c", LOCKED, "psql", "--quiet"],
        input=said,
        cwd=tmp_path,
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "TMPDIR": str(tmp_path / "tmp")},
        text=True,
        timeout=20,
        check=False,
    )
    assert done.returncode == status
    file = tmp_path / "dropped"
    assert (file.read_text() if file.exists() else "") == (
        "--if-exists --force app_new_20260131_093000\n" if dropped else ""
    )
    assert list((tmp_path / "tmp").iterdir()) == []
