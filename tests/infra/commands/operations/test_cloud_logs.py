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

    def filter_log_events(self, logGroupName: str, startTime: int, nextToken: str = "") -> dict[str, Any]:  # noqa: N803
        assert logGroupName == "/project/cloud"
        begin = int(nextToken or 0)
        found = [event for event in self.events if event["timestamp"] >= startTime]
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
    logs = CloudLogs(CloudWatch(events, arriving), "/project/cloud", lambda task: "run" if task[0] == "b" else "web")
    expected = len(events) + sum(map(len, arriving or []))
    return [line.text for line in islice(logs.lines(query), expected)]


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
