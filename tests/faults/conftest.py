"""Stacks to break. When things break is drawn from a seed, which is printed at the top and set by FAULTS_SEED."""

import os
import secrets
from collections.abc import Generator

import psycopg
import pytest

from tests.e2e.conftest import MakeStack, engine, every_stack, make_stack, stops
from tests.e2e.stacks import SERVING, Stack
from tests.moments import moments as drawn
from tests.waiting import wait_until

__all__ = ["engine", "every_stack", "make_stack", "stops"]

# The processes among which pytest divides the tests get the same one.
os.environ["FAULTS_SEED"] = os.environ.get("FAULTS_SEED") or str(secrets.randbelow(10**6))
SEED = int(os.environ["FAULTS_SEED"])

# What a user sees when the stack's lock is left over from a pulumi that was killed.
LOCKED = "the stack is currently locked by 1 lock(s)"
# What else they may see at the next `up`, before `make repair`: what is there already and the state doesn't know, or a
# state that was being written.
UNKNOWN = ("is already in use by container", "already exists")
CUT = "failed to load checkpoint: EOF"


def pytest_report_header() -> str:
    return f"faults: FAULTS_SEED={SEED}"


def moments(purpose: str, count: int, seconds: float) -> list[float]:
    """Random moments (seconds from the start), one in each of `count` equal parts."""
    return drawn(SEED, purpose, count, seconds)


BROKEN = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Notes that a test failed, and may have left the shared stack as it was broken."""
    report = yield
    if report.failed:
        item.session.stash[BROKEN] = True
    return report


@pytest.fixture
def victim(shared_victim: Stack, request: pytest.FixtureRequest) -> Stack:
    """The shared stack, mended if a test before this one failed: one failure is to be one failure."""
    if request.session.stash.get(BROKEN, False):
        shared_victim.configure()
        mend(shared_victim)
        request.session.stash[BROKEN] = False
    return shared_victim


@pytest.fixture(scope="session")
def shared_victim(make_stack: MakeStack) -> Stack:
    """A stack with the defaults, up, with a table and an object in it; its image is its own."""
    stack = make_stack("victim", SERVING, is_shared=True)
    (stack.app / "stack.txt").write_text(stack.name)
    stack.up()
    leave_data(stack)
    return stack


def leave_data(stack: Stack) -> None:
    """Data that must outlive every fault."""
    with psycopg.connect(stack.outputs()["DATABASE_URL"], connect_timeout=5) as connection:
        connection.execute("create table kept as select generate_series(1, 1000) as number")
    bucket = stack.bucket()
    bucket.client.put_object(Bucket=bucket.name, Key="kept", Body=b"x" * 100_000)


def is_whole(stack: Stack) -> None:
    """The site is ready, nothing is lost, and nothing is left to do."""
    stack.wait_until_ready()
    assert stack.query("select count(*), sum(number) from kept") == [(1000, 500_500)]
    bucket = stack.bucket()
    assert bucket.client.get_object(Bucket=bucket.name, Key="kept")["Body"].read() == b"x" * 100_000
    assert {container.name.removeprefix(f"{stack.prefix}-") for container in stack.containers()} == {
        "web",
        "database",
        "media",
    }
    stack.up("--expect-no-changes")


def mend(stack: Stack) -> None:
    """What the README says: `up` again, or `make repair` and then `up`."""
    again = stack.up("--refresh", check=False)
    if again.returncode != 0:
        assert any(words in again.stdout for words in (LOCKED, CUT, *UNKNOWN)), again.stdout
        stack.make_target("repair")
        stack.up()
    stack.wait_until_ready()


def wait_for_s3(stack: Stack) -> None:
    """The S3 server answers its clients again."""

    def answers() -> bool:
        try:
            return bool(stack.bucket().client.list_buckets())
        except Exception:
            return False

    wait_until(answers, "the S3 server")
