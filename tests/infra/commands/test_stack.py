"""The commands find the web of the project in the working directory, and hand on what it says and how it ends."""

import json
import os
import re
import signal
import subprocess

import pytest

from infra import endpoint
from infra.local.labels import PROJECT, STACK, STATE, state
from tests.infra.commands.conftest import PROGRAM, Web

pytestmark = pytest.mark.docker


def test_manage_hands_on_arguments_input_and_exit_status(web: Web) -> None:
    done = web.run("manage", "-s", "pr-12", "loaddata", "--format", "json", "-", "-s", "x", text="[]")
    assert done.returncode == 7
    assert done.stdout == "arguments: loaddata --format json - -s x\nterminal: False input: []\n"
    assert web.run("manage", "--stack", "pr-12", "--", "--version").stdout.startswith("arguments: --version\n")


def test_manage_refuses_to_write_source_that_is_not_mounted(web: Web) -> None:
    done = web.run("manage", "-s", "pr-12", "makemigrations")
    assert done.returncode == 1
    assert done.stderr.endswith("Fix: pulumi config set -s pr-12 mount-source true, then pulumi up -s pr-12\n")


def test_ready_says_where_the_site_is_and_how_to_go_on_with_this_stack(web: Web) -> None:
    output = web.run("ready", "-s", "pr-12").stdout
    assert "The site is up: http://pr-12.localhost:" in output
    assert "make manage STACK=pr-12 ARGS=createsuperuser" in output


def test_logs_redact_secrets_and_end_quietly_with_control_c(web: Web) -> None:
    logs = subprocess.Popen(
        [PROGRAM, "logs", "-s", "pr-12", "--follow"],
        cwd=web.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert logs.stdout is not None
    assert logs.stdout.readline().split(" ", 3)[3] == "begin [secret] end\n"
    os.killpg(logs.pid, signal.SIGINT)
    out, error = logs.communicate(timeout=30)
    assert (logs.returncode, out, error.strip()) == (130, "", "")


def test_another_stack_of_the_project_is_not_there(web: Web) -> None:
    done = web.run("logs", "-s", "local")
    assert (done.returncode, done.stderr) == (
        1,
        f"There is no container {web.project}-local-web. Fix: make local\n",
    )


def test_a_container_of_another_state_is_not_the_stacks(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_BACKEND_URL", "file:///nowhere")
    assert web.run("ready", "-s", "pr-12").stderr == (
        f"The container {web.project}-pr-12-web is not running. Fix: make local STACK=pr-12\n"
    )


def test_logs_of_a_process_that_is_not_there_name_those_that_are(web: Web) -> None:
    done = web.run("logs", "-s", "pr-12", "wbe")
    assert done.returncode == 1
    assert done.stderr == (
        f"There is no container {web.project}-pr-12-wbe. There are: web. Fix: django-stack logs -s pr-12 web\n"
    )


def test_status_says_what_runs_and_where(web: Web) -> None:
    done = web.run("status", "-s", "pr-12", "--json")
    status = json.loads(done.stdout)
    assert done.returncode == 0
    assert status["processes"] == {"web": {"running": 1, "wanted": 1, "health": "running"}}
    assert status["url"].startswith("http://pr-12.localhost:")
    for_people = web.run("status", "-s", "pr-12").stdout
    assert re.search(r"^version  python:3.13-slim-trixie, for \d+ (seconds?|minutes?)$", for_people, re.MULTILINE)
    assert re.search(r"^web +1 of 1 run, running$", for_people, re.MULTILINE)


def test_status_of_a_stack_that_is_not_up_says_how_to_start_it(web: Web) -> None:
    done = web.run("status", "-s", "pr-13")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"The container {web.project}-pr-13-web is not running. Fix: make local STACK=pr-13\n"


@pytest.mark.parametrize(
    ("program", "status"),
    [
        ("import sys; sys.exit(7)", 7),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", 137),
        ("print(end='')", 0),
    ],
)
def test_a_run_ends_with_the_status_of_its_command_and_leaves_no_container(web: Web, program: str, status: int) -> None:
    assert web.run("run", "-s", "pr-12", "--", "python", "-c", program).returncode == status
    assert web.runs() == []


def test_a_run_is_a_container_of_its_own_with_the_webs_environment_and_our_input(web: Web) -> None:
    program = "import os, sys; print(os.environ['DOMAIN'], os.environ['MORE'], os.environ['NAMED'], sys.stdin.read())"
    program += "; print(os.path.exists('manage.py'))"
    done = web.run(
        "run", "-s", "pr-12", "--env", "MORE=a=b", "--env", "NAMED", "python", "-c", program, text="x", NAMED="here"
    )
    assert done.stdout == "pr-12.localhost a=b here x\nFalse\n"


def test_a_run_has_the_folders_that_mount_exclude_keeps(web: Web) -> None:
    """Each is a volume without a name, which the engine doesn't list among the binds."""
    api = endpoint.client().api
    created = api.create_container(
        "python:3.13-slim-trixie",
        ["sleep", "60"],
        name=f"{web.project}-pr-13-web",
        labels={PROJECT: web.project, STACK: "pr-13", STATE: state()},
        volumes=["/kept"],
    )
    try:
        api.start(created["Id"])
        done = web.run("run", "-s", "pr-13", "--", "python", "-c", "import os; print(os.path.ismount('/kept'))")
        assert (done.returncode, done.stdout) == (0, "True\n")
    finally:
        api.remove_container(created["Id"], v=True, force=True)


def test_a_run_is_ended_after_its_time_out(web: Web) -> None:
    done = web.run("run", "-s", "pr-12", "--timeout", "1", "--", "sleep", "50")
    assert (done.returncode, done.stderr) == (124, "The command was ended after 1 seconds.\n")
    assert web.runs() == []


def test_control_c_ends_a_run(web: Web) -> None:
    process = subprocess.Popen(
        [PROGRAM, "run", "-s", "pr-12", "--", "python", "-uc", "import time; print('up'); time.sleep(50)"],
        cwd=web.folder,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(timeout=30) == 130
    process.stdout.close()
    assert web.runs() == []


def test_a_detached_run_is_attached_to_by_its_name(web: Web) -> None:
    program = "import sys, time; print('begun', flush=True); time.sleep(1); print('done'); sys.exit(3)"
    done = web.run("run", "-s", "pr-12", "--detach", "--", "python", "-c", program)
    name = done.stdout.splitlines()[0]
    assert done.stdout == f"{name}\nIts output and end: django-stack run -s pr-12 --attach {name}\n"
    attached = web.run("run", "-s", "pr-12", "--attach", name)
    assert (attached.returncode, attached.stdout) == (3, "begun\ndone\n")
    assert web.run("run", "-s", "pr-12", "--attach", name).stderr == (
        f"There is no run {name} of the stack pr-12. There are: none\n"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "Which command? For example: django-stack run -- python manage.py check --deploy"),
        (("--attach", "x", "ls"), "--attach takes a run's name and nothing else"),
        (
            ("--env", "NOWHERE", "ls"),
            "--env NOWHERE: allowed is NAME=VALUE, or the NAME of a variable that is set here",
        ),
        (("no-such-program",), "no-such-program"),
    ],
)
def test_what_can_not_be_run_is_refused_in_a_line(web: Web, arguments: tuple[str, ...], message: str) -> None:
    done = web.run("run", "-s", "pr-12", *arguments)
    assert done.returncode != 0
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert web.runs() == []
