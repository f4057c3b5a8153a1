"""Sessions in the cloud, by what AWS and its plugin are asked: no emulator has such a session."""

import json
import os
import re
import signal
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from tests.infra.cloud.fake_aws import RefusalError
from tests.infra.commands.operations.conftest import APP, HOST, SHELL, TASK, URL, VERSION, Cloud, definition, task

NAME = TASK.rpartition("/")[2]
SESSION = {"sessionId": "session-1", "streamUrl": "wss://stream", "tokenValue": "TOKEN"}
STARTED = {"SessionId": "session-2", "StreamUrl": "wss://stream", "TokenValue": "TOKEN"}
READY = {"runtimeId": "runtime-1", "managedAgents": [{"name": "ExecuteCommandAgent", "lastStatus": "RUNNING"}]}
# Writes down how it was called; for a tunnel, it listens, as AWS's plugin does.
PLUGIN = """
import json, os, pathlib, signal, socket, sys
if sys.argv[1:] == ["--version"]:
    print("VERSION")
    sys.exit()
known = {"arguments": sys.argv[1:], "session": os.environ.get("AWS_SSM_START_SESSION_RESPONSE")}
pathlib.Path("called.json").write_text(json.dumps(known))
signal.signal(signal.SIGTERM, lambda *_: sys.exit())
if "localPortNumber" in sys.argv[5]:
    server = socket.create_server(("127.0.0.1", int(json.loads(sys.argv[5])["Parameters"]["localPortNumber"][0])))
    while True:
        server.accept()
"""
PSQL = """
import json, os, pathlib, sys
known = {name: value for name, value in os.environ.items() if name.startswith("PG")}
pathlib.Path("psql.json").write_text(json.dumps({"arguments": sys.argv[1:], **known}))
sys.exit(3)
"""


def with_plugin(cloud: Cloud, version: str = "1.2.764.0") -> None:
    cloud.program("session-manager-plugin", PLUGIN.replace("VERSION", version))
    cloud.aws.on("ListTaskDefinitions", {"taskDefinitionArns": [f"{SHELL}:3"]})
    cloud.aws.on("DescribeTasks", task("PENDING"), task("RUNNING", managedAgents=[]), task("RUNNING", **READY))
    cloud.aws.on("ExecuteCommand", {"session": SESSION})
    cloud.aws.on("StartSession", STARTED)
    cloud.aws.on("TerminateSession", {})


def called(cloud: Cloud, name: str = "called") -> dict[str, Any]:
    found: dict[str, Any] = json.loads((cloud.folder / f"{name}.json").read_text())
    return found


def in_a_terminal(cloud: Cloud, *arguments: str) -> tuple[int, str]:
    """The exit status of a command that has a terminal, and what it printed to standard error."""
    done = cloud.run(*arguments, terminal=True)
    return done.returncode, done.stderr


def test_a_shell_is_a_task_of_its_own_with_an_agent_that_ends_with_the_session(cloud: Cloud) -> None:
    with_plugin(cloud)
    status, error = in_a_terminal(cloud, "shell", "--limit", "600", "--", "python", "manage.py", "shell")
    assert status == 0, error
    (asked,) = cloud.aws.asked("RunTask")
    assert (asked["taskDefinition"], asked["enableExecuteCommand"]) == (f"{SHELL}:3", True)
    assert asked["overrides"] == {"containerOverrides": [{"name": "web", "command": ["sleep", "600"]}]}
    (execute,) = cloud.aws.asked("ExecuteCommand")
    assert execute == {
        "cluster": "shop-cloud",
        "task": TASK,
        "container": "web",
        "interactive": True,
        "command": "python manage.py shell",
    }
    session, region, operation, profile, parameters, endpoint = called(cloud)["arguments"]
    assert json.loads(session) == SESSION
    assert (region, operation, profile, endpoint) == ("us-east-1", "StartSession", "", cloud.aws.url)
    assert json.loads(parameters) == {"Target": f"ecs:shop-cloud_{NAME}_runtime-1"}
    assert [one["task"] for one in cloud.aws.asked("StopTask")] == [TASK]


