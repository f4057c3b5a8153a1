"""Reads a stack's log group in CloudWatch: the lines of all tasks, in the order of their times."""

import json
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from infra.commands.operations import LogLine, LogQuery

# Lines of another task may arrive this much later than they were printed: the agent on Fargate sends every five
# seconds, https://docs.docker.com/engine/logging/drivers/awslogs/
LATE = timedelta(seconds=15)
PAUSE = 2.0  # seconds between two looks for new lines; AWS allows five calls a second in most regions
WINDOWS = (timedelta(minutes=10), timedelta(hours=3), timedelta(days=1), timedelta(days=14))  # then all that is left
ALWAYS = datetime.fromtimestamp(0, UTC)


class CloudLogs:
    """The lines of a log group. `process_of` tells the process of a container of a task, by the name and the task's id.

    `streams` has the streams that are read: what their names begin with (nothing for all), and since when they may have
    lines that are wanted. `running` has the ids of the tasks that run; only a query for previous ones needs them.
    """

    def __init__(
        self,
        logs: Any,
        group: str,
        process_of: Callable[[str, str], str],
        streams: Mapping[str, datetime],
        running: Collection[str] = (),
    ) -> None:
        self._logs = logs
        self._group = group
        self._process_of = process_of
        self._streams = streams
        self._running = running
        self._seen: dict[str, datetime] = {}  # of event ids, the times of the lines

    def lines(self, query: LogQuery) -> Iterator[LogLine]:
        """The lines that the query asks for. Raises boto3's errors."""
        looked = datetime.now(UTC)
        if query.tail is None:
            yield from self._read(query, query.since or ALWAYS)
        else:
            yield from self._last(query, query.tail, looked)
        while query.follow and not query.previous:
            time.sleep(PAUSE)
            # From before the last look on, however long that took, since lines arrive late.
            begin, looked = looked - LATE, datetime.now(UTC)
            yield from self._read(query, begin)
            self._seen = {event: at for event, at in self._seen.items() if at >= begin - LATE}

    def _last(self, query: LogQuery, wanted: int, now: datetime) -> list[LogLine]:
        """The last lines, looked for further and further back, since CloudWatch reads from the oldest on."""
        earliest = query.since or ALWAYS
        kept: list[LogLine] = []
        end = None
        for begin in [*(now - window for window in WINDOWS if now - window > earliest), earliest]:
            kept = [*self._read(query, begin, end), *kept]
            if len(kept) >= wanted:
                break
            end = begin
        return kept[len(kept) - min(wanted, len(kept)) :]

    def _read(self, query: LogQuery, begin: datetime, end: datetime | None = None) -> Iterator[LogLine]:
        """The lines of that time, the new ones as well without an end, that weren't read before."""
        events: list[dict[str, Any]] = []
        for streams, first in self._streams.items():
            if not end or first < end:
                events += self._events(streams, max(begin, first), end, query.words)
        for event in sorted(events, key=lambda event: event["timestamp"]):
            if event["eventId"] in self._seen:
                continue
            at = datetime.fromtimestamp(event["timestamp"] / 1000, UTC)
            self._seen[event["eventId"]] = at
            _, container, task = str(event["logStreamName"]).rsplit("/", 2)
            if query.previous and task in self._running:
                continue
            process = self._process_of(container, task)
            if not query.processes or process in query.processes:
                yield LogLine(at, process, task[:8], str(event["message"]).rstrip("\n"))

    def _events(self, streams: str, begin: datetime, end: datetime | None, words: str) -> Iterator[dict[str, Any]]:
        """What CloudWatch has of a time, page by page."""
        asked: dict[str, Any] = {"logGroupName": self._group, "startTime": _milliseconds(begin)}
        if end:
            asked["endTime"] = _milliseconds(end)
        if streams:
            asked["logStreamNamePrefix"] = streams
        if words:
            asked["filterPattern"] = json.dumps(words)  # a phrase, so CloudWatch does the looking
        while True:
            answer = self._logs.filter_log_events(**asked)
            yield from answer["events"]
            if not answer.get("nextToken"):
                break
            asked["nextToken"] = answer["nextToken"]


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)
