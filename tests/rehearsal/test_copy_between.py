"""`django-stack copy` between two stacks in the cloud, and in every direction of the cloud while it is killed."""

from __future__ import annotations

import os
import subprocess
import threading
import time

import pytest
import yaml

from infra.commands.data.names import NEW, those
from tests.bare_stacks import BareStack, BareStacks
from tests.moments import moments
from tests.rehearsal.conftest import SEED
from tests.rehearsal.copies import nothing_left, nothing_runs, run, start
from tests.rehearsal.databases import buckets, checksums, databases, query
from tests.rehearsal.stacks import Stack
from tests.rehearsal.test_copy import ROWS
from tests.rehearsal.test_copy_media import contents, fill

pytestmark = [pytest.mark.docker, pytest.mark.pulumi, pytest.mark.rehearsal]

SECOND = "second"
KILLS = int(os.environ.get("COPY_KILLS") or 10)  # in each direction
FILL = f"""
CREATE TABLE account (id int PRIMARY KEY, amount int); INSERT INTO account VALUES (1, 1000000), (2, 0);
CREATE TABLE big AS SELECT i AS id, md5(i::text) AS text FROM generate_series(1, {ROWS}) i
"""
MOVE = "BEGIN; UPDATE account SET amount = amount + CASE id WHEN 1 THEN -1 ELSE 1 END; COMMIT;"


@pytest.fixture(scope="module")
def second(stack: Stack) -> str:
    """Another stack of the project beside the first one, in the same account."""
    config = yaml.safe_load(stack.config.read_text())["config"]
    (stack.folder / f"Pulumi.{SECOND}.yaml").write_text(yaml.safe_dump({"config": config}))
    for words in (["stack", "init", "--no-select"], ["up", "--yes", "--skip-preview"]):
        line = ["pulumi", *words, "--stack", SECOND, "--non-interactive"]
        done = subprocess.run(
            line, cwd=stack.folder, env=stack.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
    return SECOND


@pytest.fixture(scope="module")
def local(local_stacks: BareStacks) -> BareStack:
    return local_stacks.make("beside")


def bucket_of(stack: Stack, name: str) -> str:
    found = [one["Name"] for one in stack.client("s3").list_buckets()["Buckets"]]
    (bucket,) = [one for one in found if one.startswith(f"django-stack-{name}-media-")]
    return str(bucket)


def allowed(stack: Stack, source: str, target: str) -> list[str]:
    """What a copy has to say about stacks that are protected; a local one isn't."""
    words = ["--unscrubbed"] if stack.is_protected and source != "beside" else []
    return [*words, *(["--into-production", target] if stack.is_protected and target != "beside" else [])]


def test_a_stack_is_copied_into_another_one_while_it_is_written_to(stack: Stack, second: str) -> None:
    query(stack, FILL)
    s3, source = stack.client("s3"), bucket_of(stack, "rehearsal")
    fill(s3, source)
    over = threading.Event()

    def write() -> None:
        while not over.is_set():
            query(stack, MOVE)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        run(stack, "copy", "rehearsal", second, "--yes", *allowed(stack, "rehearsal", second))
    finally:
        over.set()
        writer.join()
    assert query(stack, "SELECT sum(amount) FROM account", name=second) == "1000000\n"
    moved = int(query(stack, "SELECT amount FROM account WHERE id = 2", name=second))
    assert int(query(stack, "SELECT amount FROM account WHERE id = 2")) > moved, "it was written to until the end"
    there, here = checksums(stack, name=second), checksums(stack)
    assert there.keys() == here.keys()
    assert {table for table in here if here[table] != there[table]} == {"account"}
    assert contents(s3, bucket_of(stack, second)) == contents(s3, source)
    assert buckets(stack) == []


@pytest.mark.parametrize(
    ("source", "target"), [("beside", "rehearsal"), ("rehearsal", "beside"), ("rehearsal", SECOND)]
)
def test_a_copy_that_is_killed_at_any_moment_leaves_the_target_serving_and_the_next_one_succeeds(
    stack: Stack, local: BareStack, request: pytest.FixtureRequest, source: str, target: str
) -> None:
    if target == SECOND:
        request.getfixturevalue("second")

    def tables(name: str) -> dict[str, str]:
        return local.checksums() if name == "beside" else checksums(stack, name=name)

    def all_of(name: str) -> list[str]:
        return sorted(local.databases()) if name == "beside" else databases(stack, name=name)

    def change(name: str, text: str) -> None:
        if name == "beside":
            local.query(text)
        else:
            query(stack, text, name=name)

    def is_the_copy(found: dict[str, str]) -> bool:
        """Whether all of the source is there, of what the target served before nothing, and migrations at most."""
        wanted = tables(source)
        return "marker" not in found and {name: found.get(name) for name in wanted} == wanted

    line = ["copy", "--database", source, target, "--yes", *allowed(stack, source, target)]
    change(source, f"DROP TABLE IF EXISTS origin; CREATE TABLE origin AS SELECT '{source}' AS name")
    began = time.monotonic()
    run(stack, *line)
    whole = time.monotonic() - began
    print(f"{source} to {target}: REHEARSAL_SEED={SEED}")
    for moment in moments(SEED, f"{source} {target}", KILLS, whole):
        change(target, "DROP TABLE IF EXISTS marker; CREATE TABLE marker AS SELECT 1 AS one")
        served = tables(target)
        process = start(stack, *line)
        time.sleep(moment)
        process.kill()
        process.communicate()
        found = tables(target)
        assert found == served or is_the_copy(found), f"killed after {moment} s"
        assert target == "beside" or stack.get("/").status == 200
        # What wasn't scrubbed yet doesn't stay; its task sees to that, also while it starts.
        nothing_runs(stack, *{source, target} - {"beside"})
        assert those(NEW, "app", all_of(target)) == [], f"killed after {moment} s"
    run(stack, *line)
    assert is_the_copy(tables(target))
    run(stack, "data", "drop-old", "-s", target, "--yes")
    assert [one for one in all_of(target) if one.startswith("app")] == ["app"]
    nothing_left(stack, *{source, target} - {"beside"})