def test_without_a_command_the_shell_is_bash_or_else_sh(cloud: Cloud) -> None:
    with_plugin(cloud)
    assert in_a_terminal(cloud, "shell")[0] == 0
    assert cloud.aws.asked("ExecuteCommand")[0]["command"] == "sh -c 'exec $(command -v bash || echo sh)'"
    assert cloud.aws.asked("RunTask")[0]["overrides"]["containerOverrides"][0]["command"] == ["sleep", "14400"]


def test_a_shell_is_of_the_version_that_runs_also_after_a_roll_back(cloud: Cloud) -> None:
    with_plugin(cloud)
    versions = {
        f"{SHELL}:5": "registry/shop@sha256:2",
        f"{SHELL}:4": "registry/shop@sha256:1",
        APP: "registry/shop@sha256:1",
    }
    cloud.aws.on("ListTaskDefinitions", {"taskDefinitionArns": [f"{SHELL}-other:9", f"{SHELL}:5", f"{SHELL}:4"]})
    cloud.aws.on("DescribeTaskDefinition", lambda asked: definition(versions[asked["taskDefinition"]]))
    assert in_a_terminal(cloud, "shell")[0] == 0
    assert cloud.aws.asked("RunTask")[0]["taskDefinition"] == f"{SHELL}:4"
    versions[APP] = "registry/shop@sha256:9"
    assert in_a_terminal(cloud, "shell") == (1, "There is no shell of the version that runs. Fix: pulumi up -s cloud\n")


def test_a_shell_of_other_variables_is_another_version_and_their_order_means_nothing(cloud: Cloud) -> None:
    with_plugin(cloud)
    cloud.aws.on("ListTaskDefinitions", {"taskDefinitionArns": [f"{SHELL}:5", f"{SHELL}:4"]})
    more = [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]

    def described(asked: dict[str, Any]) -> dict[str, Any]:
        found = definition()
        variables = found["taskDefinition"]["containerDefinitions"][1]["environment"]
        arn = asked["taskDefinition"]
        variables += more[:1] if arn == f"{SHELL}:5" else more[::-1] if arn == f"{SHELL}:4" else more
        return found

    cloud.aws.on("DescribeTaskDefinition", described)
    assert in_a_terminal(cloud, "shell")[0] == 0
    assert cloud.aws.asked("RunTask")[0]["taskDefinition"] == f"{SHELL}:4"


def test_psqls_own_status_counts_also_when_the_session_can_not_be_ended(cloud: Cloud) -> None:
    with_plugin(cloud)
    cloud.program("psql", PSQL)
    cloud.aws.on("TerminateSession", RefusalError("AccessDeniedException", "no"))
    done = cloud.run("psql")
    assert done.returncode == 3, done.stderr
    assert len(cloud.aws.asked("StopTask")) == 1


def test_a_stack_that_does_not_allow_it_says_what_to_set(cloud: Cloud) -> None:
    with_plugin(cloud)
    cloud.aws.on("ListTaskDefinitions", {"taskDefinitionArns": []})
    assert in_a_terminal(cloud, "shell") == (
        1,
        "The stack cloud doesn't allow this. "
        "Fix: pulumi config set -s cloud execute-command true && pulumi up -s cloud\n",
    )
    assert cloud.aws.asked("RunTask") == []


@pytest.mark.parametrize(
    ("code", "role", "said"),
    [
        ("ClientException", "shop-cloud-shell-app", "The stack cloud doesn't allow this. Fix: pulumi config set"),
        ("ClientException", "shop-cloud-execution", "AWS refuses RunTask (ClientException): the role"),
        ("AccessDeniedException", "shop-cloud-shell-app", "AWS refuses RunTask, your credentials lack a permission"),
    ],
)
def test_a_stack_that_no_longer_allows_it_says_what_to_set(cloud: Cloud, code: str, role: str, said: str) -> None:
    """The task definitions of a shell stay, their role doesn't."""
    with_plugin(cloud)
    why = f"the role 'arn:aws:iam::123456789012:role/{role}' that was provided for this task"
    cloud.aws.on("RunTask", RefusalError(code, why))
    status, error = in_a_terminal(cloud, "shell")
    assert status == 1
    assert error.startswith(said)


