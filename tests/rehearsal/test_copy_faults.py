"""Copies with the cloud while something breaks, or doesn't fit: one clear line, and the target serves what it did."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

from infra.commands.data.names import BEFORE, NEW, those
from tests.bare_stacks import BareStack, BareStacks
from tests.e2e.postgres18 import build_postgres_18
from tests.rehearsal.copies import SILENCE, breaking_off, end, nothing_left, nothing_runs, run, start
from tests.rehearsal.databases import checksums, databases, query
from tests.rehearsal.stacks import Stack
from tests.rehearsal.test_copy import FILL
from tests.waiting import wait_until

pytestmark = [pytest.mark.docker, pytest.mark.pulumi, pytest.mark.rehearsal]

BUSY = "Another copy into the stack rehearsal runs. Fix: wait for its end"
# The emulator's backups read the database that serves meanwhile.
TERMINATE = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() AND {}
"""
ROWS = "datname ~ '_new_' AND query ~ '^COPY'"
LOCK = "pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND objid = x'636f7079'::int::oid)"


@pytest.fixture(scope="module")
def local(local_stacks: BareStacks) -> BareStack:
    found = local_stacks.make("beside")
    found.query(FILL)
    return found


def into_the_cloud(stack: Stack, local: BareStack) -> list[str]:
    return ["copy", "--database", local.name, "rehearsal", "--yes", *stack.into]


def out_of_the_cloud(stack: Stack, local: BareStack) -> list[str]:
    return ["copy", "--database", "rehearsal", local.name, "--yes", *stack.out_of]


def unfinished(stack: Stack) -> list[str]:
    return those(NEW, "app", databases(stack))


@contextmanager
def unchanged(stack: Stack) -> Iterator[None]:
    """What the stack serves and has kept is the same before and afterwards, once the tasks have ended."""
    tables, kept = checksums(stack), databases(stack)
    yield
    nothing_runs(stack, "rehearsal")
    assert checksums(stack) == tables
    assert databases(stack) == kept
    assert stack.get("/").status == 200


def test_a_killed_copy_is_removed_by_its_task(stack: Stack, local: BareStack) -> None:
    with unchanged(stack):
        process = start(stack, *into_the_cloud(stack, local))
        wait_until(lambda: unfinished(stack), "a database that is being filled", 120)
        process.kill()
        end(process)
    run(stack, *into_the_cloud(stack, local))
    nothing_left(stack, "rehearsal")


def test_a_second_copy_and_load_and_check_are_refused_and_the_first_copy_is_whole(
    stack: Stack, local: BareStack
) -> None:
    run(stack, "dump", "local.tar", "--database", "-s", local.name)
    scrub = ["--scrub", "sh -c 'sleep 60'"]
    first = start(stack, *into_the_cloud(stack, local), *scrub)
    wait_until(lambda: unfinished(stack), "a database that is being filled", 120)
    others = [
        start(stack, *into_the_cloud(stack, local)),
        start(stack, "load", "local.tar", "--database", "-s", "rehearsal", "--yes", *stack.into),
        start(stack, "backup", "check", "local.tar", "-s", "rehearsal"),
    ]
    for process in others:
        status, output = end(process)
        assert status != 0
        assert BUSY in output, output
    assert first.poll() is None, "it goes on meanwhile"
    status, output = end(first)
    assert status == 0, output
    found = checksums(stack)
    assert {name: found[name] for name in local.checksums()} == local.checksums()
    nothing_left(stack, "rehearsal")


