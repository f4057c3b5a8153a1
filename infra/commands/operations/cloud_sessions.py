"""Sessions in the cloud: a shell in a task of its own, and a way to the database through one.

AWS's Systems Manager carries them, so there is no bastion and no open port; its Session Manager plugin on this machine
has the terminal, or the port. A task ends with its session, and after a limit by itself.
"""

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from infra.cloud import certificates
from infra.cloud.one_off_tasks import OneOffTasks, TaskError, judge
from infra.cloud.task_kinds import SHELL
from infra.commands.operations.cloud_stack import CloudStack, explained
from infra.dsn import DatabaseURL, DSNError
from infra.ports import any_free_port, is_free_port

PLUGIN = "session-manager-plugin"
INSTALL = (
    "https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-working-with-install-plugin.html"
)
FORWARDING = "AWS-StartPortForwardingSessionToRemoteHost"
# From this version on, the plugin signs its request for a session's channel, as AWS wants it:
# https://docs.aws.amazon.com/systems-manager/latest/userguide/plugin-version-history.html
OLDEST = (1, 2, 764)
# Where the plugin takes a session's token from: other users of this machine can read arguments, but no variables.
VARIABLE = "AWS_SSM_START_SESSION_RESPONSE"
AGENT = "ExecuteCommandAgent"
START_SECONDS = 600.0  # for a task and the agent in it
CONNECTED_SECONDS = 30.0  # until AWS knows an agent that runs
OPEN_SECONDS = 30.0  # until the plugin listens
VERSIONS = 20  # of the shell's task definition, among which that of the running version is looked for


