"""A status is whole or says what isn't; a section that can't be asked for leaves the others alone."""

import json
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

from infra.commands import status as command
from infra.commands.operations.services import cache_section, mail_section
from infra.commands.operations.status import ProcessStatus, Section, Status, ago, ask, counted, size

WEB = ProcessStatus("web", 2, 2, "healthy")


def whole(*processes: ProcessStatus, **sections: Section) -> Status:
    return Status("http://localhost:8000/", "shop/local:abc", None, list(processes), sections)


def test_a_section_that_fails_or_hangs_says_so_and_the_others_are_there_in_time() -> None:
    end = threading.Event()

    def hanging() -> Section:
        end.wait(30)
        return Section("too late")

    def refused() -> Section:
        raise RuntimeError("no\n permission")

    def ended() -> Section:
        raise SystemExit("AWS refuses it")

    begun = time.monotonic()
    questions = {"a": hanging, "b": refused, "c": lambda: Section("17"), "d": ended, "e": lambda: None}
    found = ask(questions, 0.5)
    assert time.monotonic() - begun < 5
    end.set()
    assert list(found) == ["a", "b", "c", "d"]
    assert [section.text for section in found.values()] == [
        "can't be asked: no answer in 0.5 seconds",
        "can't be asked: no permission",
        "17",
        "can't be asked: AWS refuses it",
    ]
    assert found["b"].facts == {"error": "no permission"}


def test_sections_are_asked_for_at_the_same_time() -> None:
    together = threading.Barrier(8)

    def question() -> Section:
        together.wait(20)
        return Section("met")

    assert {section.text for section in ask({str(n): question for n in range(8)}, 20).values()} == {"met"}


@pytest.mark.parametrize(
    ("status", "is_whole"),
    [
        (whole(WEB), True),
        (whole(), False),
        (whole(WEB, ProcessStatus("worker", 0, 1, "stopped")), False),
        (whole(ProcessStatus("web", 2, 2, "unhealthy")), False),
        (whole(WEB, database=Section("17")), True),
        (whole(WEB, alarms=Section("errors", is_well=False)), False),
    ],
)
def test_a_stack_is_whole_when_all_of_it_runs_and_nothing_is_known_to_be_wrong(status: Status, is_whole: bool) -> None:
    assert status.is_whole is is_whole


class Answers:
    """Operations of a stack in this state; `asked` is how it was asked."""

    def __init__(self, *states: Status) -> None:
        self.states = list(states)
        self.asked: list[bool] = []

    def status(self, *, cost: bool) -> Status:
        self.asked.append(cost)
        if not self.states:
            raise KeyboardInterrupt
        return self.states.pop(0)


def test_the_status_is_a_line_for_each_thing_and_one_object_for_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    found = Status(
        "https://www.example.com/",
        "shop:abc",
        datetime.now(UTC) - timedelta(hours=3, minutes=5),
        [WEB],
        {"database": Section("PostgreSQL 17.6, 9.1 MB", {"version": "17.6", "bytes": 9_100_000})},
    )
    monkeypatch.setattr(command, "operations", lambda name: Answers(found))
    assert CliRunner().invoke(command.command, []).output == (
        "url       https://www.example.com/\n"
        "version   shop:abc, for 3 hours\n"
        "web       2 of 2 run, healthy\n"
        "database  PostgreSQL 17.6, 9.1 MB\n"
    )
    document = json.loads(CliRunner().invoke(command.command, ["--json"]).output)
    assert document["processes"] == {"web": {"running": 2, "wanted": 2, "health": "healthy"}}
    assert document["database"] == {"version": "17.6", "bytes": 9_100_000}
    assert datetime.fromisoformat(document["since"]) < datetime.now(UTC)


def test_the_exit_status_is_1_when_something_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = whole(WEB, alarms=Section("errors", is_well=False))
    monkeypatch.setattr(command, "operations", lambda name: Answers(broken))
    result = CliRunner().invoke(command.command, [], standalone_mode=False)
    assert (result.return_value, result.output.splitlines()[-1]) == (1, "alarms   errors")


def test_the_cost_is_asked_for_on_demand_only_and_not_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = Answers(whole(WEB), whole(WEB))
    monkeypatch.setattr(command, "operations", lambda name: answers)
    CliRunner().invoke(command.command, [])
    CliRunner().invoke(command.command, ["--cost"])
    assert answers.asked == [False, True]
    assert CliRunner().invoke(command.command, ["--cost", "--watch"]).exit_code == 2


def test_watching_goes_on_while_the_stack_is_down_and_ends_with_control_c(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = Answers(whole(WEB), whole(WEB))
    calls = iter([answers, None, answers, answers])

    def operations(name: str) -> Answers:
        if found := next(calls):
            return found
        raise SystemExit("The container shop-local-web is not running. Fix: make local")

    monkeypatch.setattr(command, "operations", operations)
    monkeypatch.setattr(command, "PAUSE", 0)
    result = CliRunner().invoke(command.command, ["--watch", "--json"], standalone_mode=False)
    assert result.return_value == 130
    assert [sorted(json.loads(line))[0] for line in result.output.splitlines()] == ["image", "error", "image"]


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (153_400, "153 kB"),
        (3_420_000, "3.4 MB"),
        (5e12, "5.0 TB"),
    ],
)
def test_sizes_are_in_units_that_people_read(number: float, text: str) -> None:
    assert size(number) == text


def test_times_are_in_their_largest_unit() -> None:
    now = datetime.now(UTC)
    assert ago(now - timedelta(days=1, hours=5)) == "1 day ago"
    assert ago(now - timedelta(minutes=59)) == "59 minutes ago"
    assert counted(1234, "object") == "1,234 objects"


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("dummymail://", "not sent: thrown away (dummymail)"),
        ("smtp+tls://user:TOPSECRET@mail.example.com:587", "sent by smtp+tls at mail.example.com"),
        ("", "the project's own; without one, printed to the log"),
    ],
)
def test_where_mail_goes_is_said_without_the_password(url: str, text: str) -> None:
    assert mail_section({"EMAIL_URL": url}).text == text


def test_the_cache_is_named_without_its_password() -> None:
    assert (
        cache_section({"CACHE_URL": "rediss://:TOPSECRET@cache.example.com:6379"}).text == "rediss at cache.example.com"
    )
    assert cache_section({}).facts == {"scheme": None}
