"""Lines of several containers come in the order of their times, each once, while the containers go on."""

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from infra.commands.operations import LogLine
from infra.commands.operations.log_order import SETTLING, in_order, last

BEGIN = datetime(2026, 1, 31, 12, tzinfo=UTC)


def line(process: str, millisecond: int) -> LogLine:
    return LogLine(BEGIN + timedelta(milliseconds=millisecond), process, "0", f"{process} {millisecond}")


def slowly(lines: list[LogLine], pause: float) -> Iterator[LogLine]:
    for one in lines:
        time.sleep(pause)
        yield one


def test_ten_thousand_lines_of_three_containers_come_in_order_and_once() -> None:
    streams = [[line(name, 3 * number + offset) for number in range(3334)] for offset, name in enumerate("abc")]
    merged = list(in_order([slowly(streams[0], 0.0001), iter(streams[1]), iter(streams[2])]))
    assert merged == sorted([*streams[0], *streams[1], *streams[2]], key=lambda one: one.time)


def test_a_silent_container_holds_the_others_up_for_a_moment_only() -> None:
    end = threading.Event()

    def silent() -> Iterator[LogLine]:
        end.wait(20)
        yield line("silent", 9)

    begun = time.monotonic()
    merged = in_order([iter([line("web", 1), line("web", 2)]), silent()])
    assert [next(merged).text, next(merged).text] == ["web 1", "web 2"]
    assert SETTLING <= time.monotonic() - begun < 10
    end.set()
    assert [one.text for one in merged] == ["silent 9"]


def test_an_error_of_one_container_comes_after_the_lines_before_it() -> None:
    def broken() -> Iterator[LogLine]:
        yield line("web", 1)
        raise OSError("the engine is gone")

    merged = in_order([broken(), iter([line("database", 2)])])
    assert [next(merged).text, next(merged).text] == ["web 1", "database 2"]
    with pytest.raises(OSError, match="the engine is gone"):
        next(merged)


def test_the_last_lines_come_before_an_error_that_ends_them() -> None:
    def broken() -> Iterator[LogLine]:
        yield from (line("web", number) for number in range(9))
        raise OSError("the engine is gone")

    lines = last(broken(), 2)
    assert [next(lines).text, next(lines).text] == ["web 7", "web 8"]
    with pytest.raises(OSError, match="the engine is gone"):
        next(lines)
