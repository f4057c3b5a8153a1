"""The lines of a log group in CloudWatch come in order, each once, those that arrive late as well."""

from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import pytest

from infra.commands.operations import LogQuery, cloud_logs
from infra.commands.operations.cloud_logs import CloudLogs

PAGE = 1000


class CloudWatch:
    """A log group that answers in pages as FilterLogEvents does; `arriving` arrive one batch a call after the first."""

    def __init__(self, events: list[dict[str, Any]], arriving: list[list[dict[str, Any]]] | None = None) -> None:
        self.events = events
        self.arriving = arriving or []
        self.patterns: set[str] = set()

    def filter_log_events(self, **asked: Any) -> dict[str, Any]:
        assert asked["logGroupName"] == "/project/cloud"
        self.patterns.add(asked.get("filterPattern", ""))
        begin = int(asked.get("nextToken", 0))
        found = [event for event in self.events if event["timestamp"] >= asked["startTime"]]
        answer: dict[str, Any] = {"events": found[begin : begin + PAGE]}
        if begin + PAGE < len(found):
            answer["nextToken"] = str(begin + PAGE)
        elif self.arriving:
            self.events = self.events + self.arriving.pop(0)
        return answer


def event(number: int, ago: float, task: str = "a" * 32) -> dict[str, Any]:
    at = datetime.now(UTC) - timedelta(seconds=ago)
    return {
        "eventId": f"event-{number}",
        "timestamp": int(at.timestamp() * 1000),
        "logStreamName": f"app/web/{task}",
        "message": f"line {number}\n",
    }


def texts(
    events: list[dict[str, Any]], query: LogQuery, arriving: list[list[dict[str, Any]]] | None = None
) -> list[str]:
    logs = CloudLogs(CloudWatch(events, arriving), "/project/cloud", process_of, {"a" * 32})
    expected = len(events) + sum(map(len, arriving or []))
    return [line.text for line in islice(logs.lines(query), expected)]


def process_of(container: str, task: str) -> str:
    return "run" if task[0] == "b" else container


@pytest.fixture(autouse=True)
def _without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cloud_logs.time, "sleep", lambda seconds: None)


def test_ten_thousand_lines_on_many_pages_come_once_and_in_order() -> None:
    events = [event(number, ago=11 - number / 1000) for number in range(10_000)]
    mixed = [one for offset in range(7) for one in events[offset::7]]
    expected = [f"line {number}" for number in range(10_000)]
    assert texts(mixed, LogQuery(since=datetime.now(UTC) - timedelta(minutes=1))) == expected


def test_the_last_lines_are_found_however_old_they_are() -> None:
    events = [event(number, ago=86400 * 9 - number) for number in range(50)]
    assert texts(events, LogQuery(tail=3)) == ["line 47", "line 48", "line 49"]
    assert texts(events, LogQuery(tail=0)) == []
    assert texts(events, LogQuery(tail=200)) == [f"line {number}" for number in range(50)]
    assert texts(events, LogQuery(tail=2, since=datetime.now(UTC) - timedelta(days=30))) == ["line 48", "line 49"]


def test_new_lines_are_shown_once_also_those_that_arrive_late() -> None:
    old = [event(number, ago=5) for number in range(3)]
    arriving = [[], [event(3, ago=1)], [event(4, ago=8)], [], [event(5, ago=0.1), event(6, ago=0)]]
    assert texts(old, LogQuery(since=datetime.now(UTC) - timedelta(seconds=20), follow=True), arriving) == [
        f"line {number}" for number in range(7)
    ]


def test_only_the_processes_that_were_asked_for_are_shown() -> None:
    events = [event(0, ago=3), event(1, ago=2, task="b" * 32), event(2, ago=1)]
    assert texts(events, LogQuery(processes=("run",), tail=10)) == ["line 1"]
    assert texts(events, LogQuery(processes=("web",), tail=10)) == ["line 0", "line 2"]


def test_a_worker_is_known_by_its_containers_name() -> None:
    worker = {**event(0, ago=3), "logStreamName": f"app/worker/{'c' * 32}"}
    assert texts([worker, event(1, ago=2)], LogQuery(processes=("worker",), tail=10)) == ["line 0"]


def test_previous_lines_are_those_of_tasks_that_no_longer_run() -> None:
    events = [event(0, ago=3, task="c" * 32), event(1, ago=2), event(2, ago=1, task="c" * 32)]
    assert texts(events, LogQuery(tail=10, previous=True)) == ["line 0", "line 2"]


def test_cloudwatch_itself_looks_for_the_lines_of_a_request() -> None:
    watch = CloudWatch([event(0, ago=1)])
    list(CloudLogs(watch, "/project/cloud", process_of).lines(LogQuery(tail=1, words='4f-6"c')))
    assert watch.patterns == {'"4f-6\\"c"'}


def test_no_line_is_lost_while_a_look_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten thousand lines a second: a look takes longer than lines are late, and another two hundred thousand arrive."""

    class Clock(datetime):
        at = datetime.now(UTC)

        @classmethod
        def now(cls, tz: Any = None) -> "datetime":  # type: ignore[override]
            return cls.at

    class Slow(CloudWatch):
        def filter_log_events(self, **asked: Any) -> dict[str, Any]:
            answer = super().filter_log_events(**asked)
            if "nextToken" not in answer:
                Clock.at += timedelta(seconds=40)
            return answer

    monkeypatch.setattr(cloud_logs, "datetime", Clock)
    begun = Clock.at

    def at(number: int, seconds: float) -> dict[str, Any]:
        moment = begun + timedelta(seconds=seconds)
        return {**event(number, 0), "timestamp": int(moment.timestamp() * 1000)}

    # Each batch arrives in the middle of a look, and is as old as its beginning.
    arriving = [[at(look * 10 + one, 40 * look + one) for one in range(10)] for look in range(6)]
    logs = CloudLogs(Slow([], arriving), "/project/cloud", process_of)
    query = LogQuery(since=begun - timedelta(seconds=5), follow=True)
    assert [line.text for line in islice(logs.lines(query), 60)] == [f"line {number}" for number in range(60)]
