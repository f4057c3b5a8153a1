"""`django-stack run` in the cloud: the task of a command, its output, and how either ends."""

import os
import signal
import subprocess
import time
from typing import Any

import pytest

from tests.infra.cloud.fake_aws import RefusalError
from tests.infra.commands.operations.conftest import APP, PROGRAM, TASK, Cloud, task
from tests.waiting import wait_until

NAME = TASK.rpartition("/")[2]


def lines(*texts: str) -> dict[str, Any]:
    return {"events": [{"message": text} for text in texts], "nextForwardToken": f"f/{texts}"}


def test_a_run_is_a_task_of_the_version_that_runs_and_has_its_commands_status(cloud: Cloud) -> None:
    cloud.aws.on("DescribeTasks", task("RUNNING"), task("STOPPED", exitCode=7))
    cloud.aws.on("GetLogEvents", lines("one"), lines("two"), lines())
    done = cloud.run("run", "--env", "MORE=a=b", "--", "python", "-c", "print('x y')")
    assert (done.returncode, done.stdout) == (7, "one\ntwo\n")
    (asked,) = cloud.aws.asked("RunTask")
    assert asked["taskDefinition"] == APP
    assert asked["overrides"]["containerOverrides"] == [
        {"name": "web", "command": ["python", "-c", "print('x y')"], "environment": [{"name": "MORE", "value": "a=b"}]}
    ]
    assert asked["enableExecuteCommand"] is False


@pytest.mark.parametrize(
    ("container", "status", "said"),
    [
        ({"exitCode": 137}, 137, ""),
        ({"exitCode": 137, "reason": "OutOfMemoryError: killed"}, 137, "out of memory; set memory higher"),
        ({"reason": "CannotPullContainerError"}, 1, "never started: CannotPullContainerError"),
    ],
)
def test_how_a_command_was_killed_is_its_status_and_said(
    cloud: Cloud, container: dict[str, Any], status: int, said: str
) -> None:
    cloud.aws.on("DescribeTasks", task("STOPPED", **container))
    done = cloud.run("run", "ls")
    assert done.returncode == status
    assert said in done.stderr


def test_a_run_is_ended_after_its_time_out_also_when_ecs_does_not_know_it_yet(cloud: Cloud) -> None:
    def state(_: Any) -> dict[str, Any]:
        stopped = len([one for one, _ in cloud.aws.calls if one == "StopTask"]) == 2
        return task("STOPPED", exitCode=143) if stopped else task("RUNNING")

    cloud.aws.on("DescribeTasks", state)
    cloud.aws.on("StopTask", RefusalError("InvalidParameterException", "not known"), {"task": {}})
    done = cloud.run("run", "--timeout", "1", "ls")
    assert done.returncode == 124
    assert done.stderr.endswith("The command was ended after 1 seconds.\n")
    assert [one["reason"] for one in cloud.aws.asked("StopTask")] == ["It took longer than 1 seconds"] * 2


def test_the_time_out_begins_when_the_command_does(cloud: Cloud) -> None:
    begun = time.monotonic()

    def state(_: Any) -> dict[str, Any]:
        passed = time.monotonic() - begun
        return task("PROVISIONING") if passed < 1.5 else task("RUNNING") if passed < 2 else task("STOPPED", exitCode=0)

    cloud.aws.on("DescribeTasks", state)
    assert cloud.run("run", "--timeout", "1", "ls").returncode == 0
    assert cloud.aws.asked("StopTask") == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_task_of_a_run_is_stopped_when_the_command_is_interrupted(cloud: Cloud, number: int) -> None:
    cloud.aws.on("DescribeTasks", task("RUNNING"))
    before = signal.signal(number, lambda *_: None)  # the tests may run under nohup, or in a shell's background
    process = cloud.start("run", "sleep", "100")
    signal.signal(number, before)
    until = time.monotonic() + 30
    while not cloud.aws.asked("GetLogEvents") and time.monotonic() < until:
        time.sleep(0.05)
    os.kill(process.pid, number)
    _, error = process.communicate(timeout=30)
    assert process.returncode == 130
    assert error.endswith("The task is being ended.\n")
    assert {one["task"] for one in cloud.aws.asked("StopTask")} == {TASK}
    (asked,) = cloud.aws.asked("ListTasks")  # a task, too, whose start was not confirmed yet
    assert asked["startedBy"] == cloud.aws.asked("RunTask")[0]["startedBy"]


def test_control_c_stops_the_tasks_of_both_stacks_that_are_compared(cloud: Cloud) -> None:
    cloud.aws.on("DescribeTasks", task("RUNNING"))
    command = [PROGRAM, "compare", "cloud", "cloud"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        cloud.started.append(process)
        wait_until(lambda: len(cloud.aws.asked("DescribeTasks")) > 3, "both tasks' states are asked for", 30)
        begun = time.monotonic()
        os.kill(process.pid, signal.SIGINT)
        _, error = process.communicate(timeout=30)
    assert (process.returncode, "Traceback" in error) == (130, False), error
    assert time.monotonic() - begun < 15
    assert {one["startedBy"] for one in cloud.aws.asked("ListTasks")} == {
        one["startedBy"] for one in cloud.aws.asked("RunTask")
    }
    assert len(cloud.aws.asked("StopTask")) == len(cloud.aws.asked("RunTask")) == 2


def test_a_detached_run_goes_on_when_the_one_who_watches_it_leaves(cloud: Cloud) -> None:
    detached = cloud.run("run", "--detach", "sleep", "100")
    assert detached.stdout == f"{NAME}\nIts output and end: django-stack run -s cloud --attach {NAME}\n"
    cloud.aws.on("DescribeTasks", task("RUNNING"))
    process = cloud.start("run", "--attach", NAME)
    until = time.monotonic() + 30
    while not cloud.aws.asked("GetLogEvents") and time.monotonic() < until:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 130
    assert cloud.aws.asked("StopTask") == []


def test_a_run_that_ecs_no_longer_knows_is_one_line(cloud: Cloud) -> None:
    cloud.aws.on("DescribeTasks", {"tasks": [], "failures": []})
    done = cloud.run("run", "--attach", "0a1b")
    assert (done.returncode, done.stderr) == (
        1,
        "There is no run 0a1b of the stack cloud. ECS knows ended tasks for about an hour.\n",
    )


def test_input_that_a_task_can_not_have_is_said(cloud: Cloud) -> None:
    cloud.aws.on("DescribeTasks", task("STOPPED", exitCode=0))
    said = "A task in the cloud has no input; what is piped to this command isn't read.\n"

    def error_with(stdin: Any) -> str:
        return cloud.start("run", "cat", stdin=stdin).communicate(timeout=60)[1]

    with (cloud.folder / "Pulumi.yaml").open() as file:
        assert said in error_with(file)
    read, write = os.pipe()
    os.write(write, b"x")
    assert said in error_with(read)
    os.read(read, 1)
    assert said not in error_with(read)
    assert said not in error_with(subprocess.DEVNULL)
