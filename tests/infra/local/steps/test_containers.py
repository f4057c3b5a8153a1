"""What the steps share: they wait as long as they say, give up where waiting doesn't help, and quote a log's end."""

import time
from typing import Any

import pytest
from docker.errors import APIError, DockerException

from infra.local.steps import containers as step
from tests.http_server import Reply, serving
from tests.infra.local.steps.engine import Container


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that only sleeping moves on; its one entry is the time."""
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(time, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    return now


def test_a_container_that_gets_ready_is_waited_for(clock: list[float]) -> None:
    answers = iter(["nothing yet", "still nothing", ""])
    step.wait(Container(), "The server", lambda: next(answers), 60)
    assert 100 < clock[0] < 101, "it looks several times a second, and not without a pause"


def test_a_container_that_does_not_get_ready_ends_the_wait_with_its_last_lines(clock: list[float]) -> None:
    container = Container(lines=("starting", "no space left"))
    with pytest.raises(SystemExit) as end:
        step.wait(container, "The server", lambda: "no answer", 60)
    assert str(end.value).startswith("The server is not ready after 60 seconds: no answer. Its last lines:")
    assert "| no space left" in str(end.value)
    assert 160 <= clock[0] < 161


@pytest.mark.parametrize(("restarts", "given_up"), [(0, False), (2, False), (3, True)])
def test_a_container_that_keeps_restarting_is_not_waited_for(clock: list[float], restarts: int, given_up: bool) -> None:
    """Two restarts may be a server that was slow to let go of its files; more of them repeat the same end."""
    container = Container()
    container.attrs["RestartCount"] = restarts
    answers = iter(["not yet", "", ""])
    if given_up:
        with pytest.raises(SystemExit, match="The server keeps restarting"):
            step.wait(container, "The server", lambda: next(answers), 60)
    else:
        step.wait(container, "The server", lambda: next(answers), 60)
    assert container.reloaded == 1, "the number is asked for anew"


def test_the_last_twenty_lines_are_quoted_without_our_own_requests() -> None:
    ours = 'GET /healthz/ready HTTP/1.1" 503'
    lines = [f"line {number}" for number in range(30)]
    output = step.last_lines(Container(lines=(*lines, *[ours] * 30)), [])
    assert [line.strip(" |") for line in output.splitlines()[1:]] == lines[10:]
    assert ours in step.last_lines(Container(lines=(ours,)), []), "rather these than nothing"


def test_a_secret_that_is_cut_by_the_first_line_is_redacted() -> None:
    """More lines are read than shown: of a value of several lines, the first one shown may be the second half."""
    secret = "first-half-of-a-key\nsecond-half-of-a-key"
    lines = (*secret.splitlines(), *(f"line {number}" for number in range(19)))
    assert "half-of-a-key" not in step.last_lines(Container(lines=lines), [secret])


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (APIError("409", explanation="port is taken"), "The Docker engine refused: port is taken."),
        (APIError("500", explanation=""), "no longer answers"),
        (DockerException("no such file"), "no longer answers"),
        (ConnectionResetError(), "no longer answers"),
    ],
)
def test_an_engine_that_refuses_or_is_gone_ends_the_step_with_one_line(error: Exception, message: str) -> None:
    with pytest.raises(SystemExit, match=message), step.engine_errors():
        raise error


@pytest.mark.parametrize(
    ("status", "missing"), [(200, ""), (204, "{url} answers 204 fine"), (503, "{url} answers 503 fine")]
)
def test_only_a_200_counts_as_an_answer(status: int, missing: str) -> None:
    asked: list[Any] = []

    def answer(request: Any) -> Reply:
        asked.append((request.path, request.headers["Host"]))
        return Reply(status, "text/plain", "" if status == 204 else "fine")

    with serving(answer) as port:
        url = f"http://127.0.0.1:{port}/health"
        assert step.unanswered(url) == missing.format(url=url).removesuffix("fine" if status == 204 else "")
        assert asked == [("/health", f"127.0.0.1:{port}")]
    assert step.unanswered(url).startswith(f"{url} answers nothing (")


def test_of_a_long_answer_the_beginning_is_shown() -> None:
    with serving(lambda _: Reply(500, "text/plain", "x" * 5000)) as port:
        url = f"http://127.0.0.1:{port}/health"
        assert step.unanswered(url) == f"{url} answers 500 {'x' * 1000}"
