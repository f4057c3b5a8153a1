"""The lines of a local stack's container, by what the engine's stream has of them."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from docker.errors import APIError
from requests import Response

from infra.commands import stack
from infra.commands.operations import RELEASE, LogLine, LogQuery, local
from infra.commands.operations.local import StackOperations
from infra.commands.operations.local_logs import lines
from infra.local.labels import PROCESS
from infra.redaction import redactor

AT, LATER = b"2026-11-28T10:00:00.123456789Z ", b"2026-11-28T10:00:00.123999999Z "
PIECE = 16 * 1024  # bytes of a line that the engine keeps together


def read(chunks: Iterable[bytes], **attrs: Any) -> list[LogLine]:
    container: Any = SimpleNamespace(id="0123abcd4567", attrs=attrs)
    engine: Any = SimpleNamespace(api=SimpleNamespace(logs=lambda *_, **__: iter(chunks)))
    return list(lines(engine, "web", container, LogQuery()))


def test_a_line_has_its_time_and_instance() -> None:
    first, second = read([AT + b"one\r\n", LATER + b"\n"])
    assert (first.text, first.process, first.instance) == ("one", "web", "0123abcd")
    assert first.time == datetime(2026, 11, 28, 10, 0, 0, 123456, UTC)
    assert (second.text, second.time.microsecond) == ("", 123999)


@pytest.mark.parametrize("zone", [b"-07:00", b"+05:30"])
def test_a_time_in_another_zone_is_told_in_utc(zone: bytes) -> None:
    (line,) = read([b"2026-11-28T10:00:00.1" + zone + b" one\n"])
    assert line.time == datetime.fromisoformat(f"2026-11-28T10:00:00.1{zone.decode()}")
    assert line.time.tzinfo == UTC


@pytest.mark.parametrize("length", [PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + 7])
def test_a_line_in_pieces_is_one_line_without_the_times_between_them(length: int) -> None:
    """A piece that begins with a time of its own, as a log that quotes a log does, keeps that."""
    text = LATER * (length // len(LATER)) + b"x" * (length % len(LATER))
    pieces = [text[at : at + PIECE] for at in range(0, length, PIECE)]
    found = read([*(AT + piece for piece in pieces[:-1]), LATER + pieces[-1] + b"\n", LATER + b"next\n"])
    assert [line.text for line in found] == [text.decode(), "next"]


def test_a_secret_on_the_boundary_is_whole_and_redacted() -> None:
    secret = "a-password-0123456789abcdef"
    line = f"{'x' * (PIECE - 9)} {secret} end\n".encode()
    (found,) = read([AT + line[:PIECE], LATER + line[PIECE:]])
    assert redactor([secret]).text(found.text) == f"{'x' * (PIECE - 9)} [secret] end"


def test_the_output_of_a_terminal_comes_in_bytes() -> None:
    text = AT + b"one " + LATER + b"two\r\n"
    (line,) = read([bytes([byte]) for byte in text])
    assert line.text == f"one {LATER.decode()}two"


def test_a_line_that_is_not_ended_yet_is_shown_at_the_end() -> None:
    assert [line.text for line in read([AT + b"one\n", LATER + b"two"])] == ["one", "two"]


@pytest.mark.parametrize("status", [404, 409, 500])
def test_a_container_that_went_since_it_was_listed_has_no_lines(status: int) -> None:
    """Docker answers 409 while it removes the container, and 404 afterwards."""

    def refuse(*_: object, **__: object) -> None:
        answer = Response()
        answer.status_code = status
        raise APIError("refused", response=answer)

    container: Any = SimpleNamespace(id="0123abcd4567", attrs={})
    engine: Any = SimpleNamespace(api=SimpleNamespace(logs=refuse))
    if status == 500:
        with pytest.raises(APIError):
            list(lines(engine, "web", container, LogQuery()))
    else:
        assert list(lines(engine, "web", container, LogQuery())) == []


class Engine:
    """An engine with three containers of the app, each of which printed a line a minute, in turn; from `RESTART` on
    after it was started again."""

    def __init__(self) -> None:
        self.containers = SimpleNamespace(list=lambda **_: [self._container(one) for one in NAMES])
        self.api = SimpleNamespace(logs=self._logs)

    def _container(self, name: str) -> Any:
        attrs = {"RestartCount": 1, "State": {"StartedAt": RESTART.isoformat()}}
        labels = {} if name == "web" else {PROCESS: "worker"}
        return SimpleNamespace(id=name, name=f"shop-local-{name}", labels=labels, attrs=attrs)

    def _logs(
        self, name: str, *, tail: int | str, since: float | None, until: float | None, follow: bool, **_: Any
    ) -> Iterator[bytes]:
        """As the engine does: the last lines of all, and of those what is within the time."""
        printed = [BEGIN + timedelta(minutes=minute) for minute in range(30) if NAMES[minute % 3] == name]
        kept = printed if tail == "all" else printed[len(printed) - min(int(tail), len(printed)) :]
        for at in [*kept, BEGIN + timedelta(hours=1)] if follow else kept:
            if (since or 0) <= at.timestamp() <= (until or at.timestamp()):
                yield f"{at.isoformat()} {at.minute + 60 * (at.hour - BEGIN.hour)}\n".encode()


NAMES = ("web", "worker-1", "worker-2")
BEGIN = datetime(2026, 11, 28, 10, tzinfo=UTC)
RESTART = BEGIN + timedelta(minutes=20, seconds=30)
RELEASED = [LogLine(BEGIN + timedelta(minutes=5), RELEASE, "state", str(number)) for number in range(3)]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (LogQuery(tail=4), [26, 27, 28, 29]),
        (LogQuery(tail=0), []),
        (LogQuery(), [*range(30)]),
        (LogQuery(("worker",), tail=3), [26, 28, 29]),
        (LogQuery(since=BEGIN + timedelta(minutes=27), tail=9), [27, 28, 29]),
        (LogQuery(since=BEGIN + timedelta(minutes=9), tail=2), [28, 29]),
        (LogQuery(previous=True, tail=4), [17, 18, 19, 20]),
        (LogQuery(tail=1, follow=True), [27, 28, 29, 60, 60, 60]),
        (LogQuery((RELEASE,)), [0, 1, 2]),
        (LogQuery((RELEASE,), tail=2, follow=True), [1, 2]),
        (LogQuery((RELEASE,), since=BEGIN), [0, 1, 2]),
        (LogQuery((RELEASE,), since=BEGIN + timedelta(minutes=6)), []),
    ],
    ids=repr,
)
def test_the_last_lines_are_those_of_all_containers_together(
    monkeypatch: pytest.MonkeyPatch, query: LogQuery, expected: list[int]
) -> None:
    """With new ones after them, those of each container, since nobody knows when the last old one has come."""
    monkeypatch.setattr(stack, "engine", Engine)
    monkeypatch.setattr(stack, "project_name", lambda: "shop")
    monkeypatch.setattr(local, "release_lines", lambda name: iter(RELEASED))
    assert [int(line.text) for line in StackOperations("local", {}).logs(query)] == expected


@pytest.mark.parametrize(
    ("there", "process", "rest"),
    [
        (NAMES, "wrker", "There are: web, worker. Fix: django-stack logs -s local worker"),
        (NAMES, "relese", "There are: web, worker. Fix: django-stack logs -s local release"),
        (NAMES, "xyz", "There are: web, worker. Fix: django-stack logs -s local"),
        ((), "web", "Fix: make local"),
    ],
)
def test_a_process_that_is_not_there_is_told_with_the_nearest_that_is(
    monkeypatch: pytest.MonkeyPatch, there: tuple[str, ...], process: str, rest: str
) -> None:
    """To start the stack helps only where nothing is."""
    engine = Engine()
    containers = [
        one for one in engine.containers.list(ignore_removed=True) if one.name.removeprefix("shop-local-") in there
    ]
    engine.containers = SimpleNamespace(list=lambda **_: containers)
    monkeypatch.setattr(stack, "engine", lambda: engine)
    monkeypatch.setattr(stack, "project_name", lambda: "shop")
    with pytest.raises(SystemExit) as ended:
        list(StackOperations("local", {}).logs(LogQuery((process,))))
    assert str(ended.value) == f"There is no container shop-local-{process}. {rest}"
