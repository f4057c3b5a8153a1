"""The release step tells the truth about a task: every end has its message and its exit status."""

import signal
import subprocess
import time
from typing import Any

import pytest

from infra.cloud import one_off_tasks
from infra.watchdog import Watchdog
from tests.infra.cloud.fake_aws import FakeAWS, RefusalError
from tests.infra.cloud.steps.conftest import ACCOUNT, NEW, Run, Start
from tests.infra.cloud.steps.release_tasks import ASKED, TASK, lines, running, stopped, web

SERVES = "The web version that was running keeps serving. "


@pytest.fixture
def ecs(aws: FakeAWS) -> FakeAWS:
    """A cluster without leftovers in which a task starts, runs and ends well, printing two lines."""
    aws.on("ListTasks", {"taskArns": []})
    aws.on("RunTask", {"tasks": [{"taskArn": TASK}], "failures": []})
    aws.on("DescribeTasks", running("PROVISIONING"), running(), stopped())
    aws.on(
        "GetLogEvents",
        RefusalError("ResourceNotFoundException"),
        *lines("Operations to perform:", "  Applying 0001... OK"),
    )
    aws.on("StopTask", {"task": {"taskArn": TASK}})
    aws.on("DescribeServices", web(1))
    return aws


def release(run: Run, **changes: Any) -> tuple[int, str, str]:
    return run("infra.cloud.steps.release", ASKED | changes)


def test_a_task_in_a_network_with_a_nat_gateway_has_no_public_address(ecs: FakeAWS, run: Run) -> None:
    assert release(run, public_address=False)[0] == 0
    (task,) = ecs.asked("RunTask")
    assert task["networkConfiguration"]["awsvpcConfiguration"]["assignPublicIp"] == "DISABLED"


def failed(run: Run, serves: str = SERVES, **changes: Any) -> str:
    """The reason of a release that fails; it says always what serves now."""
    code, _, error = release(run, **changes)
    assert code == 1
    assert f"{serves}The next `pulumi up` runs the release again.\n" in error
    assert "Traceback" not in error
    return error


def test_success_streams_the_log_and_ends_with_0(ecs: FakeAWS, run: Run) -> None:
    code, out, error = release(run)
    assert (code, error) == (0, "")
    assert "starts; on Fargate" in out
    assert out.endswith("Operations to perform:\n  Applying 0001... OK\n")
    (task,) = ecs.asked("RunTask")
    assert task["taskDefinition"] == NEW
    assert task["overrides"]["containerOverrides"] == [
        {
            "name": "web",
            "command": ["python", "manage.py", "migrate", "--noinput"],
            "environment": [{"name": "REFUSE_DESTRUCTIVE_MIGRATIONS", "value": "1"}],
        }
    ]
    network = task["networkConfiguration"]["awsvpcConfiguration"]
    assert (network["subnets"], network["securityGroups"]) == (["subnet-1", "subnet-2"], ["sg-1"])
    assert network["assignPublicIp"] == "ENABLED", "the way to AWS's services, without a NAT gateway"
    assert (task["count"], task["launchType"], task["platformVersion"]) == (1, "FARGATE", "1.4.0")
    assert task["propagateTags"] == "TASK_DEFINITION", "or nobody knows whose bill it is"
    assert task["startedBy"] == "app-release"
    assert {read["logStreamName"] for read in ecs.asked("GetLogEvents")} == {"app/web/0123456789abcdef"}
    assert not ecs.asked("StopTask")


def test_static_files_are_published_by_a_task_with_a_role_of_its_own_while_the_commands_run(
    ecs: FakeAWS, run: Run
) -> None:
    ecs.on("DescribeTasks", stopped())
    bucket = "s3://app-static.s3.us-east-1.amazonaws.com/static"
    assert release(run, static_files=bucket, publisher=f"{ACCOUNT}:role/publisher")[0] == 0
    first, second = ecs.asked("RunTask")
    (override,) = first["overrides"]["containerOverrides"]
    assert override["command"] == ["python", "manage.py", "publish_static", bucket]
    assert first["overrides"]["taskRoleArn"] == f"{ACCOUNT}:role/publisher"
    assert "taskRoleArn" not in second["overrides"], "migrations have the app's rights"
    operations = [operation for operation, _ in ecs.calls]
    assert operations.index("DescribeTasks") > len(operations) - 1 - operations[::-1].index("RunTask"), "at once"


