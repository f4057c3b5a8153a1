"""`django-stack copy` between stacks of this engine while things break: the target serves, the next try succeeds."""

from __future__ import annotations

import os
import random
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

import psycopg
import pytest

from infra.commands.data.names import BEFORE, NEW, those
from tests.bare_stacks import BareStack, BareStacks
from tests.faults.conftest import moments
from tests.image.conftest import defaults, image, stacks
from tests.infra.commands.data.s3_server import s3_server
from tests.waiting import wait_until

__all__ = ["defaults", "image", "stacks"]

pytestmark = [pytest.mark.docker, pytest.mark.faults]

ROWS = 300_000
KILLS = int(os.environ.get("COPY_KILLS") or 10)
FILL = f"""
CREATE TABLE IF NOT EXISTS big AS SELECT i AS id, md5(i::text) AS text, now() AS at FROM generate_series(1, {ROWS}) i
"""


@pytest.fixture(scope="module")
def pair(stacks: BareStacks) -> tuple[BareStack, BareStack]:
    source, target = stacks.make("a"), stacks.make("b")
    source.query(FILL)
    source.query("ALTER TABLE big ADD PRIMARY KEY (id)")
    source.query("CREATE INDEX ON big (text)")
    for stack in (source, target):
        assert stack.web.exec_run(["python", "manage.py", "migrate"])[0] == 0
    target.query("CREATE TABLE marker AS SELECT 1 AS one")
    return source, target


@contextmanager
def visitors(stack: BareStack) -> Iterator[list[tuple[float, bool]]]:
    """Somebody who connects and asks all the time: when, and whether there was an answer."""
    seen: list[tuple[float, bool]] = []
    over = threading.Event()

    def ask() -> None:
        while not over.wait(0.02):
            try:
                seen.append((time.monotonic(), bool(stack.query("SELECT count(*) FROM django_migrations"))))
            except psycopg.Error:
                seen.append((time.monotonic(), False))

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


def without_answer(seen: list[tuple[float, bool]]) -> float:
    """The seconds between the last answer before a failure and the next one after it, at most."""
    good = [moment for moment, answered in seen if answered]
    return max(after - before for before, after in pairwise(good))


def test_visitors_are_without_a_database_for_less_than_a_second(
    stacks: BareStacks, pair: tuple[BareStack, BareStack]
) -> None:
    source, target = pair
    with visitors(target) as seen:
        status, output = stacks.run("copy", "--database", "a", "b", "--yes")
    assert status == 0, output
    assert without_answer(seen) < 1
    assert target.checksums() == source.checksums()


def test_a_source_that_is_written_to_all_the_time_is_copied_as_it_was_at_one_moment(
    stacks: BareStacks, pair: tuple[BareStack, BareStack]
) -> None:
    """Two accounts, between which money moves: their sum is the same at each moment."""
    source, target = pair
    source.query("CREATE TABLE account (id int PRIMARY KEY, amount int)")
    source.query("CREATE TABLE journal (id serial PRIMARY KEY, amount int)")
    source.query("INSERT INTO account VALUES (1, 1000000), (2, 0)")
    over = threading.Event()

    def move() -> None:
        with source.connect() as connection:
            while not over.is_set():
                with connection.transaction():
                    connection.execute("UPDATE account SET amount = amount - 1 WHERE id = 1")
                    connection.execute("UPDATE account SET amount = amount + 1 WHERE id = 2")
                    connection.execute("INSERT INTO journal (amount) VALUES (1)")

    thread = threading.Thread(target=move)
    thread.start()
    try:
        status, output = stacks.run("copy", "--database", "a", "b", "--yes")
    finally:
        over.set()
        thread.join()
    assert status == 0, output
    assert target.query("SELECT sum(amount) FROM account") == [(1000000,)]
    moved = target.query("SELECT amount FROM account WHERE id = 2")
    assert target.query("SELECT count(*) FROM journal") == moved
    assert source.query("SELECT count(*) FROM journal") > moved, "it was written to until after the snapshot"


def test_a_copy_that_is_killed_at_any_moment_leaves_the_target_serving_and_the_next_one_succeeds(
    stacks: BareStacks, pair: tuple[BareStack, BareStack]
) -> None:
    source, target = pair
    began = time.monotonic()
    assert stacks.run("copy", "--database", "a", "b", "--yes")[0] == 0
    whole = time.monotonic() - began
    for moment in moments("copy", KILLS, whole):
        target.query("DROP TABLE IF EXISTS marker")
        target.query("CREATE TABLE marker AS SELECT 1 AS one")
        wanted = target.checksums()
        process = stacks.start("copy", "--database", "a", "b", "--yes")
        time.sleep(moment)
        process.kill()
        output, _ = process.communicate()
        found = target.checksums()
        assert found in (wanted, source.checksums()), f"killed after {moment} s: {output}"
        # What wasn't scrubbed yet doesn't stay.
        wait_until(lambda: those(NEW, "app", target.databases()) == [], "the end of what a killed copy made")
    status, output = stacks.run("copy", "--database", "a", "b", "--yes")
    assert status == 0, output
    assert target.checksums() == source.checksums()
    assert those(NEW, "app", target.databases()) == []
    assert stacks.run("data", "drop-old", "-s", "b", "--yes")[0] == 0
    assert target.databases() == {"app"}
    no_leftovers(source)


def no_leftovers(stack: BareStack) -> None:
    """Nothing of a killed copy holds the source's tables."""
    held = "SELECT count(*) FROM pg_stat_activity WHERE application_name IN ('pg_dump', 'psql')"
    wait_until(lambda: stack.query(held) == [(0,)], "the end of what a killed copy ran")


