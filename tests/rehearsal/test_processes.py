"""Processes of the cloud stack: they run beside the site, are rolled out before it, and a single one never twice."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import docker
import pytest

from tests.rehearsal.stacks import Stack, polling
from tests.rehearsal.tasks import CLUSTER, service
from tests.waiting import wait_until

pytestmark = [pytest.mark.docker, pytest.mark.pulumi, pytest.mark.rehearsal]

PROGRAM = """
import os, signal, sys, time

def end(number, frame):
    print("told to end by", number, flush=True)
    time.sleep(4)
    print("has ended", flush=True)
    sys.exit(0)

signal.signal(signal.SIGTERM, end)
print("works on", os.environ.get("QUEUE"), "with", os.environ.get("A_TOKEN"), "first", flush=True)
while True:
    time.sleep(0.1)
"""
PROCESSES = {
    "beat": {"command": "python process.py", "connections": 0, "stop-timeout": 20},
    "worker": {"command": "python process.py", "connections": 0, "count": 2, "stop-timeout": 20, "env": {"QUEUE": "x"}},
}
NAME, TASK = "com.amazonaws.ecs.container-name", "com.amazonaws.ecs.task-arn"


@pytest.fixture(scope="module")
def working(stack: Stack) -> Stack:
    """The stack with a worker of two tasks, which knows a secret of its own, and a single beat."""
    (stack.app / "process.py").write_text(PROGRAM)
    stack.change(processes=PROCESSES)
    done = stack.pulumi("config", "set", "--secret", "--path", "processes.worker.env.A_TOKEN", "hush-hush-token")
    assert done.returncode == 0, done.stderr
    begun = time.monotonic()
    status, output = stack.update()
    assert status == 0, output
    print(f"the first start of both: {time.monotonic() - begun:.0f} s, of which 30 s are the check's")
    return stack


def of(stack: Stack, process: str) -> Any:
    """The service of a process as ECS describes it."""
    name = f"{CLUSTER}-{process}"
    return stack.client("ecs").describe_services(cluster=CLUSTER, services=[name])["services"][0]


def containers(stack: Stack, process: str) -> list[Any]:
    """The containers of a process that run."""
    found = stack.engine.containers.list(filters={"label": f"{NAME}={process}"}, ignore_removed=True)
    return list(found)


def lines(stack: Stack, process: str) -> dict[str, list[str]]:
    """What the tasks of a process printed, by log stream."""
    logs = stack.client("logs")
    streams = logs.describe_log_streams(logGroupName="/django-stack/rehearsal", logStreamNamePrefix=f"app/{process}/")[
        "logStreams"
    ]
    found = {}
    for stream in streams:
        name = stream["logStreamName"]
        events = logs.get_log_events(logGroupName="/django-stack/rehearsal", logStreamName=name)["events"]
        found[name] = [event["message"] for event in events]
    return found


@contextmanager
def counted(stack: Stack, process: str) -> Iterator[dict[float, int]]:
    """How many containers of a process run at which moments, looked at all the time."""
    counts: dict[float, int] = {}
    end = threading.Event()

    def count() -> None:
        while not end.wait(0.1):
            try:
                counts[time.monotonic()] = len(containers(stack, process))
            except docker.errors.DockerException:
                continue

    thread = threading.Thread(target=count, daemon=True)
    thread.start()
    try:
        yield counts
    finally:
        end.set()
        thread.join()


def test_processes_run_with_their_variables_and_logs_by_their_names(working: Stack) -> None:
    assert (of(working, "worker")["runningCount"], of(working, "beat")["runningCount"]) == (2, 1)
    printed = lines(working, "worker")
    assert len(printed) == 2
    assert {one[0] for one in printed.values()} == {"works on x with hush-hush-token first"}
    assert [one[0] for one in lines(working, "beat").values()] == ["works on None with None first"]
    assert "hush-hush" not in str(working.resources())
    status, output = working.update("--expect-no-changes")
    assert status == 0, output


def test_an_alarm_rings_for_a_process_without_tasks_only(working: Stack) -> None:
    def alarm(process: str) -> str:
        name = f"{CLUSTER}-no-task-of-{process}"
        (found,) = working.client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"]
        return str(found["StateValue"])

    wait_until(lambda: alarm("worker") == alarm("beat") == "OK", "quiet alarms", 30)
    ecs = working.client("ecs")
    ecs.update_service(cluster=CLUSTER, service=f"{CLUSTER}-worker", desiredCount=0)
    wait_until(lambda: alarm("worker") == "ALARM", "the alarm", 40)
    assert alarm("beat") == "OK"
    ecs.update_service(cluster=CLUSTER, service=f"{CLUSTER}-worker", desiredCount=2)
    wait_until(lambda: of(working, "worker")["runningCount"] == 2, "the workers", 60)


def test_changed_code_moves_the_processes_and_then_the_site_and_beat_is_never_there_twice(working: Stack) -> None:
    before = {process: of(working, process)["taskDefinition"] for process in PROCESSES}
    old = {stream for process in PROCESSES for stream in lines(working, process)}
    (working.app / "process.py").write_text(PROGRAM.replace("first", "second"))
    begun = time.monotonic()
    with counted(working, "beat") as beats, counted(working, "worker") as workers, polling(working) as statuses:
        status, output = working.update()
    assert status == 0, output
    print(f"an update with the hand-over of both: {time.monotonic() - begun:.0f} s")
    assert set(beats.values()) == {0, 1}
    away = [moment for moment, number in beats.items() if number == 0]
    print(f"there was no beat for {away[-1] - away[0]:.1f} s")
    assert min(workers.values()) >= 2, "there are always workers"
    assert set(statuses) == {200}
    started = {}
    for process in PROCESSES:
        now = of(working, process)
        assert now["taskDefinition"] != before[process]
        (primary,) = [one for one in now["deployments"] if one["status"] == "PRIMARY"]
        started[process] = primary["createdAt"]
        new = [text for stream, text in lines(working, process).items() if stream not in old]
        assert {text[0].rpartition(" ")[2] for text in new} == {"second"}
        ended = [text[-2:] for stream, text in lines(working, process).items() if stream in old]
        assert ended
        assert all(text == ["told to end by 15", "has ended"] for text in ended), ended
    web = next(one for one in service(working)["deployments"] if one["status"] == "PRIMARY")
    assert web["createdAt"] > max(started.values())


def test_a_worker_that_ends_at_once_is_taken_back_and_the_site_stays(working: Stack) -> None:
    site, worker = service(working)["taskDefinition"], of(working, "worker")["taskDefinition"]
    (working.app / "process.py").write_text("print('about to fail')\nimport nothing_of_that_name\n")
    with polling(working) as statuses:
        status, output = working.update()
    assert status != 0, output
    assert "No module named 'nothing_of_that_name'" in output, output
    assert "ECS went back to django-stack-rehearsal-worker" in output, output
    assert of(working, "worker")["taskDefinition"] == worker
    assert service(working)["taskDefinition"] == site
    assert set(statuses) == {200}
    (working.app / "process.py").write_text(PROGRAM)
    status, output = working.update("--refresh")
    assert status == 0, output
    assert of(working, "worker")["runningCount"] == 2


def test_processes_go_with_their_setting(working: Stack) -> None:
    working.change(processes=None)
    status, output = working.update()
    assert status == 0, output
    wait_until(lambda: not containers(working, "worker") and not containers(working, "beat"), "no more of them", 30)
    assert service(working)["runningCount"] == 1