def test_static_files_that_can_not_be_published_fail_the_release(ecs: FakeAWS, run: Run) -> None:
    ecs.on("DescribeTasks", stopped(), stopped(1))
    error = failed(run, static_files="s3://app-static/static", publisher="role")
    assert "`python manage.py publish_static s3://app-static/static` failed with exit status 1" in error


def test_a_failed_command_stops_the_publication(ecs: FakeAWS, run: Run) -> None:
    other = TASK.replace("0", "9")
    ecs.on("RunTask", {"tasks": [{"taskArn": other}]}, {"tasks": [{"taskArn": TASK}]})
    ecs.on("DescribeTasks", stopped(1), stopped())
    failed(run, static_files="s3://app-static/static", publisher="role")
    assert [call["task"] for call in ecs.asked("StopTask")] == [other]


def leaving(code: int | None, **more: Any) -> dict[str, Any]:
    """A task whose container has ended while Fargate still takes its network interface away."""
    (task,) = stopped(code, **more)["tasks"]
    return {"tasks": [{**task, "lastStatus": "DEPROVISIONING"}]}


def test_a_command_that_ended_well_is_known_before_its_network_is_taken_away(ecs: FakeAWS, run: Run) -> None:
    ecs.on("DescribeTasks", running(), leaving(0), RefusalError("ClientException", "asked again"))
    assert release(run)[0] == 0


@pytest.mark.parametrize(
    "state", [leaving(None), leaving(1), running("DEPROVISIONING")], ids=["no status yet", "failed", "nothing yet"]
)
def test_any_other_end_is_judged_when_the_task_is_stopped(ecs: FakeAWS, run: Run, state: dict[str, Any]) -> None:
    ecs.on("DescribeTasks", running(), state, stopped(2))
    assert "failed with exit status 2" in failed(run)


def test_a_task_stopped_by_hand_that_is_leaving_is_no_success_either(ecs: FakeAWS, run: Run) -> None:
    ecs.on("DescribeTasks", running(), leaving(0, stop="UserInitiated", why="Task stopped by user"))
    assert "was stopped by hand (Task stopped by user)" in failed(run)


def test_a_task_that_ends_before_the_first_look_is_judged_by_its_end(ecs: FakeAWS, run: Run) -> None:
    ecs.on("DescribeTasks", stopped())
    assert release(run)[0] == 0


def test_several_commands_run_in_order_and_a_failed_one_ends_the_release(ecs: FakeAWS, run: Run) -> None:
    ecs.on("DescribeTasks", stopped(), stopped(3))
    error = failed(run, commands=["first", "second 'with a blank'", "third"])
    commands = [task["overrides"]["containerOverrides"][0]["command"] for task in ecs.asked("RunTask")]
    assert commands == [["first"], ["second", "with a blank"]]
    assert "`second 'with a blank'` failed with exit status 3" in error


def test_exit_code_1_fails_with_the_last_lines(ecs: FakeAWS, run: Run) -> None:
    ecs.on("DescribeTasks", running(), stopped(1, why="Essential container in task exited"))
    ecs.on("GetLogEvents", *lines("Applying 0002...", "django.db.utils.ProgrammingError: no"))
    error = failed(run)
    assert "Release command `python manage.py migrate --noinput` failed with exit status 1." in error
    assert "  | django.db.utils.ProgrammingError: no" in error


def test_secrets_in_the_log_are_redacted(ecs: FakeAWS, run: Run) -> None:
    ecs.on("DescribeTasks", stopped(1))
    ecs.on(
        "GetLogEvents", *lines("can't reach postgres://app:TOP%40SECRET@database/app", "password TOP@SECRET is wrong")
    )
    code, out, error = release(run)
    assert code == 1
    assert "SECRET" not in out + error
    assert "password [secret] is wrong" in error


