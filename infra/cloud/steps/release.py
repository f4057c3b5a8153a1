"""Runs the release commands in one-off tasks and reports how they ended. Run by local.Command.

Whatever happens to this step, it stops its tasks at the end. After a SIGKILL, a watchdog in a session of its own does.
"""

import shlex
import sys
import time

from botocore.exceptions import BotoCoreError, ClientError

from infra.cloud.aws import AWSError, client, explain_errors
from infra.cloud.one_off_tasks import OneOffTasks, TaskError, has_succeeded, judge
from infra.cloud.requests import ReleaseRequest
from infra.cloud.steps import rollback_alarm
from infra.cloud.steps.logs import Log
from infra.destructive import release_variables
from infra.interruption import Interrupted, ignore_signals, raise_on_signals, raise_what_was_lost
from infra.steps import RedactedOutput, quoted, read_request
from infra.watchdog import Watchdog

TAIL = 20
PUBLISH = "python manage.py publish_static {}"


class ReleaseError(Exception):
    """A failed release; the message says which command failed, and how."""


def main() -> None:
    """Exit status 0 when every command ended with 0, else 1 with the reason on standard error."""
    raise_on_signals("The release")
    request = read_request(ReleaseRequest)
    try:
        with explain_errors():
            ReleaseRun(request).run()
        rollback_alarm.leave_after_a_new_password(request)
    except (AWSError, ReleaseError, TaskError, Interrupted) as error:
        sys.exit(f"{error}\n{what_serves(request)}The next `pulumi up` runs the release again.")


class ReleaseRun:
    """One run of the release commands of one stack."""

    def __init__(self, request: ReleaseRequest) -> None:
        self.request = request
        self.deadline = time.monotonic() + request.timeout
        self.tasks = OneOffTasks(request)
        self.logs = client("logs", request)

    def run(self) -> None:
        """Runs all commands in order, and publishes the static files meanwhile; raises ReleaseError at the first that
        fails."""
        self.tasks.stop_all("A new release begins")  # left by a run that was killed
        publish = PUBLISH.format(self.request.static_files)
        where = self.request.region, self.request.profile, self.request.cluster
        self.watchdog = Watchdog("infra.cloud.steps.watchdog", *where)
        try:
            publication = self.start(publish, self.request.publisher) if self.request.static_files else ""
            for command in self.request.commands:
                self.follow(command, self.start(command))
            if publication:
                self.follow(publish, publication)
            self.watchdog.dismiss()
        except BaseException:
            ignore_signals()
            try:
                self.tasks.stop_all("The release was ended")
                self.watchdog.dismiss()
            except (BotoCoreError, ClientError) as error:
                print(f"A task of the release may still be running: {error}", file=sys.stderr)
            raise
        finally:
            self.watchdog.close()

    def follow(self, command: str, task: str) -> None:
        """Waits until the task of a command has ended, and prints its output as it comes."""
        log = Log(self.logs, self.request, task)
        output = RedactedOutput(self.request.secrets, TAIL)
        while True:
            raise_what_was_lost()
            state = self.tasks.look(task)
            if state["lastStatus"] == "STOPPED" or has_succeeded(state, self.request.container):
                break
            self.pass_on(log, output)
            if time.monotonic() > self.deadline:
                self.fail(command, f"was ended: release-timeout is {self.request.timeout} seconds", output)
            time.sleep(self.request.pause)
        self.tasks.running.discard(task)
        time.sleep(2 * self.request.pause)  # the last lines arrive a moment after the end
        self.pass_on(log, output)
        output.close()
        how = judge(state, self.request.container)
        if how:
            self.fail(command, how, output)

    def start(self, command: str, role: str = "") -> str:
        """Starts a task for a command, with another role than the app's if one is given, and returns its ARN."""
        try:
            arn = self.tasks.start(shlex.split(command), {} if role else release_variables(), role=role)
        except TaskError as error:
            raise ReleaseError(f"Release command `{command}` could not be started: {error}") from None
        self.watchdog.tell(f"{arn}\n".encode())
        print(f"Task {arn.rpartition('/')[2]} for `{command}` starts; on Fargate that takes a minute.", flush=True)
        return arn

    def pass_on(self, log: Log, output: RedactedOutput) -> None:
        for line in log.read():
            output.feed(f"{line}\n")

    def fail(self, command: str, how: str, output: RedactedOutput) -> None:
        raise ReleaseError(f"Release command `{command}` {how}.{quoted(output.last_lines())}")


def what_serves(request: ReleaseRequest) -> str:
    """A sentence for the end of an error: whether a web version still serves; nothing if AWS doesn't answer."""
    try:
        with explain_errors():
            answer = client("ecs", request).describe_services(cluster=request.cluster, services=[request.service])
    except AWSError:
        return ""
    active = [service for service in answer["services"] if service["status"] == "ACTIVE"]
    if not active:
        return "There is no web version yet, so nothing serves. "
    if not active[0]["runningCount"]:
        return f"No task of the service {request.service} runs, so nothing serves. "
    return "The web version that was running keeps serving. "


if __name__ == "__main__":
    main()
