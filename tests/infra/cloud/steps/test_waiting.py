"""How long the cloud's steps wait for AWS, and how much they show of what went wrong. The clock is scripted."""

import socket
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from infra.cloud import one_off_tasks
from infra.cloud.requests import ReleaseRequest, RolloutRequest
from infra.cloud.steps import release, rollout
from infra.cloud.steps import service as service_step
from infra.cloud.steps.logs import Log
from infra.readiness import Answer
from tests.infra.cloud.steps.release_tasks import ASKED
from tests.infra.cloud.steps.test_rollout import deployment, service

NEW = "arn:aws:ecs:us-east-1:123456789012:task-definition/app:2"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that only sleeping moves on; its one entry is the time."""
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(time, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    return now


@pytest.fixture
def ecs(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The client of every service, whose calls a test sets."""
    made = SimpleNamespace(exceptions=SimpleNamespace(InvalidParameterException=ClientError))
    for module in (release, service_step, one_off_tasks):
        monkeypatch.setattr(module, "client", lambda service, account: made)
    return made


def a_rollout(**changes: Any) -> rollout.Rollout:
    values: dict[str, Any] = {
        **{"region": "us-east-1", "profile": "", "stack": "cloud", "cluster": "app", "service": "app-web"},
        **{"container": "web", "task_definition": NEW, "tasks": 1, "domain": "localhost", "connect_to": "localhost"},
        **{"log_group": "/app", "stream_prefix": "app", "timeout": 600, "tolerance": 30, "pause": 5, "secrets": []},
    }
    return rollout.Rollout(RolloutRequest(**values | changes))


def a_release() -> release.ReleaseRun:
    return release.ReleaseRun(ReleaseRequest(**ASKED | {"pause": 1}))


def test_a_new_task_that_ecs_does_not_know_has_a_minute(clock: list[float], ecs: SimpleNamespace) -> None:
    """Its API is eventually consistent; for longer than this, it's gone."""
    ecs.describe_tasks = lambda **_: {"tasks": []}
    run = a_release().tasks
    assert run.look("task")["lastStatus"] == ""
    clock[0] += 60
    assert run.look("task")["lastStatus"] == ""
    clock[0] += 1
    with pytest.raises(one_off_tasks.TaskError, match="ECS no longer knows the task task"):
        run.look("task")


@pytest.mark.parametrize("refused", [True, False])
def test_a_task_that_does_not_stop_is_left_after_a_minute(
    clock: list[float], ecs: SimpleNamespace, refused: bool
) -> None:
    """Whoever pressed Ctrl-C waits; the next run stops what is left."""

    def stop_task(**_: Any) -> None:
        if refused:
            raise ClientError({"Error": {"Code": "InvalidParameterException"}}, "StopTask")

    ecs.list_tasks = lambda **_: {"taskArns": ["task"]}
    ecs.stop_task = stop_task
    ecs.describe_tasks = lambda **_: {"tasks": [{"lastStatus": "RUNNING"}]}
    a_release().tasks.stop_all("A new release begins")
    assert clock[0] == 1060


def test_a_site_has_a_minute_to_get_ready_however_long_its_tasks_took(
    clock: list[float], ecs: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollout, "ask", lambda *_: Answer(503, "application/json", '{"status": "unavailable"}'))
    run = a_rollout()
    clock[0] += 600  # the tasks took all of rollout-timeout
    with pytest.raises(
        service_step.RolloutError, match="the site is not ready: https://localhost/healthz/ready answers 503"
    ):
        run.wait_until_ready()
    assert clock[0] == 1665, "the first look after the minute"
    clock[0] = 1000
    with pytest.raises(service_step.RolloutError):
        a_rollout(timeout=20).wait_until_ready()
    assert clock[0] == 1025, "never longer than rollout-timeout itself"


def test_a_service_that_does_not_get_steady_has_rollout_timeout(clock: list[float], ecs: SimpleNamespace) -> None:
    going = service(deployment(NEW, runningCount=1), running=1)
    ecs.describe_services = lambda **_: going
    ecs.list_tasks = lambda **_: {"taskArns": []}
    with pytest.raises(
        service_step.RolloutError, match=r"not steady after rollout-timeout, 600 seconds: 1 of 3 tasks run"
    ):
        a_rollout(tasks=3).wait_until_steady()
    assert clock[0] == 1605


