"""`django-stack` operates the cloud stack: the same commands and words as on the local platform."""

import json
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.operations import COMPARISON, MAINTENANCE, Page, check
from tests.rehearsal.stacks import PROGRAM, Stack
from tests.rehearsal.tasks import CLUSTER, release_tasks
from tests.waiting import wait_until
from tools.rehearsal.container import TASK_NETWORK

pytestmark = [pytest.mark.docker, pytest.mark.pulumi]


def test_status_says_what_runs_and_where(stack: Stack) -> None:
    done = stack.operate("status", "--json")
    assert done.returncode == 0, done.stderr
    status = json.loads(done.stdout)
    assert status["url"] == f"https://{stack.domain}/"
    assert status["processes"] == {"web": {"running": 1, "wanted": 1, "health": "healthy"}}
    assert status["database"]["version"].startswith("17")
    assert status["media"]["objects"] >= 0
    assert status["release"]["result"] == "succeeded"
    assert status["alarms"] == {"ringing": []}
    assert "@sha256:" in status["image"]


def test_a_run_is_a_task_of_the_running_version_and_ends_with_the_commands_status(stack: Stack) -> None:
    program = "import os, sys; print(os.environ['STAGE'], os.environ['MORE']); sys.exit(7)"
    done = stack.operate("run", "--env", "MORE=a=b", "--", "python", "-c", program)
    assert (done.returncode, done.stdout) == (7, "rehearsal a=b\n")
    killed = stack.operate("run", "--", "python", "-c", "import os; os.kill(os.getpid(), 9)")
    assert killed.returncode == 137


def test_a_run_is_ended_after_its_time_out(stack: Stack) -> None:
    done = stack.operate("run", "--timeout", "3", "--", "python", "-c", "import time; time.sleep(100)")
    assert done.returncode == 124
    assert done.stderr.endswith("The command was ended after 3 seconds.\n")


def test_a_detached_run_is_attached_to_by_its_name(stack: Stack) -> None:
    detached = stack.operate("run", "--detach", "--", "python", "-c", "print('done'); raise SystemExit(3)")
    name = detached.stdout.splitlines()[0]
    attached = stack.operate("run", "--attach", name)
    assert (attached.returncode, attached.stdout) == (3, "done\n")