@pytest.mark.parametrize("command", ["shell", "psql", "tunnel"])
def test_without_awss_plugin_nothing_is_started_and_it_is_named(cloud: Cloud, command: str) -> None:
    status, error = in_a_terminal(cloud, command)
    assert status == 1
    assert error.startswith("AWS's Session Manager plugin is needed for this, and isn't installed: https://docs.aws")
    assert error.count("\n") == 1
    assert cloud.aws.asked("RunTask") == []


def test_a_shell_without_a_terminal_is_refused(cloud: Cloud) -> None:
    done = cloud.run("shell")
    assert (done.returncode, done.stderr) == (
        1,
        "A shell needs a terminal. For a command without one: django-stack run -- COMMAND\n",
    )


def test_an_agent_that_aws_does_not_know_yet_is_asked_again(cloud: Cloud) -> None:
    with_plugin(cloud)
    cloud.aws.on("ExecuteCommand", RefusalError("TargetNotConnectedException", "not yet"), {"session": SESSION})
    assert in_a_terminal(cloud, "shell")[0] == 0
    assert len(cloud.aws.asked("ExecuteCommand")) == 2


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (task("STOPPED", reason="CannotPullContainerError"), "never started: CannotPullContainerError"),
        (
            task(
                "RUNNING",
                managedAgents=[{"name": "ExecuteCommandAgent", "lastStatus": "STOPPED", "reason": "no channel"}],
            ),
            "AWS's agent in the task ended: no channel",
        ),
    ],
)
def test_a_task_that_can_not_be_entered_is_stopped_and_says_why(cloud: Cloud, state: dict[str, Any], said: str) -> None:
    with_plugin(cloud)
    cloud.aws.on("DescribeTasks", state)
    status, error = in_a_terminal(cloud, "shell")
    assert status == 1
    assert said in error
    assert [one["task"] for one in cloud.aws.asked("StopTask")] == [TASK]


def test_psql_runs_here_through_a_tunnel_and_checks_the_servers_own_name(cloud: Cloud) -> None:
    with_plugin(cloud)
    cloud.program("psql", PSQL)
    done = cloud.run("psql", "--", "-c", "select 1")
    assert done.returncode == 3, done.stderr
    known = called(cloud, "psql")
    assert known["arguments"] == ["-c", "select 1"]
    assert (known["PGHOST"], known["PGHOSTADDR"], known["PGPASSWORD"]) == (HOST, "127.0.0.1", "TOP/SECRET")
    assert (known["PGUSER"], known["PGDATABASE"], known["PGSSLMODE"]) == ("app", "app", "verify-full")
    assert "BEGIN CERTIFICATE" in Path(known["PGSSLROOTCERT"]).read_text()
    (asked,) = cloud.aws.asked("StartSession")
    assert asked == {
        "Target": f"ecs:shop-cloud_{NAME}_runtime-1",
        "DocumentName": "AWS-StartPortForwardingSessionToRemoteHost",
        "Parameters": {"host": [HOST], "portNumber": ["5432"], "localPortNumber": [known["PGPORT"]]},
    }
    assert cloud.aws.asked("TerminateSession") == [{"SessionId": "session-2"}]
    assert [one["task"] for one in cloud.aws.asked("StopTask")] == [TASK]


