"""The command's side of a task that works for it, with a bucket in memory."""

import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from infra.commands.data import cloud_session
from infra.commands.data.cloud_session import CloudSession
from infra.commands.data.ends import BusyError, DataError, ServerError
from tests.waiting import wait_until


class Bucket:
    """Its task answers each order at once, unless it is `deaf`."""

    def __init__(self) -> None:
        self.orders: list[Mapping[str, Any]] = []
        self.answers: dict[int, Any] = {}
        self.deaf, self.breaks = False, 0

    def order(self, order: Mapping[str, Any]) -> None:
        if self.breaks:
            self.breaks -= 1
            raise EndpointConnectionError(endpoint_url="https://s3")
        self.orders.append(order)
        if not self.deaf:
            work = order["work"]
            failure = {"error": "could not extend file: No space left on device"}
            self.answers[order["number"]] = failure if work.get("sql") == "fail" else {"found": work}

    def answer(self, number: int) -> Any:
        return self.answers.get(number)


class Failures:
    found: DataError | None = None


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Bucket:
    monkeypatch.setattr(cloud_session, "BEAT", 0.01)
    return Bucket()


@pytest.fixture
def failures() -> Failures:
    return Failures()


@pytest.fixture
def session(bucket: Bucket, failures: Failures) -> Iterator[CloudSession]:
    session = CloudSession("cloud", bucket, lambda: failures.found, 0.01)  # type: ignore[arg-type]
    with session.kept():
        yield session


def test_each_order_has_a_number_of_its_own_and_is_repeated_as_a_sign_of_life(
    bucket: Bucket, session: CloudSession
) -> None:
    assert session.do("ask", sql="one", first="make", undo="drop") == {"action": "ask", "sql": "one"}
    assert session.do("ask", sql="two") == {"action": "ask", "sql": "two"}
    bucket.breaks = 3  # a sign of life that is lost does no harm
    seen = len(bucket.orders)
    wait_until(lambda: len(bucket.orders) > seen + 3, "signs of life")
    beats = [order["beat"] for order in bucket.orders]
    assert beats == sorted(set(beats)), "each one differs from the one before"
    (one,) = {(order["first"], order["undo"]) for order in bucket.orders if order["number"] == 1}
    (two,) = {(order["first"], order["undo"]) for order in bucket.orders if order["number"] == 2}
    assert (one, two) == (("make", "drop"), ("", ""))


def test_what_the_database_refuses_is_one_line_and_the_session_goes_on(session: CloudSession) -> None:
    with pytest.raises(ServerError, match=r"^The database of cloud: could not extend file: No space left on device$"):
        session.do("ask", sql="fail")
    assert session.do("ask", sql="one")


@pytest.mark.parametrize("error", [DataError("the task is gone"), BusyError("another one")])
def test_a_task_that_ended_says_why(
    bucket: Bucket, session: CloudSession, failures: Failures, error: DataError
) -> None:
    bucket.deaf = True
    threading.Timer(0.05, lambda: setattr(failures, "found", error)).start()
    assert session.is_open()
    with pytest.raises(type(error), match=str(error)):
        session.do("ask", sql="one")
    assert not session.is_open()


def test_no_sign_of_life_comes_after_the_end(bucket: Bucket) -> None:
    session = CloudSession("cloud", bucket, lambda: None, 0.01)  # type: ignore[arg-type]
    with session.kept():
        wait_until(lambda: bucket.orders, "a sign of life")
    seen = len(bucket.orders)
    time.sleep(0.1)
    assert len(bucket.orders) == seen
