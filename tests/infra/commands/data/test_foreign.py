"""Files of pg_dump are told from archives of `dump`, and `load` says how they get into a stack."""

import gzip
import io
import os
import shlex
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from infra.commands import load, psql
from infra.commands.data import foreign
from infra.commands.data.archive_reader import opened
from infra.commands.data.ends import DataError
from tests import ROOT
from tests.infra.commands.named_pipe import named_pipe

CUSTOM = b"PGDMP\x01\x10\x00" + bytes(100)
BEGINNING = b"--\n-- PostgreSQL database dump\n--\n\n\\restrict abc\n\nCOPY public.big (id) FROM stdin;\n"
END = b"\n\n--\n-- PostgreSQL database dump complete\n--\n\n\\unrestrict abc\n\n"
SQL = BEGINNING + b"1234567\n" * 20_000 + b"\\.\n" + END


def tarred() -> bytes:
    """What `pg_dump -Ft` writes."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        info = tarfile.TarInfo("toc.dat")
        info.size = len(CUSTOM)
        tar.addfile(info, io.BytesIO(CUSTOM))
    return out.getvalue()


RESTORE = "docker exec -i shop-local-database pg_restore --no-owner --no-acl --single-transaction -f -"
BEGIN = "BEGIN; DROP SCHEMA public CASCADE; CREATE SCHEMA public;"
PSQL = "django-stack psql -s local -v ON_ERROR_STOP=1 -f - -c 'DISCARD ALL'"
MIGRATE = "django-stack manage -s local migrate"


def load_of(file: str) -> str:
    """The command that replaces the database by a script."""
    is_whole = f"tail -n 9 {file} | grep 'PostgreSQL database dump complete'"
    return f"{is_whole} && {{ echo '{BEGIN}' && cat {file} && echo 'COMMIT;'; }} | {PSQL}"


LOAD, LOAD_MADE = load_of("'my dump'"), load_of("'my dump.sql'")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "Pulumi.yaml").write_text("name: shop\n")
    (tmp_path / "Pulumi.cloud.yaml").write_text("config:\n  shop:platform: cloud\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("content", "kind", "commands"),
    [
        (CUSTOM, "an archive", [f"{RESTORE} < 'my dump' > 'my dump.sql'", LOAD_MADE]),
        (tarred(), "an archive", [f"{RESTORE} < 'my dump' > 'my dump.sql'", LOAD_MADE]),
        (gzip.compress(tarred()), "an archive", [f"gunzip -c 'my dump' | {RESTORE} > 'my dump.sql'", LOAD_MADE]),
        (SQL, "SQL", [LOAD]),
        (gzip.compress(SQL), "SQL", ["gunzip -c 'my dump' > 'my dump.sql'", LOAD_MADE]),
    ],
    ids=["custom", "tar", "packed tar", "SQL", "packed SQL"],
)
def test_a_file_of_pg_dump_is_refused_with_the_commands_that_take_it(
    project: Path, content: bytes, kind: str, commands: list[str]
) -> None:
    (project / "my dump").write_bytes(content)
    done = CliRunner().invoke(load.command, ["my dump", "--yes"])
    assert done.exit_code == 1
    said, _, fix = done.output.rstrip("\n").partition(" Fix: ")
    assert said.startswith(f"This is {kind} of pg_dump, and no archive of django-stack dump, nothing was changed. ")
    assert fix == " && ".join([*commands, MIGRATE])


@pytest.mark.parametrize(
    "content",
    [SQL[: len(SQL) // 2], SQL[: -len(END)], gzip.compress(SQL[: -len(END)]), gzip.compress(SQL)[:100]],
    ids=["within a table", "between statements", "packed", "packed and cut"],
)
def test_a_script_without_its_end_is_refused_without_commands(project: Path, content: bytes) -> None:
    (project / "latest.sql").write_bytes(content)
    done = CliRunner().invoke(load.command, ["latest.sql", "--yes"])
    expected = "This is SQL of pg_dump whose end is missing. Fix: another copy of it, or another dump\n"
    assert (done.exit_code, done.output) == (1, expected)


HALF = 'head -c 80000 "$1";'


@pytest.mark.parametrize(
    ("content", "cat", "arrived"),
    [
        (SQL, "", f"{BEGIN}\n{SQL.decode()}COMMIT;\n"),
        (SQL, f"{HALF} exit 1", f"{BEGIN}\n{SQL[:80000].decode()}"),
        (SQL, f"{HALF} kill -9 $$", f"{BEGIN}\n{SQL[:80000].decode()}"),
        (SQL[:80000], "", None),
        (SQL[: -len(END)], "", None),
    ],
    ids=["whole", "fails", "killed", "cut", "cut between statements"],
)
def test_only_a_whole_script_is_committed(project: Path, content: bytes, cat: str, arrived: str | None) -> None:
    """`cat` is a program in the place of that one, `arrived` what psql is given; None where it isn't started."""
    programs = project / "programs"
    programs.mkdir()
    for name, text in {"django-stack": "cat > arrived", **({"cat": cat} if cat else {})}.items():
        (programs / name).write_text(f"#!/bin/sh\nPATH='{os.environ['PATH']}'\n{text}\n")
        (programs / name).chmod(0o755)
    (project / "my dump").write_bytes(content)
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(["bash", "-c", LOAD], env={"PATH": path}, cwd=project, check=False)
    there = project / "arrived"
    assert (there.read_text() if there.exists() else None) == arrived
    assert (done.returncode == 0) is (arrived is not None), "psql says the rest"