@pytest.mark.report("joining bug 7")
@pytest.mark.parametrize(
    ("service", "serves"),
    [
        ({"services": [], "failures": [{"reason": "MISSING"}]}, "There is no web version yet, so nothing serves. "),
        (web(1, "INACTIVE"), "There is no web version yet, so nothing serves. "),
        (web(0), "No task of the service app-web runs, so nothing serves. "),
        (web(2), SERVES),
        (RefusalError("AccessDeniedException", "not authorized"), "\n"),
    ],
    ids=["a first release", "destroyed", "stopped", "running", "not told"],
)
def test_a_release_that_fails_says_what_serves(
    ecs: FakeAWS, run: Run, service: dict[str, Any] | RefusalError, serves: str
) -> None:
    ecs.on("DescribeTasks", stopped(1))
    ecs.on("DescribeServices", service)
    failed(run, serves)


@pytest.mark.report("hashicorp-vault-plugin#182")
def test_a_secret_of_several_lines_is_redacted_wherever_the_log_is_shown(ecs: FakeAWS, run: Run) -> None:
    key = "-----BEGIN KEY-----\nMIIBVwIBADANBgkqhkiG9w0B\nAQEFAASCAUEwggE9AgEAAkEA\nq7\nx1\n-----END KEY-----\n"
    ecs.on("DescribeTasks", running(), stopped(1))
    ecs.on("GetLogEvents", *lines("the key:", *key.splitlines(), f"as {key!r}", "MIIBVwIBADANBgk…", "done"))
    _, out, error = release(run, secrets=[key])
    for text in (out, error):
        assert (
            text[text.index("the key") :]
            .replace("  | ", "")
            .startswith("the key:\n[secret]\nas '[secret]\\n'\n[secret]…\ndone\n")
        )


def test_an_image_that_can_not_be_pulled_means_never_started(ecs: FakeAWS, run: Run) -> None:
    why = "CannotPullContainerError: pull image manifest has been retried 7 time(s): failed to resolve ref"
    ecs.on("DescribeTasks", running("PENDING"), stopped(None, "TaskFailedToStart", why, others=[]))
    ecs.on("GetLogEvents", RefusalError("ResourceNotFoundException"))
    assert f"never started: {why}" in failed(run)


def test_a_container_before_it_that_fails_means_never_started(ecs: FakeAWS, run: Run) -> None:
    ecs.on("DescribeTasks", stopped(None, others=[{"name": "prepare", "exitCode": 1}]))
    assert "never started: the container prepare ended with exit status 1" in failed(run)


def test_out_of_memory_is_said(ecs: FakeAWS, run: Run) -> None:
    ecs.on("DescribeTasks", stopped(137, web={"reason": "OutOfMemoryError: Container killed due to memory usage"}))
    assert "failed with exit status 137 (killed: out of memory; set memory higher)" in failed(run)


def test_a_time_out_stops_the_task_and_shows_its_last_lines(ecs: FakeAWS, run: Run) -> None:
    ecs.on("DescribeTasks", lambda _: stopped(143, "UserInitiated") if ecs.asked("StopTask") else running())
    ecs.on("GetLogEvents", *lines("waiting for a lock"))
    error = failed(run, timeout=0.3)
    assert "was ended: release-timeout is 0.3 seconds. Its last lines:\n  | waiting for a lock" in error
    (stop,) = ecs.asked("StopTask")
    assert stop["task"] == TASK


def test_a_task_stopped_by_hand_is_no_success_whatever_its_exit_code(ecs: FakeAWS, run: Run) -> None:
    ecs.on("DescribeTasks", running(), stopped(0, "UserInitiated", "Task stopped by user"))
    assert "was stopped by hand (Task stopped by user)" in failed(run)


