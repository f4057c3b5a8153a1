"""The lines of a local stack's container, by what the engine's stream has of them."""

from collections.abc import Iterable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from infra.commands.operations import LogLine, LogQuery
from infra.commands.operations.local_logs import lines
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
