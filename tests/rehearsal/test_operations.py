"""`django-stack` operates the cloud stack: the same commands and words as on the local platform."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.rehearsal.stacks import Stack

pytestmark = [pytest.mark.docker, pytest.mark.pulumi]

PROGRAM = Path(sys.executable).with_name("django-stack")


def django_stack(stack: Stack, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    command, *rest = arguments
    return subprocess.run(
        [PROGRAM, command, "--stack", "rehearsal", *rest],
        cwd=stack.folder,
        env=stack.environment | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )


def test_status_says_what_runs_and_where(stack: Stack) -> None:
    done = django_stack(stack, "status", "--json")
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
    done = django_stack(stack, "run", "--env", "MORE=a=b", "--", "python", "-c", program)
    assert (done.returncode, done.stdout) == (7, "rehearsal a=b\n")
    killed = django_stack(stack, "run", "--", "python", "-c", "import os; os.kill(os.getpid(), 9)")
    assert killed.returncode == 137


def test_a_run_is_ended_after_its_time_out(stack: Stack) -> None:
    done = django_stack(stack, "run", "--timeout", "3", "--", "python", "-c", "import time; time.sleep(100)")
    assert done.returncode == 124
    assert done.stderr.endswith("The command was ended after 3 seconds.\n")


def test_a_detached_run_is_attached_to_by_its_name(stack: Stack) -> None:
    detached = django_stack(stack, "run", "--detach", "--", "python", "-c", "print('done'); raise SystemExit(3)")
    name = detached.stdout.splitlines()[0]
    attached = django_stack(stack, "run", "--attach", name)
    assert (attached.returncode, attached.stdout) == (3, "done\n")


def test_the_first_superuser_is_made_without_any_setting(stack: Stack) -> None:
    who = {"USERNAME": "operator", "EMAIL": "operator@example.com", "PASSWORD": "a long password of the tests"}
    variables = {f"DJANGO_SUPERUSER_{name}": value for name, value in who.items()}
    done = django_stack(stack, "manage", "createsuperuser", **variables)
    assert (done.returncode, done.stdout) == (0, "Superuser created successfully.\n"), done.stderr
    program = "from django.contrib.auth.models import User; print(User.objects.get(username='operator').is_superuser)"
    assert django_stack(stack, "manage", "shell", "--no-imports", "-c", program).stdout.splitlines()[-1] == "True"


def test_a_request_is_found_in_the_logs_by_its_id_and_secrets_are_not(stack: Stack) -> None:
    program = "import os; print('key', os.environ['SECRET_KEY'])"
    assert django_stack(stack, "run", "--", "python", "-c", program).returncode == 0
    answer = stack.get("/no-such-page")
    lines = [json.loads(line) for line in django_stack(stack, "logs", "--json").stdout.splitlines()]
    assert ("run", "key [secret]") in {(line["process"], line["message"]) for line in lines}
    assert {"web", "release", "run"} <= {line["process"] for line in lines}
    identity = answer.headers["X-Request-ID"]
    found = django_stack(stack, "logs", "web", "--request-id", identity)
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
