"""`dump` and `load` between servers of two major versions, and while they are killed; files of pg_dump itself."""

from __future__ import annotations

import gzip
import os
import signal
import subprocess
import time

import pytest

from infra.commands.data.names import BEFORE, NEW, those
from tests import ROOT
from tests.bare_stacks import BareStack, BareStacks
from tests.e2e.postgres18 import build_postgres_18
from tests.faults.conftest import moments
from tests.image.conftest import defaults, image, stacks

__all__ = ["defaults", "image", "stacks"]

pytestmark = [pytest.mark.docker, pytest.mark.faults]

ROWS = 200_000
KILLS = 5
FILL = f"CREATE TABLE big AS SELECT i AS id, md5(i::text) AS text FROM generate_series(1, {ROWS}) i"


@pytest.fixture(scope="module")
def pair(stacks: BareStacks) -> tuple[BareStack, BareStack]:
    """One with PostgreSQL 17 and data, and one with PostgreSQL 18 and other data."""
    old, new = stacks.make("old"), stacks.make("new", postgres=build_postgres_18())
    for stack in (old, new):
        assert stack.web.exec_run(["python", "manage.py", "migrate"])[0] == 0
    old.query(FILL)
    new.query("CREATE TABLE marker AS SELECT 1 AS one")
    return old, new


def test_a_newer_server_takes_a_dump_and_an_older_one_does_not(
    stacks: BareStacks, pair: tuple[BareStack, BareStack]
) -> None:
    old, new = pair
    stacks.check("dump", "old.tar", "-s", "old", "--database")
    stacks.check("load", "old.tar", "-s", "new", "--yes")
    assert new.checksums() == old.checksums()
    stacks.check("dump", "new.tar", "-s", "new", "--database")
    before = old.databases()
    status, output = stacks.run("load", "new.tar", "-s", "old", "--yes")
    assert (status, "an older server can't read a newer" in output) == (1, True), output
    assert old.databases() == before
    stacks.check("data", "drop-old", "-s", "new", "--yes")


def test_a_load_that_is_killed_leaves_what_served_and_the_next_one_succeeds(
    stacks: BareStacks, pair: tuple[BareStack, BareStack]
) -> None:
    old, new = pair
    stacks.check("dump", "whole.tar", "-s", "old", "--database")
    new.query("DROP TABLE IF EXISTS marker")
    new.query("CREATE TABLE marker AS SELECT 1 AS one")
    began = time.monotonic()
    stacks.check("load", "whole.tar", "-s", "new", "--yes", "--dry-run")
    least, most = time.monotonic() - began, 8.0
    for seconds in moments("load", KILLS, most):
        process = stacks.start("load", "whole.tar", "-s", "new", "--yes")
        time.sleep(least / 2 + seconds)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        if those(BEFORE, "app", new.databases()):
            break  # it had swapped
        assert new.query("SELECT one FROM marker") == [(1,)]
    stacks.check("load", "whole.tar", "-s", "new", "--yes")
    assert new.checksums() == old.checksums()
    stacks.check("data", "drop-old", "-s", "new", "--yes")
    assert those(NEW, "app", new.databases()) == []
    assert new.databases() == {"app"}


def test_a_dump_that_is_killed_leaves_no_file_of_its_name(
    stacks: BareStacks, pair: tuple[BareStack, BareStack]
) -> None:
    process = stacks.start("dump", "killed.tar", "-s", "old", "--database")
    while not (stacks.folder / "killed.tar.part").exists():
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not (stacks.folder / "killed.tar").exists()
    stacks.check("dump", "killed.tar", "-s", "old", "--database")
    assert [one.name for one in stacks.folder.glob("killed.tar*")] == ["killed.tar"]


# As in a database of another platform: an owner whom nobody else has, and an extension in a schema of its own.
ELSEWHERE = f"""
CREATE SCHEMA heroku_ext; CREATE EXTENSION citext WITH SCHEMA heroku_ext; CREATE ROLE u123; {FILL};
ALTER TABLE big OWNER TO u123
"""
# What the stack has when the file comes: tables of newer migrations, one of which refers to an old one.
HERE = """
DROP SCHEMA heroku_ext CASCADE; DROP OWNED BY u123 CASCADE; DROP ROLE u123;
CREATE TABLE later AS SELECT 1 AS one; ALTER TABLE auth_user ADD COLUMN later integer;
CREATE TABLE refers (id integer REFERENCES auth_user)
"""


def test_a_file_of_pg_dump_gets_in_by_the_commands_that_load_names(stacks: BareStacks) -> None:
    stack = stacks.make("foreign")
    assert stack.web.exec_run(["python", "manage.py", "migrate"])[0] == 0
    stack.query(ELSEWHERE)
    wanted = stack.checksums()
    archive = pg_dump(stack, "--format=custom")
    script = pg_dump(stack, "--no-owner", "--no-acl")
    files = {"latest.dump": archive, "latest.sql.gz": gzip.compress(script), "latest.sql": script}
    stack.query(HERE)
    before = stack.checksums()
    assert bring(stacks, "half.dump", archive[: len(archive) // 2]) != 0
    assert stack.checksums() == before, "half of a file changes nothing"
    # Half of the script is within the rows of `big`, where psql takes an end of its input as theirs.
    assert bring(stacks, "broken.sql", script, cat=f'head -c {len(script) // 2} "$1"; exit 1') != 0
    assert stack.checksums() == before, "nor does a file that can be read to its half only"
    for name, content in files.items():
        assert bring(stacks, name, content) == 0
        assert stack.checksums() == wanted
        assert stack.query("SELECT tableowner FROM pg_tables WHERE tablename = 'big'") == [("app",)]
        stack.query("DROP SCHEMA heroku_ext CASCADE; CREATE TABLE later AS SELECT 1 AS one")


def pg_dump(stack: BareStack, *options: str) -> bytes:
    status, (content, error) = stack.database.exec_run(["pg_dump", "-U", "app", *options, "app"], demux=True)
    assert status == 0, error
    return bytes(content)


def bring(stacks: BareStacks, name: str, content: bytes, cat: str = 'exec /bin/cat "$@"') -> int:
    """Gives `load` a file, and runs what it proposes, with that in the place of `cat`; the exit status."""
    (stacks.folder / name).write_bytes(content)
    status, output = stacks.run("load", name, "-s", "foreign", "--yes")
    assert status == 1, output
    programs = stacks.folder / "programs"
    programs.mkdir(exist_ok=True)
    (programs / "cat").write_text(f"#!/bin/sh\n{cat}\n")
    (programs / "cat").chmod(0o755)
    path = os.pathsep.join([str(programs), str(ROOT / ".venv/bin"), os.environ["PATH"]])
    environment = {**stacks.env, "PATH": path}
    line = output.partition(" Fix: ")[2]
    return subprocess.run(
        ["bash", "-c", line], cwd=stacks.folder, env=environment, stdin=subprocess.DEVNULL, check=False
    ).returncode