@pytest.mark.parametrize("stop", ["ServiceSchedulerInitiated", "SpotInterruption", "TerminationNotice"])
def test_a_task_stopped_by_aws_is_no_success(ecs: FakeAWS, run: Run, stop: str) -> None:
    ecs.on("DescribeTasks", stopped(0, stop, "Fargate needs the machine"))
    assert "(Fargate needs the machine)" in failed(run)


def test_throttling_is_waited_out(ecs: FakeAWS, run: Run) -> None:
    throttled = RefusalError("ThrottlingException", "Rate exceeded")
    ecs.on("RunTask", throttled, throttled, {"tasks": [{"taskArn": TASK}], "failures": []})
    ecs.on("DescribeTasks", running(), throttled, stopped())
    assert release(run)[0] == 0
    assert len(ecs.asked("RunTask")) == 3


def test_a_missing_permission_is_said_plainly(ecs: FakeAWS, run: Run) -> None:
    words = "User: arn:aws:iam::123456789012:user/me is not authorized to perform: ecs:RunTask."
    ecs.on("RunTask", RefusalError("AccessDeniedException", words))
    error = failed(run)
    assert f"AWS refuses RunTask, your credentials lack a permission: {words}" in error
    assert "docs/cloud.md" in error


def test_no_capacity_is_said_plainly(ecs: FakeAWS, run: Run) -> None:
    ecs.on("RunTask", {"tasks": [], "failures": [{"reason": "Capacity is unavailable at this time."}]})
    error = failed(run)
    assert "could not be started: Capacity is unavailable at this time. Fargate has no capacity in these zones" in error


def test_no_capacity_that_shows_later_is_said_plainly(ecs: FakeAWS, run: Run) -> None:
    ecs.on("DescribeTasks", stopped(None, "TaskFailedToStart", "Capacity is unavailable at this time.", others=[]))
    assert "Fargate has no capacity in these zones now" in failed(run)


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        ("Capacity is unavailable at this time. Please try again later", "Fargate has no capacity in these zones now"),
        (
            "You've reached the limit on the number of vCPUs you can run concurrently",
            "Your account's quota for Fargate is used up",
        ),
    ],
)
def test_no_capacity_that_comes_as_an_error_is_said_plainly(ecs: FakeAWS, run: Run, words: str, advice: str) -> None:
    ecs.on("RunTask", RefusalError("ClientException", words))
    error = failed(run)
    assert f"Release command `python manage.py migrate --noinput` could not be started: {words} {advice}" in error


def test_another_error_of_ecs_keeps_its_own_words(ecs: FakeAWS, run: Run) -> None:
    ecs.on("RunTask", RefusalError("ClientException", "TaskDefinition is inactive"))
    assert "AWS refuses RunTask (ClientException): TaskDefinition is inactive" in failed(run)


MISSING: dict[str, Any] = {"tasks": [], "failures": [{"arn": TASK, "reason": "MISSING"}]}


@pytest.mark.parametrize("nothing", [MISSING, {"tasks": [], "failures": []}], ids=["missing", "empty"])
def test_a_task_that_ecs_does_not_know_yet_everywhere_is_waited_for(
    ecs: FakeAWS, run: Run, nothing: dict[str, Any]
) -> None:
    ecs.on("DescribeTasks", nothing, nothing, running(), nothing, stopped())
    assert release(run)[0] == 0
    assert len(ecs.asked("RunTask")) == 1