@pytest.mark.parametrize("which", [ROWS, LOCK], ids=["rows", "lock"])
def test_a_database_that_ends_connections_in_the_middle_is_one_line(stack: Stack, local: BareStack, which: str) -> None:
    with unchanged(stack):
        if which == ROWS:
            local.query("CREATE TABLE slow AS SELECT i, repeat(md5(i::text), 100) FROM generate_series(1, 20000) i")
        process = start(stack, *into_the_cloud(stack, local), "--scrub", "sleep 10")
        wait_until(lambda: unfinished(stack), "a new database", 120)
        wait_until(lambda: query(stack, TERMINATE.format(which)), "a connection of the copy", 60)
        status, output = end(process)
        local.query("DROP TABLE IF EXISTS slow")
        assert status == 1, output
        assert "Traceback" not in output
        assert "The database of rehearsal:" in output
    run(stack, *into_the_cloud(stack, local))
    nothing_left(stack, "rehearsal")


def test_s3_that_is_gone_while_the_archive_is_written_is_one_line(stack: Stack, local: BareStack) -> None:
    with unchanged(stack), breaking_off(urlsplit(stack.ports.url).port or 80, after=500_000) as port:
        process = start(stack, *into_the_cloud(stack, local), AWS_ENDPOINT_URL_S3=f"http://127.0.0.1:{port}")
        status, output = end(process)
        assert status == 1, output
        assert "Traceback" not in output
        assert "AWS can't be reached" in output
    time.sleep(SILENCE)  # until the bucket, which the command couldn't remove, counts as left over
    run(stack, *into_the_cloud(stack, local))
    nothing_left(stack, "rehearsal")


def test_s3_that_is_gone_while_the_archive_is_read_is_one_line(stack: Stack, local: BareStack) -> None:
    run(stack, *into_the_cloud(stack, local))
    served, kept = local.checksums(), local.databases()
    with breaking_off(urlsplit(stack.ports.url).port or 80, after=500_000) as port:
        process = start(stack, *out_of_the_cloud(stack, local), AWS_ENDPOINT_URL_S3=f"http://127.0.0.1:{port}")
        status, output = end(process)
    assert status == 1, output
    assert "Traceback" not in output
    assert "The archive of the database broke off" in output
    assert local.checksums() == served
    assert local.databases() == kept
    nothing_runs(stack, "rehearsal")
    time.sleep(SILENCE)  # until the bucket, which the command couldn't remove, counts as left over
    run(stack, *out_of_the_cloud(stack, local))
    nothing_left(stack, "rehearsal")


def test_an_extension_that_the_cloud_lacks_is_named_before_anything_is_made(stack: Stack, local: BareStack) -> None:
    container = stack.engine.containers.get(stack.emulator.find("db_id=django-stack-rehearsal"))
    control = "$(pg_config --sharedir)/extension/hstore.control"
    with unchanged(stack):
        assert container.exec_run(["sh", "-c", f'mv {control} "{control}.away"'], user="root")[0] == 0
        local.query("CREATE EXTENSION hstore")
        try:
            status, output = end(start(stack, *into_the_cloud(stack, local)))
        finally:
            assert container.exec_run(["sh", "-c", f'mv "{control}.away" {control}'], user="root")[0] == 0
        assert status == 1
        assert "rehearsal's server lacks the extension hstore, which beside's database has" in output
    run(stack, *into_the_cloud(stack, local))
    assert query(stack, "SELECT count(*) FROM pg_extension WHERE extname = 'hstore'") == "1\n"
    local.query("DROP EXTENSION hstore")
    nothing_left(stack, "rehearsal")


def test_a_newer_version_is_refused_before_anything_is_made(stack: Stack, local_stacks: BareStacks) -> None:
    newer = local_stacks.make("newer", build_postgres_18())
    with unchanged(stack):
        status, output = end(start(stack, *into_the_cloud(stack, newer)))
        assert status == 1
        assert "an older server can't read a newer one's database" in output
        assert "pulumi config set -s rehearsal postgres-version 18" in output


def test_nothing_stays_after_drop_old(stack: Stack, local: BareStack) -> None:
    run(stack, *into_the_cloud(stack, local))
    assert those(BEFORE, "app", databases(stack))
    run(stack, "data", "drop-old", "-s", "rehearsal", "--yes")
    assert [one for one in databases(stack) if one.startswith("app")] == ["app"]
    nothing_left(stack, "rehearsal")