def test_the_page_has_the_very_commands() -> None:
    page = (ROOT / "docs/data.md").read_text()
    assert f"$ {load_of('latest.sql')}\n" in page
    assert f"$ {RESTORE.replace('shop', 'django-stack')} < latest.dump > latest.sql\n" in page


@pytest.mark.parametrize(
    ("settings", "more"),
    [("", " --into-production cloud"), ("  shop:keep-data: false\n", "")],
    ids=["kept", "not kept"],
)
def test_a_stack_in_the_cloud_gets_it_by_a_local_one(project: Path, settings: str, more: str) -> None:
    """The local stack's media are no part of it."""
    with (project / "Pulumi.cloud.yaml").open("a") as file:
        file.write(settings)
    (project / "latest.dump").write_bytes(CUSTOM)
    done = CliRunner().invoke(load.command, ["latest.dump", "-s", "cloud", "--yes"])
    wanted = f"Fix: load it into a local stack, then django-stack copy LOCAL cloud --database{more}\n"
    assert done.output.endswith(wanted)


def test_commands_for_what_came_from_a_pipe_name_a_file_to_be(project: Path) -> None:
    """The pipe's own name, as of `<(ssh …)`, is gone when they are run."""
    with named_pipe(CUSTOM) as pipe:
        done = CliRunner().invoke(load.command, [str(pipe), "--yes"])
    fix = done.output.rstrip("\n").partition(" Fix: ")[2]
    assert fix == " && ".join([f"{RESTORE} < FILE > FILE.sql", load_of("FILE.sql"), MIGRATE])


def test_psql_gets_its_arguments_as_they_are_proposed(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Any] = []
    known = SimpleNamespace(psql=lambda *words: given.append(words[0]))
    monkeypatch.setattr(psql, "operations", lambda name: known)
    words = shlex.split(PSQL)[2:]
    CliRunner().invoke(psql.command, words, standalone_mode=False)
    assert given == [("-v", "ON_ERROR_STOP=1", "-f", "-", "-c", "DISCARD ALL")]


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("content", [b"", b"PG", b"x" * 2000, b"\x1f\x8b", SQL[:20]])
def test_anything_else_is_not_taken_for_one(content: bytes, pack: Callable[[bytes], bytes]) -> None:
    fix = "Fix: another copy of it, or another dump"
    with pytest.raises(DataError, match=fix) as caught, opened(io.BytesIO(pack(content)), []):
        pytest.fail("it was opened")
    assert not isinstance(caught.value, foreign.ForeignError)
