"""The roll-out check of a process: tasks of the wanted version that run and go on running are a success."""

import signal
import time
from typing import Any

import pytest

from tests.infra.cloud.fake_aws import FakeAWS, RefusalError
from tests.infra.cloud.steps.conftest import ACCOUNT, NEW, OLD, Run, Start
from tests.infra.cloud.steps.test_rollout import FAILURE, GOING, ROLLED_BACK, STEADY, deployment, service

TASKS = [f"{ACCOUNT}:task/app/{number}" for number in range(4)]
BACK = service(deployment(OLD, state="COMPLETED"))


def asked(**changes: Any) -> dict[str, Any]:
    return {
        "region": "us-east-1",
        "profile": "",
        "cluster": "app",
        "service": "app-worker",
        "container": "worker",
        "task_definition": NEW,
        "tasks": 1,
        "log_group": "/app",
        "stream_prefix": "app",
        "timeout": 20,
        "tolerance": 0.2,
        "stack": "cloud",
        "secrets": ["TOPSECRET"],
        "pause": 0.01,
        "single": False,
        "most": 1,
        "steady": 0.1,
    } | changes


def ended(arn: str, definition: str = NEW, code: str = "EssentialContainerExited") -> dict[str, Any]:
    return {
        "taskArn": arn,
        "taskDefinitionArn": definition,
        "lastStatus": "STOPPED",
        "stopCode": code,
        "stoppedReason": "Essential container in task exited",
        "containers": [{"name": "worker", "exitCode": 1}],
    }


@pytest.fixture
def ecs(aws: FakeAWS) -> FakeAWS:
    """A service whose tasks ended with a line and a secret."""
    aws.on(
        "GetLogEvents",
        {"events": [{"message": "ImportError: TOPSECRET"}], "nextForwardToken": "f/1"},
        {"events": [], "nextForwardToken": "f/1"},
    )
    aws.on("UpdateService", {})
    return aws


def with_stopped(ecs: FakeAWS, *looks: list[dict[str, Any]]) -> None:
    """The stopped tasks that ECS knows, a look after the other."""
    ecs.on("ListTasks", *({"taskArns": [task["taskArn"] for task in look]} for look in looks))
    ecs.on("DescribeTasks", *({"tasks": look} for look in looks if look))


def rollout(run: Run, **changes: Any) -> tuple[int, str, str]:
    return run("infra.cloud.steps.process_rollout", asked(**changes))


def test_tasks_that_go_on_running_end_the_wait(ecs: FakeAWS, run: Run) -> None:
    ecs.on("DescribeServices", GOING, GOING, STEADY)
    with_stopped(ecs, [])
    assert rollout(run) == (0, "(service app-web) has reached a steady state.\napp:2 runs in app-worker\n", "")


def test_a_version_that_starts_and_ends_is_taken_back_with_its_log_and_no_secret(ecs: FakeAWS, run: Run) -> None:
    both_run = service(deployment(NEW), deployment(OLD, "ACTIVE", "COMPLETED", runningCount=1))
    ecs.on("DescribeServices", both_run, both_run, STEADY, STEADY, STEADY, BACK)
    with_stopped(ecs, [], [ended(TASKS[0])])
    code, _, error = rollout(run)
    assert code == 1
    assert error.startswith("The new version app:2 started, and ended by itself\n  ECS: ")
    assert "container worker ended with exit status 1. Its last lines:\n  | ImportError: [secret]" in error
    assert "ECS went back to app:1.\nFix the code and run `pulumi up`." in error
    assert [call["taskDefinition"] for call in ecs.asked("UpdateService") if "taskDefinition" in call] == [OLD]


def test_the_first_version_of_a_process_has_none_to_go_back_to(ecs: FakeAWS, run: Run) -> None:
    ecs.on("DescribeServices", service(deployment(NEW, state="COMPLETED")))
    with_stopped(ecs, [], [ended(TASKS[0])])
    code, _, error = rollout(run)
    assert code == 1
    assert "went back" not in error
    assert not ecs.asked("UpdateService")


def test_what_ended_before_or_was_stopped_by_ecs_or_is_of_another_version_is_no_fault(ecs: FakeAWS, run: Run) -> None:
    ecs.on("DescribeServices", STEADY)
    before = ended(TASKS[0])
    others = [ended(TASKS[1], OLD), ended(TASKS[2], code="ServiceSchedulerInitiated")]
    with_stopped(ecs, [before], [before, *others])
    assert rollout(run)[0] == 0


def test_a_roll_back_by_ecs_fails_with_its_reason(ecs: FakeAWS, run: Run) -> None:
    ecs.on("DescribeServices", GOING, ROLLED_BACK)
    with_stopped(ecs, [])
    code, _, error = rollout(run)
    assert code == 1
    assert "The new version app:2 did not start, and ECS went back to app:1, which runs." in error
    assert f"ECS: {FAILURE}" in error


# A process of which there are never two.

OLD_RUNS = service(deployment(OLD, state="COMPLETED"))


def task(arn: str, status: str) -> dict[str, Any]:
    return {"taskArn": arn, "taskDefinitionArn": OLD, "lastStatus": status}


def looks_at_tasks(ecs: FakeAWS, *looks: tuple[list[str], list[str], dict[str, str]]) -> None:
    """What ECS lists as running and as stopped, and the states of those tasks, a look after the other."""
    listed = [{"taskArns": one} for running, stopped, _ in looks for one in (running, stopped)]
    ecs.on("ListTasks", {"taskArns": []}, *listed, {"taskArns": []})
    states = [states for *_, states in looks if states]
    ecs.on("DescribeTasks", *({"tasks": [task(arn, state) for arn, state in one.items()]} for one in states))


