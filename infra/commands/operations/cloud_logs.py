"""Reads a stack's log group in CloudWatch: the lines of all tasks, in the order of their times."""

import json
import time
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from infra.commands.operations import LogLine, LogQuery

# Lines of another task may arrive this much later than they were printed: the agent on Fargate sends every five
# seconds, https://docs.docker.com/engine/logging/drivers/awslogs/
LATE = timedelta(seconds=15)
PAUSE = 2.0  # seconds between two looks for new lines; AWS allows five calls a second in most regions
WINDOWS = (timedelta(minutes=10), timedelta(hours=3), timedelta(days=1), timedelta(days=14), timedelta(days=400))


class CloudLogs:
    """The lines of a log group. `process_of` tells the process of a container of a task, by the name and the task's id.

    `running` has the ids of the tasks that run; only a query for previous ones needs them.
    """

    def __init__(
        self, logs: Any, group: str, process_of: Callable[[str, str], str], running: Collection[str] = ()
    ) -> None:
        self._logs = logs
        self._group = group
        self._process_of = process_of
        self._running = running
        self._seen: dict[str, datetime] = {}  # of event ids, the times of the lines

    def lines(self, query: LogQuery) -> Iterator[LogLine]:
        """The lines that the query asks for. Raises boto3's errors."""
        looked = datetime.now(UTC)
        if query.since:
            kept = [*self._read(query.since, query)]
            yield from kept if query.tail is None else kept[len(kept) - min(query.tail, len(kept)) :]
        else:
            yield from self._last(looked, query)
        while query.follow and not query.previous:
            time.sleep(PAUSE)
            # From before the last look on, however long that took, since lines arrive late.
            begin, looked = looked - LATE, datetime.now(UTC)
            yield from self._read(begin, query)
            self._seen = {event: at for event, at in self._seen.items() if at >= begin - LATE}

    def _last(self, now: datetime, query: LogQuery) -> list[LogLine]:
        """The last lines, looked for in longer and longer times, since CloudWatch reads from the oldest on."""
        wanted = query.tail if query.tail is not None else 10**9
        kept: list[LogLine] = []
        for window in WINDOWS:
            self._seen.clear()
            kept = [*self._read(now - window, query)]
            if len(kept) >= wanted:
                break
        return kept[len(kept) - min(wanted, len(kept)) :]

    def _read(self, begin: datetime, query: LogQuery) -> Iterator[LogLine]:
        """The lines from `begin` on that weren't read before."""
        events: list[dict[str, Any]] = []
        asked: dict[str, Any] = {"logGroupName": self._group, "startTime": int(begin.timestamp() * 1000)}
        if query.words:
            asked["filterPattern"] = json.dumps(query.words)  # a phrase, so CloudWatch does the looking
        while True:
            answer = self._logs.filter_log_events(**asked)
            events += answer["events"]
            if not answer.get("nextToken"):
                break
            asked["nextToken"] = answer["nextToken"]
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
