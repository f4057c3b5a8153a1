"""`django-stack logs` shows the lines that were asked for, readable by people or programs, secrets redacted."""

import io
import json
import re
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner, Result

from infra.commands import logs
from infra.commands.operations import LogLine, LogQuery

AT = datetime(2026, 1, 31, 12, 30, 1, 250000, UTC)
ENTRY = {
    "time": "2026-01-31T12:30:01+0000",
    "level": "ERROR",
    "logger": "django.request",
    "message": "Internal Server Error",
}
FAILED = json.dumps({**ENTRY, "request_id": "abc-1", "traceback": "Traceback:\n  KeyError: 'x'"})
SLOW = json.dumps({**ENTRY, "level": "INFO", "message": "GET /", "request_id": "abc-2"})


class Answers:
    """Operations whose stack printed these lines."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = texts
        self.queries: list[LogQuery] = []

    def secrets(self) -> list[str]:
        return ["TOPSECRET-0a1b2c3d"]

    def logs(self, query: LogQuery) -> Iterator[LogLine]:
        self.queries.append(query)
        return (LogLine(AT, "web", "0123abcd", text) for text in self.texts)


def shown(monkeypatch: pytest.MonkeyPatch, texts: Sequence[str], *arguments: str) -> tuple[Result, Answers]:
    answers = Answers(texts)
    monkeypatch.setattr(logs, "operations", lambda name: answers)
    return CliRunner().invoke(logs.command, arguments), answers


def test_a_line_of_json_is_shown_to_people_with_its_request_and_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    result, _ = shown(monkeypatch, [FAILED])
    assert result.output == (
        "2026-01-31 12:30:01.250 web/0123abcd ERROR django.request: Internal Server Error [abc-1]\n"
        "Traceback:\n  KeyError: 'x'\n"
    )


def test_any_other_line_is_shown_as_it_is_without_secrets_and_escapes(monkeypatch: pytest.MonkeyPatch) -> None:
    result, _ = shown(monkeypatch, ["\x1b[31mkey TOPSECRET-0a1b2c3d\x1b[0m", '{"not": json', "[1]"])
    assert [line.split(" ", 3)[3] for line in result.output.splitlines()] == ["key [secret]", '{"not": json', "[1]"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--request-id", "abc-1"], [FAILED]),
        (["--level", "info"], [SLOW, FAILED, "12:00:00 WARNING django: careful", "  its second line"]),
        (["--level", "warning"], [FAILED, "12:00:00 WARNING django: careful", "  its second line"]),
        (["--level", "ERROR"], [FAILED]),
        (["--grep", "second|start"], ["starting", "  its second line"]),
        (["--grep", "second|start", "--tail", "1"], ["  its second line"]),
        (["--level", "info", "--tail", "2"], ["12:00:00 WARNING django: careful", "  its second line"]),
        ([], ["starting", SLOW, FAILED, "12:00:00 WARNING django: careful", "  its second line"]),
    ],
)
def test_only_the_lines_that_were_asked_for_are_shown(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], expected: list[str]
) -> None:
    lines = ["starting", SLOW, FAILED, "12:00:00 WARNING django: careful", "  its second line"]
    result, _ = shown(monkeypatch, lines, "--json", *arguments)
    entries = [json.loads(line) for line in result.output.splitlines()]
    assert [(one["message"], one.get("request_id")) for one in entries] == [
        (json.loads(line)["message"], json.loads(line)["request_id"]) if line.startswith("{") else (line, None)
        for line in expected
    ]
    assert {(one["process"], one["instance"], one["time"]) for one in entries} <= {
        ("web", "0123abcd", "2026-01-31T12:30:01.250+00:00")
    }


def test_the_last_lines_are_asked_for_unless_a_time_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(monkeypatch, [])[1].queries == [LogQuery((), None, 200, False)]
    assert shown(monkeypatch, [], "-f", "web", "--tail", "5")[1].queries == [LogQuery(("web",), None, 5, True)]
    (query,) = shown(monkeypatch, [], "--since", "2026-01-31T17:00")[1].queries
    assert query == LogQuery((), datetime(2026, 1, 31, 17, tzinfo=UTC), None, False)
    (query,) = shown(monkeypatch, [], "--previous", "--release")[1].queries
    assert query == LogQuery(("release",), None, 200, False, previous=True)
    (query,) = shown(monkeypatch, [], "--since", "2h")[1].queries
    assert query.since is not None
    assert abs(datetime.now(UTC) - timedelta(hours=2) - query.since) < timedelta(minutes=1)


def test_that_there_is_no_such_line_is_said_and_how_far_was_looked(monkeypatch: pytest.MonkeyPatch) -> None:
    result, _ = shown(monkeypatch, ["starting"], "--grep", "nothing", "--since", "2026-01-31T17:00")
    assert (result.stdout, result.stderr) == ("", "There are no such lines since 2026-01-31 17:00 UTC.\n")
    assert shown(monkeypatch, [], "--previous")[0].stderr == "There are no such lines.\n"
    assert shown(monkeypatch, ["starting"])[0].stderr == ""
    assert shown(monkeypatch, [], "--tail", "0")[0].stderr == ""
    assert shown(monkeypatch, ["starting"], "--grep", "start", "--tail", "0")[0].output == ""


DAY = r"since \d{4}-\d\d-\d\d \d\d:\d\d UTC; --since 7d looks further back\.\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--grep", "nothing"], f"There are no such lines {DAY}"),
        (["--grep", "nothing", "--tail", "9"], f"There are no such lines {DAY}"),
        (["--grep", "start", "--tail", "3"], f"There are no more such lines {DAY}"),
        (["--grep", "start", "--tail", "2"], ""),
        (["--grep", "start"], ""),
        (["--tail", "9"], ""),
    ],
)
def test_that_the_lines_of_a_day_are_fewer_than_were_asked_for_is_said(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    assert re.fullmatch(said, shown(monkeypatch, ["starting", "started"], *arguments)[0].stderr)


@pytest.mark.parametrize("option", ["--grep", "--level", "--request-id"])
@pytest.mark.parametrize(
    ("more", "tail"), [([], None), (["-f"], None), (["--tail", "9"], None), (["--tail", "9", "-f"], 9)]
)
def test_some_lines_are_looked_for_in_all_of_a_day(
    monkeypatch: pytest.MonkeyPatch, option: str, more: list[str], tail: int | None
) -> None:
    (query,) = shown(monkeypatch, [], option, "error", *more)[1].queries
    assert query.since is not None
    assert timedelta(hours=23) < datetime.now(UTC) - query.since < timedelta(hours=25)
    assert query.tail == tail
    assert query.words == ("error" if option == "--request-id" else "")


@pytest.mark.parametrize("more", [[], ["--tail", "9"]])
@pytest.mark.parametrize(("platform", "whole"), [("local", True), ("cloud", False)])
def test_a_local_release_is_looked_through_however_old_it_is(
    monkeypatch: pytest.MonkeyPatch, platform: str, whole: bool, more: list[str]
) -> None:
    monkeypatch.setattr(logs, "platform_of", lambda name: platform)
    (query,) = shown(monkeypatch, [], "--release", "--grep", "error", *more)[1].queries
    assert (query.since is None, query.tail) == (whole, None)


def test_a_request_is_found_with_its_traceback_in_the_plain_text_of_debugging(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [
        "12:00:00 INFO django_stack.request: GET / [abc-2]",
        "12:00:01 ERROR django.request: Internal Server Error: / [abc-1]",
        "Traceback (most recent call last):",
        "KeyError: 'x'",
        "12:00:02 INFO django_stack.request: GET /healthz/ready",
        "  its second line",
    ]
    result, _ = shown(monkeypatch, lines, "--request-id", "abc-1")
    assert [line.split(" ", 3)[3] for line in result.output.splitlines()] == lines[1:4]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("variable", "coloured"), [("", True), ("1", False)])
def test_processes_have_colours_of_their_own_on_a_terminal_unless_nobody_wants_them(
    monkeypatch: pytest.MonkeyPatch, variable: str, coloured: bool
) -> None:
    monkeypatch.setenv("NO_COLOR", variable)
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    answers = Answers([])
    lines = [LogLine(AT, process, "0123abcd", "x") for process in ("web", "worker", "web")]
    monkeypatch.setattr(answers, "logs", lambda query: iter(lines))
    monkeypatch.setattr(logs, "operations", lambda name: answers)
    logs.command.main([], standalone_mode=False)
    colours = re.findall(r"\x1b\[(\d+)m(?:web|worker)/", terminal.getvalue())
    assert bool(colours) is coloured
    assert not coloured or (colours[0] == colours[2] != colours[1])
    result, _ = shown(monkeypatch, ["x"])
    assert "\x1b" not in result.output


@pytest.mark.parametrize(
    ("arguments", "output"),
    [
        (["--release", "web"], "--release is a process of its own"),
        (["--previous", "-f"], "--previous has no new lines to follow"),
        (["--since", "soon"], "'soon' is no time; allowed: 30s, 10m, 2h, 3d, or a moment like 2026-01-31T17:00"),
        (["--grep", "("], "'(' is no regular expression"),
        (["--level", "loud"], "'loud' is not one of"),
    ],
)
def test_what_is_no_query_is_refused_with_what_is_allowed(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], output: str
) -> None:
    result, answers = shown(monkeypatch, [], *arguments)
    assert (result.exit_code, answers.queries) == (2, [])
    assert output in result.output