def start(stack: Stack, *arguments: str) -> "subprocess.Popen[str]":
    command, *rest = arguments
    return subprocess.Popen(
        [PROGRAM, command, "--stack", "rehearsal", *rest],
        cwd=stack.folder,
        env=stack.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.rehearsal
def test_output_is_shown_two_seconds_late_at_most(stack: Stack) -> None:
    program = "import time\nfor _ in range(12): print(time.time(), flush=True); time.sleep(0.4)"
    process = start(stack, "run", "--", "python", "-c", program)
    assert process.stdout is not None
    late = [time.time() - float(line) for line in process.stdout if line[0].isdigit()]
    assert process.wait(timeout=60) == 0
    assert len(late) == 12
    assert max(late) < 2


@pytest.mark.rehearsal
def test_control_c_stops_the_task_of_a_run(stack: Stack) -> None:
    process = start(stack, "run", "--", "python", "-uc", "import time; print('up'); time.sleep(300)")
    assert process.stdout is not None
    assert next(line for line in process.stdout if line == "up\n")
    (arn,) = [task["taskArn"] for task in release_tasks(stack) if task["startedBy"].startswith("run-")]
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 130
    process.stdout.close()
    ecs = stack.client("ecs")
    wait_until(
        lambda: ecs.describe_tasks(cluster=CLUSTER, tasks=[arn])["tasks"][0]["lastStatus"] == "STOPPED",
        "the task stops",
        60,
    )


def test_a_session_needs_a_setting_and_says_so(stack: Stack, tmp_path: Path) -> None:
    plugin = tmp_path / "session-manager-plugin"
    plugin.write_text("#!/bin/sh\n")
    plugin.chmod(0o755)
    done = stack.operate("tunnel", PATH=f"{tmp_path}:{stack.environment['PATH']}")
    assert (done.returncode, done.stderr) == (
        1,
        "The stack rehearsal doesn't allow this. "
        "Fix: pulumi config set -s rehearsal execute-command true && pulumi up -s rehearsal\n",
    )


def test_the_logs_of_a_release_are_shown_as_those_of_tasks_that_have_ended(stack: Stack) -> None:
    released = stack.operate("logs", "--release").stdout
    assert "Applying gallery.0001_initial... OK" in released
    ended = stack.operate("logs", "--previous", "--since", "1h").stdout
    assert "Applying gallery.0001_initial... OK" in ended
    assert " web/" not in ended


def test_the_first_superuser_is_made_without_any_setting(stack: Stack) -> None:
    who = {"USERNAME": "operator", "EMAIL": "operator@example.com", "PASSWORD": "a long password of the tests"}
    variables = {f"DJANGO_SUPERUSER_{name}": value for name, value in who.items()}
    done = stack.operate("manage", "createsuperuser", **variables)
    assert (done.returncode, done.stdout) == (0, "Superuser created successfully.\n"), done.stderr
    program = "from django.contrib.auth.models import User; print(User.objects.get(username='operator').is_superuser)"
    assert stack.operate("manage", "shell", "--no-imports", "-c", program).stdout.splitlines()[-1] == "True"


def test_a_request_is_found_in_the_logs_by_its_id_and_secrets_are_not(stack: Stack) -> None:
    program = "import os; print('key', os.environ['SECRET_KEY'])"
    assert stack.operate("run", "--", "python", "-c", program).returncode == 0
    answer = stack.get("/no-such-page")
    lines = [json.loads(line) for line in stack.operate("logs", "--json").stdout.splitlines()]
    assert ("run", "key [secret]") in {(line["process"], line["message"]) for line in lines}
    assert {"web", "release", "run"} <= {line["process"] for line in lines}
    identity = answer.headers["X-Request-ID"]
    found = stack.operate("logs", "web", "--request-id", identity)
    assert "/no-such-page" in found.stdout
    assert [line["time"] for line in lines] == sorted(line["time"] for line in lines)


def test_a_stack_that_is_not_up_is_one_line(stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: other\n")
    (tmp_path / "Pulumi.cloud.yaml").write_text("config:\n  other:platform: cloud\n  aws:region: us-east-1\n")
    done = subprocess.run(
        [PROGRAM, "status", "-s", "cloud"],
        cwd=tmp_path,
        env=stack.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == (
        "There is no service other-cloud-web in us-east-1. Fix: pulumi up -s cloud, if the stack isn't up; or the "
        "credentials of its account\n"
    )


@pytest.mark.rehearsal
def test_the_doctor_finds_no_error_in_a_good_stack(stack: Stack) -> None:
    done = stack.operate("doctor", "--json")
    findings = {one["check"]: one for one in json.loads(done.stdout)["findings"]}
    bad = {name: one["text"] for name, one in findings.items() if one["level"] == "error"}
    assert bad == {}
    # Port 80 of the site's name isn't there in a rehearsal.
    unknown = {name for name, one in findings.items() if one["level"] == "unknown"}
    assert unknown <= {"redirect-to-https", "database-connections"}, {name: findings[name]["text"] for name in unknown}
    assert findings["mail"]["level"] == "warning", "mail: none"


def page(stack: Stack, path: str) -> Page:
    answer = stack.get(path)
    headers = {name.lower(): value for name, value in answer.getheaders()}
    return Page(answer.status, headers, answer.read().decode())


@pytest.mark.rehearsal
def test_maintenance_is_on_at_once_for_all_but_those_who_are_let_through(stack: Stack) -> None:
    """The table of tests/e2e. The page is the gallery's own, which the release published."""

    def run(*arguments: str) -> tuple[int, str]:
        words = 2 if arguments[0] == "maintenance" else 1  # a command of a group has the stack's option behind its verb
        done = stack.operate(" ".join(arguments[:words]), *arguments[words:])
        return done.returncode, done.stdout + done.stderr

    for case in MAINTENANCE:
        check(case, run, lambda path: page(stack, path), own=TASK_NETWORK[0])
        if case.answers == 503:
            assert "Gallery" in page(stack, "/").text
            assert page(stack, "/static/gallery/favicon.svg").status == 200


@pytest.mark.rehearsal
def test_an_update_neither_ends_maintenance_nor_fails_by_it(stack: Stack) -> None:
    assert stack.operate("maintenance on").returncode == 0
    try:
        previewed = stack.pulumi("preview", "--diff", "--expect-no-changes")
        assert previewed.returncode == 0, previewed.stdout
        stack.change(env={"ANOTHER": "one"})
        status, printed = stack.update("--refresh")
        assert status == 0, printed
        assert page(stack, "/").headers["x-maintenance"]
    finally:
        stack.change(env=None)
        assert stack.operate("maintenance off").returncode == 0
    assert page(stack, "/").status == 200


@pytest.mark.rehearsal
def test_a_stack_does_not_differ_from_itself(stack: Stack) -> None:
    def run(*arguments: str) -> tuple[int, str]:
        done = stack.django_stack(*arguments)
        return done.returncode, done.stdout

    check(COMPARISON[0], run, lambda path: page(stack, path), name="rehearsal")
