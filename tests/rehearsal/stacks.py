"""A rehearsal in a sandbox, and somebody who asks its site."""

import http.client
import json
import shutil
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import docker
import yaml

from tests import ROOT
from tools.rehearsal.stack import NAME, Rehearsal, pulumi_command

PROGRAM = Path(sys.executable).with_name("django-stack")


class Stack(Rehearsal):
    """A rehearsal in a sandbox, with a copy of the app to change at will."""

    def __init__(self, folder: Path, engine: docker.DockerClient) -> None:
        for entry in ("infra", "tools", "requirements", ".venv", "Makefile", "pyproject.toml"):
            (folder / entry).symlink_to(ROOT / entry)
        shutil.copy(ROOT / "Pulumi.yaml", folder)
        self.engine, self.app = engine, folder / "app"
        shutil.copytree(ROOT / "app", self.app, ignore=shutil.ignore_patterns("__pycache__"))
        settings = yaml.safe_load((ROOT / "Pulumi.cloud.yaml").read_text())["config"]
        own = {"config": settings | {"django-stack:app-path": str(self.app)}}
        (folder / "Pulumi.cloud.yaml").write_text(yaml.safe_dump(own))
        # Other variables of the process environment, None for one that isn't there.
        self.variables: dict[str, str | None] = {}
        super().__init__(engine, folder)

    @property
    def environment(self) -> dict[str, str]:
        found = super().environment | self.variables
        return {name: value for name, value in found.items() if value is not None}

    def change(self, **settings: Any) -> None:
        """Sets config keys (as keywords with `_` for `-`) for the next update; None takes a key away."""
        self.configure({f"django-stack:{key.replace('_', '-')}": value for key, value in settings.items()}, print)

    def update(self, *options: str) -> tuple[int, str]:
        """`pulumi up`: its exit status and what it printed."""
        return self.run_pulumi("up", "--yes", "--skip-preview", *options)

    @contextmanager
    def updating(self) -> Iterator["subprocess.Popen[str]"]:
        """`pulumi up` in a process group of its own, as a terminal has it; killed in the end unless it ended."""
        process = subprocess.Popen(
            pulumi_command(("up", "--yes", "--skip-preview")),
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
            process.communicate()

    def run_pulumi(self, *arguments: str) -> tuple[int, str]:
        """The exit status of pulumi, and what it printed."""
        done = self.pulumi(*arguments)
        return done.returncode, done.stdout + done.stderr

    def django_stack(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """A command of django-stack in the rehearsal's folder, with all that it printed in `stdout`."""
        return self._run([PROGRAM, *words], {}, subprocess.STDOUT)

    def operate(self, command: str, *words: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        """A command about this very stack, such as `schedule list`, with more words and more variables; its errors are
        apart from what it printed, and have no traceback."""
        line = [PROGRAM, *command.split(), "--stack", NAME, *words]
        done = self._run(line, variables, subprocess.PIPE)
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def _run(
        self, line: list[str | Path], variables: Mapping[str, str], errors: int
    ) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            line,
            cwd=self.folder,
            env=self.environment | variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            check=False,
            timeout=300,
        )

    @property
    def into(self) -> list[str]:
        """What a command has to say that replaces the stack's data."""
        return ["--into-production", "rehearsal"] if self.is_protected else []

    @property
    def out_of(self) -> list[str]:
        """What a command has to say that takes the stack's data as they are."""
        return ["--unscrubbed"] if self.is_protected else []

    @property
    def is_protected(self) -> bool:
        return bool(yaml.safe_load(self.config.read_text())["config"].get("django-stack:keep-data", True))

    def web(self) -> Any:
        """The container of a task of the site."""
        return self.engine.containers.get(self.emulator.find("com.amazonaws.ecs.container-name=web"))

    @property
    def domain(self) -> str:
        return str(self.outputs["DOMAIN"])

    def resources(self) -> list[dict[str, Any]]:
        """The resources in the state, secrets encrypted."""
        found: list[dict[str, Any]] = (
            json.loads(self.run_pulumi("stack", "export")[1])["deployment"].get("resources") or []
        )
        return found

    def get(
        self, path: str, host: str = "", *, tls: bool = True, headers: Mapping[str, str] | None = None
    ) -> http.client.HTTPResponse:
        """What AWS answers under the site's own name or another host's, its certificate checked."""
        host = host or self.domain
        context = ssl.create_default_context(cafile=str(self.data_folder / "bundle.pem"))
        if tls:
            connection: http.client.HTTPConnection = ServerNameConnection(host, self.ports.tls, context)
        else:
            connection = http.client.HTTPConnection("127.0.0.1", self.ports.api, timeout=20)
        connection.request("GET", path, headers={"Host": host, **(headers or {})})
        return connection.getresponse()


class ServerNameConnection(http.client.HTTPSConnection):
    """A connection to the emulator's TLS under a name of AWS's."""

    def __init__(self, name: str, port: int, context: ssl.SSLContext) -> None:
        super().__init__("127.0.0.1", port, timeout=20, context=context)
        self._name, self._tls = name, context

    def connect(self) -> None:
        http.client.HTTPConnection.connect(self)
        self.sock = self._tls.wrap_socket(self.sock, server_hostname=self._name)


@contextmanager
def polling(stack: Stack) -> Iterator[list[int]]:
    """Somebody asks for the home page all the time; the statuses that come back, 0 for none."""
    statuses: list[int] = []
    domain = stack.domain
    end = threading.Event()

    def poll() -> None:
        while not end.wait(0.1):
            try:
                answer = stack.get("/", domain)
                answer.read()
                statuses.append(answer.status)
            except (OSError, http.client.HTTPException):
                statuses.append(0)

    thread = threading.Thread(target=poll)
    thread.start()
    try:
        yield statuses
    finally:
        end.set()
        thread.join()