def test_a_first_deployment_without_numbers_is_told_as_none_running(clock: list[float], ecs: SimpleNamespace) -> None:
    ecs.describe_services = lambda **_: service(deployment(NEW), running=0)
    ecs.list_tasks = lambda **_: {"taskArns": []}
    with pytest.raises(service_step.RolloutError, match="0 of 1 tasks run"):
        a_rollout().wait_until_steady()


def test_the_ends_of_the_last_two_tasks_are_shown_with_the_end_of_their_logs(
    ecs: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two are enough to see whether they end alike; the last fifteen lines have the exception."""
    monkeypatch.setattr(Log, "read", lambda self: [f"line {number}" for number in range(100)])
    tasks = [
        {
            "taskArn": f"task/{number}",
            "taskDefinitionArn": NEW,
            "stoppedReason": "Essential container exited",
            "containers": [{"name": "prepare", "exitCode": 0}, {"name": "web", "reason": "CannotPull"}],
        }
        for number in range(3)
    ]
    ecs.list_tasks = lambda **asked: {"taskArns": [asked["desiredStatus"]] if asked["serviceName"] == "app-web" else []}
    ecs.describe_tasks = lambda **asked: {"tasks": tasks if asked["tasks"] == ["STOPPED"] else []}
    first, second = a_rollout().stopped_tasks(NEW)
    head, *lines = first.strip().splitlines()
    assert head == (
        "Task 0 stopped: Essential container exited; container web never started (CannotPull). Its last lines:"
    )
    assert [line.strip(" |") for line in lines] == [f"line {number}" for number in range(85, 100)]
    assert second.startswith("\n  Task 1 stopped: ")


def test_the_last_five_events_of_ecs_are_told_once_each(ecs: SimpleNamespace) -> None:
    ecs.list_tasks = lambda **_: {"taskArns": []}
    events = tuple(f"event {number}" for number in range(7))
    (output,) = service(deployment(NEW, rolloutStateReason="event 1"), events=events)["services"]
    lines = a_rollout().reasons(output).strip().splitlines()
    assert [line.strip() for line in lines] == [f"ECS: event {number}" for number in (1, 0, 2, 3, 4)]


@pytest.mark.parametrize(
    ("connect_to", "place"), [("elb.example", ("elb.example", 443)), ("localhost:1", ("localhost", 1))]
)
def test_the_site_is_asked_where_it_answers_for_half_a_minute(
    monkeypatch: pytest.MonkeyPatch, connect_to: str, place: tuple[str, int]
) -> None:
    tried: list[Any] = []

    def connect(address: Any, timeout: float) -> Any:
        tried.append((address, timeout))
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", connect)
    connection = rollout.Connection("www.example.com", connect_to)
    with pytest.raises(ConnectionRefusedError):
        connection.connect()
    assert tried == [(place, 30)]
    assert (connection.host, connection.timeout) == ("www.example.com", 30)


Answering = Callable[..., dict[str, Any]]


def a_log(answer: Answering) -> Log:
    request: Any = SimpleNamespace(log_group="/app", stream_prefix="app", container="web")
    return Log(SimpleNamespace(get_log_events=answer), request, "arn:aws:ecs:us-east-1:1:task/app/0123")


def test_a_log_is_read_from_its_beginning_page_by_page(clock: list[float]) -> None:
    asked: list[dict[str, Any]] = []
    pages = iter([("one", "f/1"), ("two", "f/2"), ("", "f/2"), ("three", "f/3"), ("", "f/3")])

    def answer(**request: Any) -> dict[str, Any]:
        asked.append(request)
        message, token = next(pages)
        return {"events": [{"message": message}] if message else [], "nextForwardToken": token}

    log = a_log(answer)
    assert (log.read(), log.read()) == (["one", "two"], ["three"])
    stream = {"logGroupName": "/app", "logStreamName": "app/web/0123", "startFromHead": True}
    assert asked == [stream, *({**stream, "nextToken": f"f/{number}"} for number in (1, 2, 2, 3))]


@pytest.mark.parametrize(
    "error", [ClientError({"Error": {"Code": "AccessDenied"}}, "GetLogEvents"), BotoCoreError()], ids=str
)
def test_a_log_that_can_not_be_read_is_told_once(error: Exception) -> None:
    def answer(**_: Any) -> dict[str, Any]:
        raise error

    log = a_log(answer)
    assert log.read() == [f"[the log can't be read: {error}]"]
    assert log.read() == []
