"""The watchdog of a release stops its tasks when the release is killed, and is dismissed by any other end."""

import signal
import subprocess

import pytest

from infra.watchdog import DONE, Watchdog
from tests.infra.cloud.fake_aws import FakeAWS, RefusalError
from tests.infra.cloud.steps.conftest import Run, Start
from tests.infra.cloud.steps.release_tasks import ASKED, TASK, running, stopped, web
from tests.waiting import wait_until


@pytest.fixture
def ecs(aws: FakeAWS) -> FakeAWS:
    """A cluster without leftovers in which a task starts, and prints nothing."""
    aws.on("ListTasks", {"taskArns": []})
    aws.on("RunTask", {"tasks": [{"taskArn": TASK}], "failures": []})
    aws.on("GetLogEvents", RefusalError("ResourceNotFoundException"))
    aws.on("DescribeServices", web(1))
    return aws


def test_a_release_that_is_killed_has_its_task_stopped(ecs: FakeAWS, start: Start) -> None:
    """Pulumi's own command plugin does that at Ctrl-C."""
    ecs.on("DescribeTasks", running())
    ecs.on("StopTask", RefusalError("InvalidParameterException", "not known yet"), {"task": {"taskArn": TASK}})
    process: subprocess.Popen[str] = start("infra.cloud.steps.release", ASKED)
    wait_until(lambda: ecs.asked("DescribeTasks"), "a look at its task")
    process.kill()
    assert process.wait() == -signal.SIGKILL
    wait_until(lambda: len(ecs.asked("StopTask")) == 2, "the end of its task")
    assert ecs.asked("StopTask")[-1] == {"cluster": "app", "task": TASK, "reason": "The release was killed"}


@pytest.mark.parametrize("code", [0, 1])
def test_a_release_that_ended_by_itself_dismisses_its_watchdog(
    ecs: FakeAWS, run: Run, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    told: list[bytes] = []
    monkeypatch.setattr(Watchdog, "__init__", lambda self, *arguments: told.append(" ".join(arguments).encode()))
    monkeypatch.setattr(Watchdog, "tell", lambda self, line: told.append(line))
    monkeypatch.setattr(Watchdog, "close", lambda self: told.append(b"closed"))
    ecs.on("DescribeTasks", stopped(code))
    assert run("infra.cloud.steps.release", ASKED)[0] == code
    assert told == [b"infra.cloud.steps.watchdog us-east-1  app", f"{TASK}\n".encode(), DONE, b"closed"]