@pytest.mark.parametrize(
    ("newest", "password"),
    [(URL.replace("TOP%2FSECRET", "newer"), "newer"), (URL.replace("TOP%2FSECRET@", "newer@other-"), "TOP/SECRET")],
    ids=["of the same database", "of another database"],
)
def test_psql_has_the_newest_password_of_the_database_of_the_version_that_runs(
    cloud: Cloud, newest: str, password: str
) -> None:
    """RDS knows that one alone, also while a version runs that was started with an older one."""
    with_plugin(cloud)
    cloud.program("psql", PSQL)
    cloud.aws.on(
        "GetSecretValue",
        lambda asked: {
            "SecretString": json.dumps({"DATABASE_URL": URL if asked.get("VersionId") == VERSION else newest})
        },
    )
    cloud.run("psql")
    known = called(cloud, "psql")
    assert (known["PGHOST"], known["PGPASSWORD"]) == (HOST, password)


def test_the_token_of_a_tunnel_is_no_argument(cloud: Cloud) -> None:
    with_plugin(cloud)
    cloud.program("psql", PSQL)
    cloud.run("psql")
    known = called(cloud)
    assert json.loads(known["session"]) == STARTED
    assert "TOKEN" not in str(known["arguments"])


@pytest.mark.parametrize("command", ["shell", "psql", "tunnel"])
def test_a_plugin_that_aws_does_not_take_any_more_starts_nothing(cloud: Cloud, command: str) -> None:
    with_plugin(cloud, "1.2.707.0")
    cloud.program("psql", PSQL)
    status, error = in_a_terminal(cloud, command)
    assert status == 1
    assert error.startswith(
        "AWS's Session Manager plugin is 1.2.707.0, and AWS wants 1.2.764.0 or later: https://docs.aws"
    )
    assert cloud.aws.asked("RunTask") == []


def test_a_tunnel_says_where_the_database_is_and_ends_with_control_c(cloud: Cloud) -> None:
    with_plugin(cloud)
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    process = cloud.start("tunnel", "--port", str(port))
    assert process.stdout is not None
    text = "".join(process.stdout.readline() for _ in range(5))
    assert f"The database is at 127.0.0.1:{port} until Ctrl-C:" in text
    assert re.search(rf'psql "host={re.escape(HOST)} hostaddr=127.0.0.1 port={port} dbname=app user=app ', text)
    assert "SECRET" not in text
    socket.create_connection(("127.0.0.1", port)).close()
    os.killpg(process.pid, signal.SIGINT)
    _, error = process.communicate(timeout=30)
    assert (process.returncode, error.splitlines()[-1]) == (130, "The tunnel is closed.")
    assert len(cloud.aws.asked("StopTask")) == len(cloud.aws.asked("TerminateSession")) == 1
    with socket.socket() as one:
        one.settimeout(5)
        assert one.connect_ex(("127.0.0.1", port))


def test_a_tunnel_to_a_port_in_use_starts_nothing(cloud: Cloud) -> None:
    with_plugin(cloud)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        done = cloud.run("tunnel", "--port", str(port))
    assert (done.returncode, done.stderr) == (
        1,
        f"Port {port} of this machine is in use. Fix: django-stack tunnel -s cloud --port 15433\n",
    )
    assert cloud.aws.asked("RunTask") == []


def test_a_tunnel_whose_plugin_ends_is_told_from_one_that_was_closed(cloud: Cloud) -> None:
    with_plugin(cloud)
    cloud.program("session-manager-plugin", "import sys; sys.exit(5)")
    done = cloud.run("tunnel")
    assert done.returncode == 1
    assert "session-manager-plugin ended with exit status 5" in done.stderr
    assert len(cloud.aws.asked("StopTask")) == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_task_is_stopped_when_it_is_interrupted_before_the_session(cloud: Cloud, number: int) -> None:
    with_plugin(cloud)
    cloud.aws.on("DescribeTasks", task("PENDING"))
    process = cloud.start("tunnel")
    until = time.monotonic() + 30
    while not cloud.aws.asked("DescribeTasks") and time.monotonic() < until:
        time.sleep(0.05)
    os.kill(process.pid, number)
    process.communicate(timeout=30)
    assert process.returncode == 130
    assert [one["task"] for one in cloud.aws.asked("StopTask")] == [TASK]