class CloudSessions:
    """Opens sessions in tasks of the stack's running version."""

    def __init__(self, stack: CloudStack) -> None:
        self._stack = stack

    @explained
    def shell(self, command: Sequence[str], limit: float) -> int:
        """Runs a command in a task, with this terminal. AWS doesn't tell how it ends, so the exit status is 0."""
        with self._task(limit) as task:
            ecs = self._stack.client("ecs")
            answer = _once_connected(
                lambda: ecs.execute_command(
                    cluster=self._stack.prefix,
                    task=task["taskArn"],
                    container=self._stack.container["name"],
                    interactive=True,
                    command=shlex.join(command),
                )
            )
            line = self._line(json.dumps(answer["session"]), {"Target": self._target(task)}, ecs.meta.endpoint_url)
            return _in_the_foreground(line)

    @explained
    def psql(self, arguments: Sequence[str], limit: float) -> int:
        """Runs this machine's psql on the stack's database; its exit status."""
        program = shutil.which("psql")
        if not program:
            sys.exit(
                "psql isn't installed on this machine, and there is none in the image. Fix: sudo apt-get install "
                "postgresql-client (or brew install libpq), or django-stack tunnel for another client"
            )
        url = self._database()
        port = any_free_port()
        with self._task(limit) as task, self._forwarded(task, url, port):
            return _in_the_foreground([program, *arguments], {**connection(url, port), "PGPASSWORD": url.password})

    @explained
    def tunnel(self, port: int, limit: float) -> int:
        """Leads a port of this machine's loopback to the stack's database, until Ctrl-C."""
        if not is_free_port(port):
            sys.exit(
                f"Port {port} of this machine is in use. Fix: django-stack tunnel -s {self._stack.name} --port 15433"
            )
        url = self._database()
        with self._task(limit) as task, self._forwarded(task, url, port) as plugin:
            known = {name.removeprefix("PG").lower(): value for name, value in connection(url, port).items()}
            words = " ".join(f"{'dbname' if name == 'database' else name}={value}" for name, value in known.items())
            try:
                print(
                    f"The database is at 127.0.0.1:{port} until Ctrl-C:\n\n"
                    f'  psql "{words}"\n\n'
                    f"Its password is in: django-stack run -s {self._stack.name} -- printenv DATABASE_URL",
                    flush=True,
                )
                plugin.wait()
            except KeyboardInterrupt:
                print("The tunnel is closed.", file=sys.stderr)
                return 130
            sys.exit(f"The tunnel has ended: {PLUGIN} did, with exit status {plugin.returncode}.")

    def _database(self) -> DatabaseURL:
        """The address that the app has, with the newest password of that database: RDS knows no other."""
        try:
            url = DatabaseURL.parse(self._stack.variable("DATABASE_URL"))
            newest = DatabaseURL.parse(self._stack.newest_secrets.get("DATABASE_URL") or str(url))
        except (DSNError, RuntimeError) as error:
            sys.exit(f"The database's address can't be read: {error}")
        return newest if (newest.host, newest.name) == (url.host, url.name) else url

    @contextmanager
    def _task(self, limit: float) -> Iterator[dict[str, Any]]:
        """A task whose agent runs, as ECS describes it; it is stopped in the end, and ends by itself after `limit`."""
        if not shutil.which(PLUGIN):
            sys.exit(
                f"AWS's Session Manager plugin is needed for this, and isn't installed: {INSTALL} "
                f"(a command without a terminal works without it: django-stack run -s {self._stack.name} -- COMMAND)"
            )
        if version := _too_old():
            sys.exit(
                f"AWS's Session Manager plugin is {version}, and AWS wants {'.'.join(map(str, OLDEST))}.0 or later: "
                f"{INSTALL}"
            )
        definition = self._definition()
        tasks = OneOffTasks(self._stack.request(f"shell-{uuid.uuid4().hex[:8]}", definition))
        try:
            arn = tasks.start(["sleep", f"{limit:.0f}"], with_agent=True)
            print(f"Task {arn.rpartition('/')[2]} starts; on Fargate that takes a minute.", file=sys.stderr, flush=True)
            yield self._with_agent(tasks, arn)
        except ClientError as error:
            # A stack that allowed it once still has the task definitions, but their role is gone.
            found, role = error.response["Error"], f"role/{self._stack.prefix}-{SHELL}-"
            if found.get("Code") == "ClientException" and role in found.get("Message", ""):
                sys.exit(self._not_allowed)
            raise
        except TaskError as error:
            sys.exit(f"The session can't be opened: {error}")
        finally:
            tasks.stop_all("The session ended", wait=False)

    def _with_agent(self, tasks: OneOffTasks, arn: str) -> dict[str, Any]:
        """The task, once AWS's agent in the app's container runs. Raises TaskError when either ended."""
        name = tasks.request.container
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            task = tasks.look(arn)
            if task["lastStatus"] == "STOPPED":
                raise TaskError(f"the task {judge(task, name) or 'ended'}.")
            found: dict[str, Any] = next((one for one in task.get("containers", []) if one["name"] == name), {})
            agents: list[dict[str, Any]] = found.get("managedAgents", [])
            agent: dict[str, Any] = next((one for one in agents if one["name"] == AGENT), {})
            if agent.get("lastStatus") == "RUNNING" and found.get("runtimeId"):
                return task
            if agent.get("lastStatus") == "STOPPED":
                raise TaskError(f"AWS's agent in the task ended: {agent.get('reason', 'ECS gives no reason')}.")
            time.sleep(tasks.request.pause)
        raise TaskError(f"AWS's agent in the task doesn't run after {START_SECONDS:g} seconds.")

    @property
    def _not_allowed(self) -> str:
        name = self._stack.name
        return (
            f"The stack {name} doesn't allow this. "
            f"Fix: pulumi config set -s {name} execute-command true && pulumi up -s {name}"
        )

    def _definition(self) -> str:
        """The ARN of the shell's task definition of the version that the service runs."""
        ecs, family = self._stack.client("ecs"), f"{self._stack.prefix}-{SHELL}"
        answer = ecs.list_task_definitions(familyPrefix=family, sort="DESC", maxResults=VERSIONS)
        arns = map(str, answer["taskDefinitionArns"])
        found = [arn for arn in arns if arn.rpartition("/")[2].rpartition(":")[0] == family]
        if not found:
            sys.exit(self._not_allowed)
        for arn in found:
            known = ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"]
            if _version(self._stack.container_of(known)) == _version(self._stack.container):
                return arn
        sys.exit(f"There is no shell of the version that runs. Fix: pulumi up -s {self._stack.name}")

    @contextmanager
    def _forwarded(self, task: Mapping[str, Any], url: DatabaseURL, port: int) -> Iterator["subprocess.Popen[bytes]"]:
        """The plugin, while it leads a port of the loopback to the database."""
        ssm = self._stack.client("ssm")
        parameters = {
            "Target": self._target(task),
            "DocumentName": FORWARDING,
            "Parameters": {"host": [url.host], "portNumber": [str(url.port)], "localPortNumber": [str(port)]},
        }
        answer = _once_connected(lambda: ssm.start_session(**parameters))
        session = json.dumps({key: answer[key] for key in ("SessionId", "TokenValue", "StreamUrl")})
        line = self._line(VARIABLE, parameters, ssm.meta.endpoint_url)
        # In a group of its own, Ctrl-C for psql doesn't reach it.
        plugin = subprocess.Popen(
            line,
            env={**os.environ, VARIABLE: session},
            stdout=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            process_group=0,
        )
        try:
            _until_listening(plugin, port)
            yield plugin
        finally:
            plugin.terminate()
            plugin.wait()
            with suppress(BotoCoreError, ClientError):  # it ends with its task, too
                ssm.terminate_session(SessionId=answer["SessionId"])

    def _target(self, task: Mapping[str, Any]) -> str:
        name = self._stack.container["name"]
        runtime = next(one["runtimeId"] for one in task["containers"] if one["name"] == name)
        return f"ecs:{self._stack.prefix}_{str(task['taskArn']).rpartition('/')[2]}_{runtime}"

    def _line(self, session: str, parameters: Mapping[str, Any], endpoint: str) -> list[str]:
        """The plugin's command line, as AWS's own command line has it."""
        account = self._stack.account
        return [PLUGIN, session, account.region, "StartSession", account.profile, json.dumps(parameters), endpoint]


