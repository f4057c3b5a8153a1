"""`django-stack copy` between stacks of this engine when a connection is cut in the middle, and between servers that
don't fit: the target serves what it served, and the next try succeeds once nothing is in its way."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil
import pytest

from infra.commands.data.names import NEW, those
from tests.bare_stacks import BareStack, BareStacks
from tests.e2e.postgres18 import build_postgres_18
from tests.faults.test_copy import no_leftovers, pair
from tests.image.conftest import defaults, image, stacks
from tests.waiting import wait_until

__all__ = ["defaults", "image", "pair", "stacks"]

pytestmark = [pytest.mark.docker, pytest.mark.faults]

# Where PostgreSQL's image keeps extensions are.
EXTENSIONS = "/usr/share/postgresql/*/extension"


def ended(stack: BareStack, program: str) -> bool:
    """Ends the connections of a program to a stack's server, as a firewall or an administrator would; whether it had
    one that was at work."""
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    return bool(stack.query(f"{end} WHERE application_name = '{program}' AND query <> ''"))


def killed(process: subprocess.Popen[str], program: str) -> bool:
    """Kills what leads a program's stream from its container, or to it; whether there was such a one."""
    for child in psutil.Process(process.pid).children():
        if program in child.cmdline():
            child.kill()
            return True
    return False


Cut = Callable[[subprocess.Popen[str], BareStack, BareStack], bool]
CUTS: dict[str, Cut] = {
    "the source's rows": lambda _, source, __: ended(source, "pg_dump"),
    "the target's rows": lambda _, __, target: ended(target, "pg_restore"),
    "the target's lock": lambda _, __, target: ended(target, "psql"),
    "the stream of the source": lambda process, _, __: killed(process, "pg_dump"),
    "the stream of the target": lambda process, _, __: killed(process, "pg_restore"),
}


def is_being_filled(target: BareStack) -> bool:
    at_work = "SELECT 1 FROM pg_stat_activity WHERE application_name = 'pg_restore' AND query LIKE 'COPY%big%'"
    return bool(target.query(at_work))


@pytest.mark.parametrize("what", CUTS)
def test_a_connection_that_is_cut_in_the_middle_is_one_clear_error_and_leaves_nothing(
    stacks: BareStacks, pair: tuple[BareStack, BareStack], what: str
) -> None:
    source, target = pair
    wanted, before = target.checksums(), target.databases()
    process = stacks.start("copy", "--database", "a", "b", "--yes")
    wait_until(lambda: is_being_filled(target), "rows that flow", 60)
    assert CUTS[what](process, source, target), "nothing was cut"
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 1, output
    assert "Traceback" not in output
    said = output.splitlines()[-1]
    assert "The database of" in said or "The copy isn't whole" in said
    assert target.checksums() == wanted
    wait_until(lambda: target.databases() == before, "the end of the new database")
    no_leftovers(source)
    stacks.check("copy", "--database", "a", "b", "--yes")
    assert target.checksums() == source.checksums()
    stacks.check("data", "drop-old", "-s", "b", "--yes")
    assert target.databases() == {"app"}
    target.query("CREATE TABLE marker AS SELECT 1 AS one")  # so that the two differ again


def test_an_older_server_is_refused_and_a_newer_one_takes_the_copy(
    stacks: BareStacks, pair: tuple[BareStack, BareStack]
) -> None:
    old, _ = pair
    new = stacks.make("new", postgres=build_postgres_18())
    new.query("CREATE TABLE marker AS SELECT 1 AS one")
    wanted, before = old.checksums(), old.databases()
    status, output = stacks.run("copy", "--database", "new", "a", "--yes")
    assert (status, "an older server can't read a newer" in output) == (1, True), output
    assert old.checksums() == wanted
    assert old.databases() == before
    stacks.check("copy", "--database", "a", "new", "--yes")
    assert new.checksums() == wanted
    stacks.check("data", "drop-old", "-s", "new", "--yes")
    assert new.databases() == {"app"}


@contextmanager
def without_extension(stack: BareStack) -> Iterator[None]:
    """A server that lacks pg_trgm meanwhile."""

    def rename(old: str, new: str) -> None:
        line = f"cd {EXTENSIONS} && mv pg_trgm.{old} pg_trgm.{new}"
        status, output = stack.database.exec_run(["sh", "-c", line])
        assert status == 0, output

    rename("control", "gone")
    try:
        yield
    finally:
        rename("gone", "control")


def test_a_server_without_an_extension_is_refused_until_it_has_it(
    stacks: BareStacks, pair: tuple[BareStack, BareStack]
) -> None:
    source, target = pair
    source.query("CREATE EXTENSION pg_trgm")
    source.query("CREATE INDEX trigrams ON big USING gin (text gin_trgm_ops) WHERE id < 1000")
    wanted, before = target.checksums(), target.databases()
    try:
        with without_extension(target):
            status, output = stacks.run("copy", "--database", "a", "b", "--yes")
        assert (status, "b's server lacks the extension pg_trgm" in output) == (1, True), output
        assert target.checksums() == wanted
        assert target.databases() == before
        stacks.check("copy", "--database", "a", "b", "--yes")
        assert target.checksums() == source.checksums()
        assert target.query("SELECT count(*) FROM pg_extension WHERE extname = 'pg_trgm'") == [(1,)]
    finally:
        source.query("DROP EXTENSION pg_trgm CASCADE")


def test_nothing_of_a_killed_copy_stays_in_the_containers(
    stacks: BareStacks, pair: tuple[BareStack, BareStack]
) -> None:
    """Neither programs nor files."""
    source, target = pair
    process = stacks.start("copy", "--database", "a", "b", "--yes")
    wait_until(lambda: is_being_filled(target), "rows that flow", 60)
    time.sleep(0.1)
    process.kill()
    process.communicate()
    for stack in (source, target):
        only_the_server_runs(stack)
        assert stack.database.exec_run("ls -A /tmp") == (0, b"")
    wait_until(lambda: those(NEW, "app", target.databases()) == [], "the end of the new database")


def only_the_server_runs(stack: BareStack) -> None:
    def programs() -> set[str]:
        return {name for _, name in stack.database.top(ps_args="-eo pid,comm")["Processes"]}

    wait_until(lambda: programs() == {"postgres"}, f"the end of all else in the database's container of {stack.name}")