def test_a_task_that_ecs_forgets_is_no_success(ecs: FakeAWS, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert one_off_tasks.PROPAGATION == 60.0
    monkeypatch.setattr(one_off_tasks, "PROPAGATION", 0.1)
    ecs.on("DescribeTasks", running(), MISSING)
    assert "ECS no longer knows the task" in failed(run)


def test_a_new_task_that_can_not_be_stopped_yet_is_stopped_a_moment_later(ecs: FakeAWS, run: Run) -> None:
    """Interrupted, or too slow, right after the start: ECS takes the order once it has heard of the task."""
    ecs.on("DescribeTasks", MISSING, MISSING, stopped(143, "UserInitiated"))
    unknown = RefusalError("InvalidParameterException", "The referenced task was not found.")
    ecs.on("StopTask", unknown, unknown, {"task": {"taskArn": TASK}})
    assert "release-timeout is 0 seconds" in failed(run, timeout=0)
    assert len(ecs.asked("StopTask")) == 3


def test_credentials_that_are_missing_are_said_plainly(ecs: FakeAWS, run: Run) -> None:
    nothing = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_CONFIG_FILE": "/dev/null"}
    nothing |= {"AWS_SHARED_CREDENTIALS_FILE": "/dev/null"}
    code, _, error = run("infra.cloud.steps.release", ASKED, nothing)
    assert code == 1
    assert "AWS can't be reached: Unable to locate credentials" in error


def test_what_a_killed_run_left_is_stopped_first(ecs: FakeAWS, run: Run) -> None:
    leftover = f"{ACCOUNT}:task/app/fedcba9876543210"
    ecs.on("ListTasks", {"taskArns": [leftover]})
    assert release(run)[0] == 0
    assert ecs.asked("ListTasks") == [{"cluster": "app", "startedBy": "app-release"}]
    assert [stop["task"] for stop in ecs.asked("StopTask")] == [leftover]
    order = [name for name, _ in ecs.calls if name in {"StopTask", "RunTask"}]
    assert order == ["StopTask", "RunTask"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("wait", [0.0, 0.11])
def test_an_interrupt_stops_the_task(ecs: FakeAWS, start: Start, number: signal.Signals, wait: float) -> None:
    ecs.on("DescribeTasks", lambda _: stopped(143, "UserInitiated") if ecs.asked("StopTask") else running())
    process: subprocess.Popen[str] = start("infra.cloud.steps.release", ASKED)
    assert process.stdout is not None
    assert "starts" in process.stdout.readline()
    time.sleep(wait)
    process.send_signal(number)
    _, error = process.communicate(timeout=30)
    assert process.returncode == 1
    assert f"The release was interrupted ({number.name})." in error
    (stop,) = ecs.asked("StopTask")
    assert stop["task"] == TASK


def test_an_interrupt_that_python_drops_is_noticed_with_the_next_look(
    ecs: FakeAWS, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is raised while an object is taken away goes nowhere."""

    class Kept:
        def __del__(self) -> None:
            signal.raise_signal(signal.SIGINT)

    def sleep(_: float) -> None:
        if ecs.asked("RunTask"):
            kept.clear()

    kept = [Kept()]
    monkeypatch.setattr(time, "sleep", sleep)
    monkeypatch.setattr("sys.unraisablehook", lambda _: None)
    ecs.on("DescribeTasks", lambda _: stopped(143, "UserInitiated") if ecs.asked("StopTask") else running())
    assert "The release was interrupted (SIGINT)." in failed(run, timeout=5)
    (stop,) = ecs.asked("StopTask")
    assert stop["task"] == TASK


def test_the_program_runs_as_the_command_runs_it(ecs: FakeAWS, start: Start) -> None:
    ecs.on("DescribeTasks", running(), stopped(7))
    process = start("infra.cloud.steps.release", ASKED)
    _, error = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "failed with exit status 7" in error


def test_a_log_that_can_not_be_read_does_not_end_the_release(ecs: FakeAWS, run: Run) -> None:
    ecs.on("GetLogEvents", RefusalError("AccessDeniedException", "not authorized to perform: logs:GetLogEvents"))
    code, out, _ = release(run)
    assert code == 0
    assert out.count("the log can't be read") == 1


def test_tasks_that_can_not_be_stopped_are_named_and_left_to_the_watchdog_and_the_reason_is_kept(
    ecs: FakeAWS, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[bytes] = []
    monkeypatch.setattr(Watchdog, "tell", lambda self, line: told.append(line))
    ecs.on("DescribeTasks", running())
    ecs.on("StopTask", RefusalError("AccessDeniedException", "not authorized to perform: ecs:StopTask"))
    error = failed(run, timeout=0.1)
    assert "may still be running" in error
    assert "release-timeout is 0.1 seconds" in error
    assert told == [f"{TASK}\n".encode()]
