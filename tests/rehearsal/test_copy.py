"""`django-stack copy` between the cloud and this machine: the cloud's database is reached from tasks only."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from infra.commands.data.names import BEFORE, those
from tests.bare_stacks import BareStack, BareStacks
from tests.rehearsal.copies import run
from tests.rehearsal.databases import buckets, checksums, databases, query
from tests.rehearsal.stacks import Stack

pytestmark = [pytest.mark.docker, pytest.mark.pulumi, pytest.mark.rehearsal]

ROWS = int(os.environ.get("COPY_ROWS") or 20_000)
FILL = f"""
CREATE TABLE big AS SELECT i AS id, md5(i::text) AS text, now() AS at FROM generate_series(1, {ROWS}) i;
ALTER TABLE big ADD PRIMARY KEY (id); CREATE INDEX ON big (text)
"""


@pytest.fixture(scope="module")
def local(local_stacks: BareStacks) -> BareStack:
    return local_stacks.make("beside")


def test_a_plan_of_a_protected_stack_asks_what_becomes_of_its_personal_data(stack: Stack, local: BareStack) -> None:
    done = stack.django_stack("copy", "--database", "rehearsal", local.name, "--dry-run")
    if stack.is_protected:
        assert "--unscrubbed" in done.stdout
    else:
        assert done.returncode == 0, done.stdout


def test_a_local_database_comes_into_the_cloud(stack: Stack, local: BareStack) -> None:
    local.query(FILL)
    run(stack, "copy", "--database", local.name, "rehearsal", "--yes", *stack.into)
    found = checksums(stack)
    assert {name: found[name] for name in local.checksums()} == local.checksums()
    kept = those(BEFORE, "app", databases(stack))
    assert len(kept) == 1
    assert buckets(stack) == []
    assert stack.get("/").status == 200
    done = stack.django_stack("data", "drop-old", "-s", "rehearsal", "--yes")
    assert done.returncode == 0, done.stdout
    assert those(BEFORE, "app", databases(stack)) == []


def test_a_database_of_the_cloud_comes_to_this_machine(stack: Stack, local: BareStack) -> None:
    query(stack, "CREATE TABLE of_the_cloud AS SELECT 42 AS answer")
    run(stack, "copy", "--database", "rehearsal", local.name, "--yes", *stack.out_of)
    assert local.query("SELECT answer FROM of_the_cloud") == [(42,)]
    assert local.checksums() == checksums(stack)
    assert buckets(stack) == []


def test_a_database_of_this_machine_comes_to_another_stack_of_this_machine(
    stack: Stack, local_stacks: BareStacks, local: BareStack
) -> None:
    local.query("CREATE TABLE here AS SELECT i FROM generate_series(1, 100000) i")
    another = local_stacks.make("another")
    for _ in range(2):  # without the tables of Django, then with the very migrations
        done = stack.django_stack("copy", "--database", local.name, another.name, "--yes")
        assert done.returncode == 0, done.stdout
        assert another.checksums() == local.checksums()
    assert "Running migrations" not in done.stdout
    assert len(another.databases()) == 3


def test_a_scrub_that_fails_in_the_cloud_leaves_nothing_of_the_copy(stack: Stack, local: BareStack) -> None:
    before = databases(stack)
    done = stack.django_stack(
        "copy", "--database", local.name, "rehearsal", "--yes", *stack.into, "--scrub", "sh -c 'exit 7'"
    )
    assert done.returncode == 1
    assert "exit status 7" in done.stdout
    assert databases(stack) == before
    assert buckets(stack) == []


def test_tasks_of_an_account_read_another_stacks_archive_without_this_machine(stack: Stack, local: BareStack) -> None:
    """What a copy between two stacks in the cloud does, here into a database beside the same stack's."""
    del local
    program = """
from infra.commands.data.ends import database_of
end = database_of("rehearsal")
with end.lock(), end.archive() as archive:
    type(archive).open = None  # nothing is read on this machine
    assert end.restore(archive, "app_new_20260101_000000") == archive.rows
    end.drop(["app_new_20260101_000000"])
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=stack.folder,
        env=stack.environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert buckets(stack) == []