@pytest.mark.parametrize("which", ["source", "target"])
def test_a_server_that_goes_away_in_the_middle_of_a_copy_is_one_clear_error(
    stacks: BareStacks, pair: tuple[BareStack, BareStack], which: str
) -> None:
    source, target = pair
    wanted = target.checksums()
    process = stacks.start("copy", "--database", "a", "b", "--yes")
    wait_until(lambda: those(NEW, "app", target.databases()), "a new database")
    gone = source if which == "source" else target
    gone.database.restart(timeout=0)
    output, _ = process.communicate(timeout=120)
    wait_until(gone.answers, "the server again", 60)
    assert process.returncode == 1
    assert "Traceback" not in output
    assert target.checksums() == wanted
    assert stacks.run("copy", "--database", "a", "b", "--yes")[0] == 0
    assert those(NEW, "app", target.databases()) == []
    stacks.run("data", "drop-old", "-s", "b", "--yes")


def test_two_copies_into_one_stack_are_not_made_at_once(stacks: BareStacks, pair: tuple[BareStack, BareStack]) -> None:
    _, target = pair
    first = stacks.start("copy", "--database", "a", "b", "--yes")
    wait_until(lambda: those(NEW, "app", target.databases()), "a new database")
    status, output = stacks.run("copy", "--database", "a", "b", "--yes")
    assert status == 1
    assert "Another copy into the stack b runs" in output
    assert first.wait(120) == 0
    first.communicate()


def test_a_disk_that_fills_up_ends_the_copy_while_the_target_goes_on(
    stacks: BareStacks, pair: tuple[BareStack, BareStack]
) -> None:
    """The plan would refuse it, so the disk fills up after the plan was made."""
    small = stacks.make("small", tmpfs={"/var/lib/postgresql/data": "size=400m"})
    small.query("CREATE TABLE marker AS SELECT 1 AS one")
    process = stacks.start("copy", "--database", "a", "small", "--yes")
    wait_until(lambda: those(NEW, "app", small.databases()), "a new database")
    full = ["sh", "-c", "head -c 260M /dev/zero > /var/lib/postgresql/data/filled"]
    small.database.exec_run(full)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "nearly full" in output or "No space left" in output, output
    assert small.query("SELECT one FROM marker") == [(1,)]
    assert small.databases() == {"app"}
    status, output = stacks.run("copy", "--database", "a", "small", "--dry-run")
    assert status == 1
    assert "are free where small's database is" in output
    small.database.exec_run(["rm", "/var/lib/postgresql/data/filled"])
    status, output = stacks.run("copy", "--database", "a", "small", "--yes")
    assert status == 0, output


def test_a_full_disk_of_the_targets_media_is_one_line_and_the_next_try_copies_the_rest(stacks: BareStacks) -> None:
    contents = {f"{number}.jpg": random.Random(number).randbytes(2**20) for number in range(20)}
    with s3_server() as source, s3_server(volumes=[], tmpfs={"/data": "size=32m"}) as target:
        from_, into = source.bucket(), target.bucket()
        target.client.put_object(Bucket=into, Key="served.jpg", Body=b"served")
        target.client.put_object(Bucket=into, Key="large", Body=bytes(2**24))
        for key, content in contents.items():
            source.client.put_object(Bucket=from_, Key=key, Body=content)
        stacks.make("from", storage=source.dsn(from_))
        stacks.make("into", storage=target.dsn(into))
        status, output = stacks.run("copy", "--media", "from", "into", "--yes")
        assert status == 1
        assert "couldn't be copied" in output, output
        assert "Traceback" not in output
        assert target.contents(into)["served.jpg"][0] == b"served"
        target.client.delete_object(Bucket=into, Key="large")
        stacks.check("copy", "--media", "from", "into", "--yes")
        found = {key: content for key, (content, *_) in target.contents(into).items()}
        assert found == {**contents, "served.jpg": b"served"}
        assert target.unfinished(into) == 0


def test_a_scrub_that_fails_leaves_nothing_of_the_copy(stacks: BareStacks, pair: tuple[BareStack, BareStack]) -> None:
    _, target = pair
    before, wanted = target.databases(), target.checksums()
    status, output = stacks.run("copy", "--database", "a", "b", "--yes", "--scrub", "sh -c 'exit 7'")
    assert status == 1
    assert "exit status 7" in output
    assert target.databases() == before
    assert target.checksums() == wanted


def test_a_stack_that_is_not_up_is_named(stacks: BareStacks, pair: tuple[BareStack, BareStack]) -> None:
    _, target = pair
    target.database.stop(timeout=5)
    try:
        for words in (("copy", "--database", "a", "b"), ("copy", "--database", "b", "a")):
            status, output = stacks.run(*words, "--yes")
            assert (status, "-b-database is not running. Fix: make local STACK=b" in output) == (1, True), output
    finally:
        target.database.start()
        wait_until(target.answers, "a database", 60)


def test_neither_password_nor_data_stand_in_arguments_or_output(
    stacks: BareStacks, pair: tuple[BareStack, BareStack]
) -> None:
    """Who lists the processes of this machine, or reads the log of a copy, sees none of them."""
    process = stacks.start("copy", "--database", "a", "b", "--yes", "--scrub", "python manage.py check")
    seen = ""
    while process.poll() is None:
        seen += subprocess.run(["ps", "-eww", "-o", "args"], capture_output=True, text=True, check=True).stdout
        time.sleep(0.2)
    output, _ = process.communicate()
    programs = {"pg_dump", "pg_restore", "psql", "docker", "sh", "dropdb"}  # not those of a rehearsal beside this
    lines = [line for line in seen.splitlines() if line.partition(" ")[0].rpartition("/")[2] in programs]
    assert any("pg_dump" in line for line in lines)
    assert not any("password" in line for line in (*lines, output))
    assert those(BEFORE, "app", pair[1].databases())