def changes(ecs: FakeAWS) -> list[dict[str, Any]]:
    return [
        {key: value for key, value in call.items() if key not in {"cluster", "service"}}
        for call in ecs.asked("UpdateService")
    ]


def test_the_next_task_of_a_single_process_is_started_when_the_last_one_has_ended(ecs: FakeAWS, run: Run) -> None:
    ecs.on("DescribeServices", OLD_RUNS, STEADY)
    looks_at_tasks(
        ecs,
        ([TASKS[0]], [], {TASKS[0]: "RUNNING"}),
        ([], [TASKS[0]], {TASKS[0]: "STOPPING"}),  # ECS would start the next one now
        ([], [TASKS[0]], {TASKS[0]: "DEPROVISIONING"}),
    )
    assert rollout(run, single=True)[0] == 0
    assert changes(ecs) == [{"desiredCount": 0}, {"desiredCount": 1, "taskDefinition": NEW}]
    calls = [name for name, _ in ecs.calls]
    first, second = (number for number, name in enumerate(calls) if name == "UpdateService")
    assert calls[first:second].count("DescribeTasks") == 3


def test_a_single_process_that_does_not_end_in_time_is_not_doubled(ecs: FakeAWS, run: Run) -> None:
    ecs.on("DescribeServices", OLD_RUNS)
    ecs.on("ListTasks", {"taskArns": []}, {"taskArns": [TASKS[0]]})
    ecs.on("DescribeTasks", {"tasks": [task(TASKS[0], "STOPPING")]})
    code, _, error = rollout(run, single=True, timeout=0.1)
    assert code == 1
    assert error.startswith("Task 0 of the version before still runs after rollout-timeout, 0.1 seconds, so app:2 was")
    assert changes(ecs) == [{"desiredCount": 0}]


def test_a_single_process_that_was_made_just_now_is_not_started_again(ecs: FakeAWS, run: Run) -> None:
    ecs.on("DescribeServices", STEADY)
    with_stopped(ecs, [])
    assert rollout(run, single=True)[0] == 0
    assert changes(ecs) == []


def test_a_single_process_of_which_there_were_several_is_one_again(ecs: FakeAWS, run: Run) -> None:
    several = service(deployment(NEW, state="COMPLETED"))
    several["services"][0]["desiredCount"] = 3
    ecs.on("DescribeServices", several, STEADY)
    with_stopped(ecs, [])
    assert rollout(run, single=True)[0] == 0
    assert changes(ecs) == [{"desiredCount": 0}, {"desiredCount": 1, "taskDefinition": NEW}]


def test_a_single_process_goes_back_one_after_the_other_too(ecs: FakeAWS, run: Run) -> None:
    ecs.on("DescribeServices", OLD_RUNS, STEADY, STEADY, STEADY, BACK)
    with_stopped(ecs, [], [], [], [ended(TASKS[0])])
    code, _, error = rollout(run, single=True)
    assert (code, "ECS went back to app:1" in error) == (1, True)
    to_new, to_old = [{"desiredCount": 1, "taskDefinition": definition} for definition in (NEW, OLD)]
    assert changes(ecs)[:4] == [{"desiredCount": 0}, to_new, {"desiredCount": 0}, to_old]


@pytest.mark.parametrize(("wanted", "expected"), [({"tasks": 1, "most": 1}, []), ({"tasks": 2, "most": 3}, [2])])
def test_a_number_of_tasks_that_autoscaling_left_behind_is_put_right(
    ecs: FakeAWS, run: Run, wanted: dict[str, int], expected: list[int]
) -> None:
    steady = service(deployment(NEW, state="COMPLETED"), running=wanted["tasks"])
    ecs.on("DescribeServices", service(deployment(NEW)), steady)
    with_stopped(ecs, [])
    assert rollout(run, **wanted)[0] == 0
    assert [change["desiredCount"] for change in changes(ecs)] == expected


def test_an_interrupted_hand_over_says_that_no_task_is_to_run(ecs: FakeAWS, start: Start) -> None:
    ecs.on("DescribeServices", OLD_RUNS)
    ecs.on("ListTasks", {"taskArns": []}, {"taskArns": [TASKS[0]]})
    ecs.on("DescribeTasks", {"tasks": [task(TASKS[0], "STOPPING")]})
    process = start("infra.cloud.steps.process_rollout", asked(single=True))
    while not ecs.asked("DescribeTasks"):
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=30)
    assert (process.returncode, error) == (
        1,
        "The roll-out was interrupted.\nNo task of app-worker is to run now. Fix: pulumi up -s cloud\n",
    )
    assert changes(ecs) == [{"desiredCount": 0}]  # the old task still ends


def test_a_hand_over_that_aws_fails_says_that_no_task_is_to_run(ecs: FakeAWS, run: Run) -> None:
    ecs.on("DescribeServices", OLD_RUNS)
    with_stopped(ecs, [])
    ecs.on("UpdateService", {}, RefusalError("AccessDeniedException", "no"))
    code, _, error = rollout(run, single=True)
    assert code == 1
    assert error.startswith("AWS refuses UpdateService, your credentials lack a permission: no")
    assert error.endswith("\nNo task of app-worker is to run now. Fix: pulumi up -s cloud\n")


def test_a_hand_over_that_was_killed_in_the_middle_is_finished_by_the_next_update(ecs: FakeAWS, run: Run) -> None:
    """Nothing runs any more, and the service still has the definition before."""
    stopped = service(deployment(OLD, state="COMPLETED"), running=0)
    stopped["services"][0]["desiredCount"] = 0
    ecs.on("DescribeServices", stopped, STEADY)
    with_stopped(ecs, [])
    assert rollout(run, single=True)[0] == 0
    assert changes(ecs)[-1] == {"desiredCount": 1, "taskDefinition": NEW}
