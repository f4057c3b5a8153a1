"""The lines of a log group in CloudWatch come in order, each once, those that arrive late as well."""

from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import pytest

from infra.commands.operations import LogQuery, cloud_logs
from infra.commands.operations.cloud_logs import ALWAYS, CloudLogs
from tests.infra.commands.operations.conftest import ECS, Cloud

PAGE = 1000
GROUP = "/project/cloud"
HOUR = 3600
ALL = {"": ALWAYS}


class CloudWatch:
    """A log group that answers in pages as FilterLogEvents does; `arriving` arrive one batch a call after the first."""

    def __init__(self, events: list[dict[str, Any]], arriving: list[list[dict[str, Any]]] | None = None) -> None:
        self.events = events
        self.arriving = arriving or []
        self.patterns: set[str] = set()
        self.asked: list[dict[str, Any]] = []
        self.read = 0  # events

    def filter_log_events(self, **asked: Any) -> dict[str, Any]:
        assert asked["logGroupName"] == GROUP
        self.patterns.add(asked.get("filterPattern", ""))
        self.asked.append(dict(asked))
        begin = int(asked.get("nextToken", 0))
        found = [
            event
            for event in self.events
            if asked["startTime"] <= event["timestamp"] <= asked.get("endTime", event["timestamp"])
            and event["logStreamName"].startswith(asked.get("logStreamNamePrefix", ""))
        ]
        answer: dict[str, Any] = {"events": found[begin : begin + PAGE]}
        self.read += len(answer["events"])
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
    logs = CloudLogs(CloudWatch(events, arriving), GROUP, process_of, ALL, {"a" * 32})
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


@pytest.mark.parametrize("since", [None, 3])
def test_the_last_lines_are_looked_for_from_the_end_and_nothing_is_read_twice(since: int | None) -> None:
    """Ten lines an hour ago, and ten for each of five days."""
    ages = [begin + number for begin in (HOUR, *(day * 25 * HOUR for day in range(1, 6))) for number in range(10)]
    watch = CloudWatch([event(number, ago) for number, ago in enumerate(ages)])
    logs = CloudLogs(watch, GROUP, process_of, ALL)
    query = LogQuery(since=datetime.now(UTC) - timedelta(days=since, hours=12) if since else None, tail=15)
    newest = [f"line {number}" for number in (4, 3, 2, 1, 0)]
    assert [line.text for line in logs.lines(LogQuery(since=query.since, tail=5))] == newest
    assert watch.read == 10
    watch.read = 0
    found = list(CloudLogs(watch, GROUP, process_of, ALL).lines(query))
    assert (len(found), [line.time for line in found]) == (15, sorted(line.time for line in found))
    assert watch.read == (40 if since else 60)


def test_only_the_streams_that_may_have_wanted_lines_are_read_and_from_when_they_may() -> None:
    now = datetime.now(UTC)
    old = [event(number, ago=86400 * 2 + number) for number in range(50)]
    worker = {**event(50, ago=86400 * 3), "logStreamName": f"app/worker/{'c' * 32}"}
    watch = CloudWatch([*old, worker, event(51, ago=60, task="b" * 32)])
    first = now - timedelta(minutes=2)
    logs = CloudLogs(watch, GROUP, process_of, {"app/worker/": ALWAYS, "app/web/": first})
    found = logs.lines(LogQuery(("worker", "run"), tail=200))
    assert [line.text for line in found] == ["line 50", "line 51"]
    assert watch.read == 2
    (web,) = [one for one in watch.asked if one["logStreamNamePrefix"] == "app/web/"]
    assert web["startTime"] == int(first.timestamp() * 1000)


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
    list(CloudLogs(watch, GROUP, process_of, ALL).lines(LogQuery(tail=1, words='4f-6"c')))
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
    logs = CloudLogs(Slow([], arriving), GROUP, process_of, ALL)
    query = LogQuery(since=begun - timedelta(seconds=5), follow=True)
    assert [line.text for line in islice(logs.lines(query), 60)] == [f"line {number}" for number in range(60)]


# What ECS knows: the task, what started it, and how many seconds ago.
TASKS: dict[str, dict[str, Any]] = {
    "a" * 32: {"startedBy": "ecs-svc/1", "group": "service:shop-cloud-web", "ago": 9 * 24 * HOUR},
    "b" * 32: {"startedBy": "run-0a1b2c3d", "group": "family:shop-cloud", "ago": 5 * HOUR},
    "c" * 32: {"startedBy": "release", "group": "family:shop-cloud", "ago": 0.9 * HOUR},
    "d" * 32: {"startedBy": "release", "group": "family:shop-cloud", "ago": 0.5 * HOUR},
}


@pytest.mark.parametrize(
    ("arguments", "read", "shown"),
    [
        (["--release"], {"app/release/": None, "app/web/": 0.9 * HOUR}, ["line 2", "line 3"]),
        (["--release", "--tail", "1"], {"app/release/": HOUR / 6, "app/web/": HOUR / 6}, ["line 3"]),
        (["--release", "--since", "9d"], {"app/release/": 9 * 24 * HOUR, "app/web/": 0.9 * HOUR}, ["line 2", "line 3"]),
        (["run"], {"app/run/": None, "app/web/": 5 * HOUR}, ["line 1"]),
        (["shell"], {"app/shell/": None, "app/web/": 0}, []),
        (["worker"], {"app/worker/": None, "app/web/": 0}, ["line 4"]),
        (["web", "worker"], {"app/web/": None, "app/worker/": None}, ["line 4", "line 0"]),
        (["--level", "error", "--tail", "1"], {"": 24 * HOUR}, []),
        (["--request-id", "1a2b", "--tail", "1"], {"": 24 * HOUR}, []),
    ],
)
def test_the_log_group_is_not_read_further_back_than_there_can_be_such_lines(
    cloud: Cloud, arguments: list[str], read: dict[str, float | None], shown: list[str]
) -> None:
    """`read` has the streams that are read, and from how many seconds ago on; None for all that there is."""
    now = datetime.now(UTC).timestamp()
    watch = CloudWatch([event(number, 60 - number, task) for number, task in enumerate(TASKS)])
    watch.events += [{**event(4, 9 * 24 * HOUR), "logStreamName": f"app/worker/{'e' * 32}"}]

    def listed(request: dict[str, Any]) -> dict[str, Any]:
        arns = [f"{ECS}:task/shop-cloud/{task}" for task in TASKS]
        return {"taskArns": arns[2:] if request["desiredStatus"] == "STOPPED" else arns[:2]}

    def described(request: dict[str, Any]) -> dict[str, Any]:
        found = {arn: TASKS[arn.rpartition("/")[2]] for arn in request["tasks"]}
        tasks = [{"taskArn": arn, **one, "createdAt": now - one["ago"]} for arn, one in found.items()]
        return {"tasks": tasks, "failures": []}

    cloud.aws.on("ListTasks", listed)
    cloud.aws.on("DescribeTasks", described)
    cloud.aws.on("FilterLogEvents", lambda request: watch.filter_log_events(**request | {"logGroupName": GROUP}))
    done = cloud.run("logs", *arguments)
    assert [line.split(" ", 3)[3] for line in done.stdout.splitlines()] == shown
    first: dict[str, float] = {}
    for asked in watch.asked:
        streams = asked.get("logStreamNamePrefix", "")
        first[streams] = min(asked["startTime"] / 1000, first.get(streams, now))
    assert first.keys() == read.keys()
    for streams, ago in read.items():
        assert first[streams] == pytest.approx(0 if ago is None else now - ago, abs=60)
