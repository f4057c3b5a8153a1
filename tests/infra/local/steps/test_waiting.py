"""What the steps share: they wait as long as they say, give up where waiting doesn't help, and load little."""

import subprocess
import sys
import time
from typing import Any

import pytest
from docker.errors import APIError, ContainerError, DockerException

from infra import endpoint
from infra.local.steps import waiting as step
from tests.http_server import Reply, serving
from tests.infra.local.steps.engine import Container, Engine


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
@pytest.mark.parametrize("before", [0, 7])
def test_a_container_that_keeps_restarting_is_not_waited_for(
    clock: list[float], before: int, restarts: int, given_up: bool
) -> None:
    """Two restarts may be a server that was slow to let go of its files; more of them repeat the same end.

    The engine counts those, too, from which a container recovered long ago.
    """
    container = Container()
    counts = iter([before, before + restarts])
    container.reload = lambda: container.attrs.update(RestartCount=next(counts))
    answers = iter([*["not yet"] * 45, "", ""])  # looks for a bit more than four seconds
    if given_up:
        with pytest.raises(SystemExit, match="The server keeps restarting"):
            step.wait(container, "The server", lambda: next(answers), 60)
    else:
        step.wait(container, "The server", lambda: next(answers), 60)
    assert next(counts, None) is None, "the number is asked for anew"


@pytest.mark.parametrize(("restarts", "given_up"), [(0, False), (2, False), (3, True)])
def test_a_container_that_is_just_being_restarted_is_judged_by_all_of_its_restarts(
    clock: list[float], restarts: int, given_up: bool
) -> None:
    """After an update that failed it is the same container, and waits for a minute before its next try."""
    container = Container()
    container.attrs |= {"RestartCount": restarts, "State": {"Running": True, "Restarting": True}}
    answers = iter([*["not yet"] * 25, ""])
    if given_up:
        with pytest.raises(SystemExit, match="The server keeps restarting"):
            step.wait(container, "The server", lambda: next(answers), 60)
        assert clock[0] < 103
    else:
        step.wait(container, "The server", lambda: next(answers), 60)
    assert container.reloaded == 1


def test_the_engine_is_asked_only_when_the_wait_gets_long(clock: list[float]) -> None:
    asked: list[float] = []
    container = Container()

    def find() -> Container:
        asked.append(clock[0])
        return container

    step.wait(find, "The server", lambda: "" if clock[0] > 101.5 else "not yet", 60)
    assert asked == []
    step.wait(find, "The server", lambda: "" if clock[0] > 110 else "not yet", 60)
    assert container.reloaded == 4, "every two seconds"


def test_the_container_is_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    container, made = Container("one"), []
    monkeypatch.setattr(endpoint, "client", lambda: made.append(1) or Engine(container))
    find = step.later("one")
    assert made == []
    assert find() is find() is container
    assert made == [1]


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (APIError("409", explanation="port is taken"), "The Docker engine refused: port is taken."),
        (APIError("500", explanation=""), "no longer answers"),
        (
            ContainerError(None, 1, "chmod", "python:3", b"chmod: not permitted\n"),
            r"A container of python:3 failed with exit status 1\. Its last lines:\n  \| chmod: not permitted$",
        ),
        (ContainerError(None, 137, "chmod", "python:3", None), r"failed with exit status 137\.$"),
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


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [
        ("answer", {"docker", "requests", "yaml", "pulumi", "boto3"}),
        ("rollout", {"docker", "requests", "yaml", "pulumi", "boto3"}),
        ("watchdog", {"docker", "requests", "yaml", "pulumi", "boto3", "json", "infra.endpoint"}),
        ("make_bucket", {"docker", "requests", "yaml", "pulumi"}),
        ("set_password", {"yaml", "pulumi", "boto3"}),
        ("release", {"yaml", "pulumi", "boto3"}),
    ],
)
def test_a_step_loads_only_what_it_needs(module: str, unwanted: set[str]) -> None:
    """Each is a Python of its own, which starts beside the server that it waits for."""
    program = f"import sys, infra.local.steps.{module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    loaded = set(done.stdout.split())
    assert f"infra.local.steps.{module}" in loaded
    assert not loaded & unwanted
