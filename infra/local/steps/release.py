"""Runs the release commands in one-off containers and reports how they ended. Run by local.Command.

Whatever happens to this step, it leaves no container: it removes its own at the end, on SIGINT, SIGTERM and time-out,
and when its parent `pulumi` is gone. After a SIGKILL, a watchdog in a session of its own removes it.
"""

import shlex
import sys
import threading
import time
import uuid
from contextlib import suppress

import psutil
from docker.errors import APIError
from docker.models.containers import Container
from docker.types import LogConfig

from infra import endpoint
from infra.destructive import release_variables
from infra.interruption import Interrupted, raise_on_signals, raise_what_was_lost
from infra.local.labels import RUN
from infra.local.requests import ReleaseRequest
from infra.local.steps.containers import ENGINE_ERRORS, explain, remove
from infra.steps import RedactedOutput, quoted, read_request
from infra.watchdog import Watchdog

TAIL = 20


class ReleaseError(Exception):
    """A failed release; the message says which command failed, and how."""


def main() -> None:
    """Exit status 0 when every command ended with 0, else 1 with the reason on standard error."""
    raise_on_signals("The release")
    request = read_request(ReleaseRequest)
    try:
        ReleaseRun(request).run()
    except (ReleaseError, Interrupted) as error:
        sys.exit(f"{error}\n{what_serves(request)}The next `pulumi up` runs the release again.")
    except ENGINE_ERRORS as error:
        sys.exit(f"The release was ended. {explain(error)}")


class ReleaseRun:
    """One run of the release commands of one stack."""

    def __init__(self, request: ReleaseRequest) -> None:
        self.request = request
        self.deadline = time.monotonic() + request.timeout
        self.engine = endpoint.client()
        self.run_id = uuid.uuid4().hex
        self.above = _processes_above()
        self.secrets = request.secret_values()

    def run(self) -> None:
        """Runs all commands in order; raises ReleaseError at the first that fails."""
        remove(self.engine, {"name": f"^/{self.request.name}$"})  # left by a run that was killed
        watchdog = Watchdog("infra.local.steps.watchdog", self.run_id)
        try:
            for command in self.request.commands:
                self.run_command(command)
            watchdog.dismiss()
        finally:
            remove(self.engine, {"label": f"{RUN}={self.run_id}"})
            watchdog.close()

    def run_command(self, command: str) -> None:
        """Runs one command line in a container of its own, and prints its output as it comes."""
        print(f"$ {command}", flush=True)
        request = self.request
        try:
            container = self.engine.containers.create(
                request.image,
                shlex.split(command),
                name=request.name,
                environment=request.environment | release_variables(),
                labels={**request.labels, RUN: self.run_id},
                network=request.network,
                init=True,  # passes signals on to the command
                healthcheck={"test": ["NONE"]},  # the image's is a site's: a Python every few seconds, for nothing
                volumes={name: {"bind": path, "mode": "rw"} for name, path in request.volumes.items()},
                log_config=LogConfig(type="json-file"),  # logs of the engine's default driver may be unreadable
                use_config_proxy=False,  # the web's environment has no proxies either
            )
            container.start()
        except APIError as error:
            raise ReleaseError(f"Release command `{command}` could not be started: {error.explanation}") from None
        output = RedactedOutput(self.secrets, TAIL)
        reader = threading.Thread(target=self.pass_on, args=(container, output), daemon=True)
        reader.start()
        while reader.is_alive():
            reader.join(0.1)
            raise_what_was_lost()
            if time.monotonic() > self.deadline:
                self.fail(command, f"was ended: release-timeout is {request.timeout} seconds", output)
            if not all(_lives(process) for process in self.above):
                self.fail(command, "was ended: pulumi is gone", output)
        code = container.wait(timeout=30)["StatusCode"]
        if code != 0:
            container.reload()
            killed = " (killed: out of memory)" if container.attrs["State"].get("OOMKilled") else ""
            self.fail(command, f"failed with exit status {code}{killed}", output)
        container.remove()

    def pass_on(self, container: Container, output: RedactedOutput) -> None:
        """Prints the container's output as it comes, secrets redacted."""
        with suppress(*ENGINE_ERRORS):  # if the engine is gone, the next call reports it
            for chunk in container.logs(stream=True, follow=True):
                output.feed(chunk)
        output.close()

    def fail(self, command: str, how: str, output: RedactedOutput) -> None:
        raise ReleaseError(f"Release command `{command}` {how}.{quoted(output.last_lines())}")


def what_serves(request: ReleaseRequest) -> str:
    """A sentence for the end of an error: whether a web version still serves; nothing if the engine doesn't answer."""
    try:
        engine = endpoint.client()
        found = engine.containers.list(all=True, filters={"name": f"^/{request.web}$"}, ignore_removed=True)
    except ENGINE_ERRORS:
        return ""
    if not found:
        return "There is no web version yet, so nothing serves. "
    if found[0].status != "running":
        return f"The web container {request.web} is {found[0].status}, so nothing serves. "
    return "The web version that was running keeps serving. "


def _processes_above() -> list[psutil.Process]:
    """The parent processes of this one up to `pulumi`, which is the last."""
    above = []
    for process in psutil.Process().parents():
        above.append(process)
        if process.name() == "pulumi":
            return above
    return above[:1]


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


if __name__ == "__main__":
    main()