def connection(url: DatabaseURL, port: int) -> dict[str, str]:
    """libpq's variables for the database behind a port of the loopback, without the password.

    The certificate is checked for the host's own name, although the connection is to this machine
    (https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNECT-HOSTADDR).
    """
    bundle = Path(certificates.__file__).with_name("rds-certificates.pem")
    return {
        "PGHOST": url.host,
        "PGHOSTADDR": "127.0.0.1",
        "PGPORT": str(port),
        "PGDATABASE": url.name,
        "PGUSER": url.user,
        "PGSSLMODE": url.options.get("sslmode", "require"),
        "PGSSLROOTCERT": str(bundle),
    }


def _once_connected(call: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The answer of a call that AWS refuses until it knows the agent of a new task."""
    until = time.monotonic() + CONNECTED_SECONDS
    while True:
        try:
            return call()
        except ClientError as error:
            code = error.response["Error"].get("Code", "")
            if code not in {"TargetNotConnectedException", "TargetNotConnected"} or time.monotonic() > until:
                raise
        time.sleep(1)


def _version(container: Mapping[str, Any]) -> tuple[Any, ...]:
    """What makes a version: the image, and what is in its environment."""
    variables = [*container.get("environment", []), *container.get("secrets", [])]
    return container["image"], sorted((one["name"], one.get("value", one.get("valueFrom"))) for one in variables)


def _in_the_foreground(line: list[str], environment: Mapping[str, str] | None = None) -> int:
    """The exit status of a program that has the terminal, and with it Ctrl-C."""
    process = subprocess.Popen(line, env={**os.environ, **(environment or {})})
    # After the start, so that the program has the handlers that it sets itself.
    before = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGINT, signal.SIGQUIT)}
    try:
        return process.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _until_listening(plugin: "subprocess.Popen[bytes]", port: int) -> None:
    """Returns when the port is open. Raises TaskError when the plugin ends before, or takes too long."""
    until = time.monotonic() + OPEN_SECONDS
    while is_free_port(port):
        if plugin.poll() is not None:
            raise TaskError(f"{PLUGIN} ended with exit status {plugin.returncode}.")
        if time.monotonic() > until:
            raise TaskError(f"{PLUGIN} doesn't listen after {OPEN_SECONDS:g} seconds.")
        time.sleep(0.1)


def _too_old() -> str:
    """The plugin's version if AWS doesn't take it any more; nothing for a newer one, or one that doesn't tell."""
    text = subprocess.run([PLUGIN, "--version"], check=False, capture_output=True, text=True).stdout.strip()
    version = tuple(int(part) for part in text.split(".") if part.isdigit())
    return text if version and version < OLDEST else ""
