"""Merges the lines of several containers that are still printing, in the order of the lines' times."""

import queue
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress

from infra.commands.operations import LogLine

SETTLING = 0.3  # seconds without a line, after which a container isn't waited for any more


def in_order(streams: Sequence[Iterator[LogLine]]) -> Iterator[LogLine]:
    """The lines of all streams; each stream is in order, may take long for its next line, and may never end.

    A line waits for earlier ones until the other streams had `SETTLING` for it. An error of one stream is raised when
    all lines before it are out.
    """
    if len(streams) == 1:
        yield from streams[0]
        return
    arrived: queue.Queue[tuple[int, LogLine | None, Exception | None]] = queue.Queue()
    for number, stream in enumerate(streams):
        threading.Thread(target=_read, args=(number, stream, arrived), daemon=True).start()
    waiting: dict[int, deque[LogLine]] = {number: deque() for number in range(len(streams))}
    heard = dict.fromkeys(waiting, time.monotonic())  # when the last line of a stream arrived
    errors: list[Exception] = []
    while heard or any(waiting.values()):
        with suppress(queue.Empty):
            number, line, error = arrived.get(timeout=SETTLING / 3)
            if line:
                waiting[number].append(line)
                heard[number] = time.monotonic()
            else:
                del heard[number]
                errors += [error] if error else []
        yield from _due(waiting, heard)
    if errors:
        raise errors[0]


def last(lines: Iterator[LogLine], number: int | None) -> Iterator[LogLine]:
    """The last so many of lines that end, or all of them; an error is raised when those before it are out."""
    if number is None:
        yield from lines
        return
    kept: deque[LogLine] = deque(maxlen=number)
    try:
        kept.extend(lines)
    finally:
        yield from kept


def _due(waiting: dict[int, deque[LogLine]], heard: dict[int, float]) -> Iterator[LogLine]:
    """The lines before which no other can come: from each stream there is a later one, or nothing for a while."""
    while any(waiting.values()):
        silent_since = time.monotonic() - SETTLING
        if any(at > silent_since and not waiting[number] for number, at in heard.items()):
            return
        yield min((lines for lines in waiting.values() if lines), key=lambda lines: lines[0].time).popleft()


def _read(
    number: int, stream: Iterator[LogLine], arrived: "queue.Queue[tuple[int, LogLine | None, Exception | None]]"
) -> None:
    try:
        for line in stream:
            arrived.put((number, line, None))
    except Exception as error:  # raised again by the reader of the queue
        arrived.put((number, None, error))
    else:
        arrived.put((number, None, None))
