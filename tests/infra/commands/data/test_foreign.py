"""Files of pg_dump are told from archives of `dump`, and `load` says how they get into a stack."""

import gzip
import io
import shlex
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

CUSTOM = b"PGDMP\x01\x10\x00" + bytes(100)
SQL = b"--\n-- PostgreSQL database dump\n--\n\n\\restrict abc\n\nSET statement_timeout = 0;\n"


def tarred() -> bytes:
    """What `pg_dump -Ft` writes."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        info = tarfile.TarInfo("toc.dat")
        info.size = len(CUSTOM)
        tar.addfile(info, io.BytesIO(CUSTOM))
    return out.getvalue()


RESTORE = "docker exec -i shop-local-database pg_restore --no-owner --no-acl -f -"
LOAD = "django-stack psql -s local -1 -v ON_ERROR_STOP=1 -c 'DROP SCHEMA public CASCADE; CREATE SCHEMA public' -f -"
MIGRATE = "django-stack manage -s local migrate"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "Pulumi.yaml").write_text("name: shop\n")
    (tmp_path / "Pulumi.cloud.yaml").write_text("config:\n  shop:platform: cloud\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("content", "kind", "commands"),
    [
        (CUSTOM, "an archive", [f"{RESTORE} < 'my dump' > 'my dump.sql'", f"{LOAD} < 'my dump.sql'"]),
        (tarred(), "an archive", [f"{RESTORE} < 'my dump' > 'my dump.sql'", f"{LOAD} < 'my dump.sql'"]),
        (
            gzip.compress(tarred()),
            "an archive",
            [f"gunzip -c 'my dump' | {RESTORE} > 'my dump.sql'", f"{LOAD} < 'my dump.sql'"],
        ),
        (SQL, "SQL", [f"{LOAD} < 'my dump'"]),
        (gzip.compress(SQL), "SQL", ["gunzip -c 'my dump' > 'my dump.sql'", f"{LOAD} < 'my dump.sql'"]),
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


def test_a_stack_in_the_cloud_gets_it_by_a_local_one(project: Path) -> None:
    (project / "latest.dump").write_bytes(CUSTOM)
    done = CliRunner().invoke(load.command, ["latest.dump", "-s", "cloud", "--yes"])
    assert done.output.endswith("Fix: load it into a local stack, then django-stack copy LOCAL cloud\n")


def test_psql_gets_its_arguments_as_they_are_proposed(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Any] = []
    known = SimpleNamespace(psql=lambda *words: given.append(words[0]))
    monkeypatch.setattr(psql, "operations", lambda name: known)
    words = shlex.split(LOAD)[2:]
    CliRunner().invoke(psql.command, words, standalone_mode=False)
    assert given == [("-1", "-v", "ON_ERROR_STOP=1", "-c", foreign.EMPTY, "-f", "-")]


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("content", [b"", b"PG", b"x" * 2000, b"\x1f\x8b", SQL[:20]])
def test_anything_else_is_not_taken_for_one(content: bytes, pack: Callable[[bytes], bytes]) -> None:
    fix = "Fix: another copy of it, or another dump"
    with pytest.raises(DataError, match=fix) as caught, opened(io.BytesIO(pack(content)), []):
        pytest.fail("it was opened")
    assert not isinstance(caught.value, foreign.ForeignError)
