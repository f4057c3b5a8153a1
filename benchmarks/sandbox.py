"""Where the benchmarks run: stacks as the end-to-end tests make them, an empty Pulumi program beside, stopwatches."""

import http.client
import os
import secrets
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import docker
import psutil
import yaml

from infra import endpoint
from tests import ROOT
from tests.e2e.stacks import SERVING, Stack
from tests.ports import free_ports

TIMEOUT = 300  # seconds
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "4"))  # how often everything is measured


@dataclass
class Sandbox:
    """A folder that goes away at the end, with everything that was made in it."""

    folder: Path
    engine: docker.DockerClient
    end: ExitStack

    def stack(self, purpose: str, settings: Mapping[str, Any] = SERVING) -> Stack:
        """A stack with the defaults, not yet up."""
        folder = self.folder / purpose
        folder.mkdir()
        stack = Stack.make(folder, purpose, settings, self.engine)
        self.end.callback(stack.remove_all)
        return stack

    def beside(self, stack: Stack, name: str) -> Stack:
        """Another stack of the same project and state, on the same app, up; with one worker, for the memory's sake."""
        ports = dict(zip(stack.ports, free_ports(len(stack.ports)), strict=True))
        other = Stack(stack.folder, f"{stack.name}-{name}", ports, self.engine)
        other.configure({**stack.settings, "env": {"WEB_CONCURRENCY": "1"}})
        other.run("pulumi", "stack", "init", other.name, "--no-select", "--non-interactive")
        self.end.callback(other.remove_all)
        other.up()
        return other

    def empty_program(self) -> "Command":
        """`pulumi up` of a program that makes nothing, once up already: what Pulumi itself takes."""
        stack = self.program("empty", "import pulumi\n", {})
        command = Command(stack.up_command, stack.folder, stack.env)
        run(command)
        return command

    def program(self, name: str, text: str, config: Mapping[str, Any]) -> Stack:
        """A stack of a Pulumi program that is not ours, with our packages, plugins and environment; not yet up."""
        folder = self.folder / name
        folder.mkdir()
        (folder / "state").mkdir()
        (folder / ".venv").symlink_to(ROOT / ".venv")
        project = {"name": name, "runtime": {"name": "python", "options": {"virtualenv": ".venv"}}}
        (folder / "Pulumi.yaml").write_text(yaml.safe_dump(project))
        (folder / "__main__.py").write_text(text)
        stack = Stack(folder, f"{name}{secrets.token_hex(3)}", {}, self.engine)
        values = {"config": {f"{name}:{key}": value for key, value in config.items()}}
        (folder / f"Pulumi.{stack.name}.yaml").write_text(yaml.safe_dump(values))
        run(Command(["pulumi", "stack", "init", stack.name, "--no-select", "--non-interactive"], folder, stack.env))
        return stack


@contextmanager
def sandbox() -> Iterator[Sandbox]:
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    with ExitStack() as end:
        end.callback(shutil.rmtree, folder, ignore_errors=True)
        yield Sandbox(folder, endpoint.client(timeout=120), end)


@dataclass(frozen=True)
class Command:
    """A command line, where it runs and with which environment."""

    line: Sequence[str]
    folder: Path
    env: Mapping[str, str]

    def start(self) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            self.line,
            cwd=self.folder,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


def run(command: Command) -> float:
    """Seconds that the command takes. Raises RuntimeError with what it printed when it fails."""
    begin = time.monotonic()
    with command.start() as process:
        output = process.communicate(timeout=TIMEOUT)[0]
    took = time.monotonic() - begin
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(command.line)} ended with {process.returncode}:\n{output}")
    return took


def until_answered(command: Command, port: int, text: str = "") -> tuple[float, float]:
    """Seconds from the command's start to the first good answer (200, with `text` in it), and to its end."""
    begin = time.monotonic()
    ended: list[float] = []
    thread = threading.Thread(target=lambda: ended.append(run(command)))
    thread.start()
    while not answers(port, text):
        if time.monotonic() - begin > TIMEOUT or (not thread.is_alive() and not ended):
            raise RuntimeError(f"no good answer after {' '.join(command.line)}")
        time.sleep(0.02)
    took = time.monotonic() - begin
    thread.join()
    return took, ended[0]


def answers(port: int, text: str) -> bool:
    """Whether the site's first page, which asks the database, is there and has the text in it."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/", headers={"Host": "localhost"})
        answer = connection.getresponse()
        return answer.status == 200 and text in answer.read().decode()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def peak_memory(command: Command) -> float:
    """MiB that the command and all its children had at most, shared pages counted once (PSS)."""
    most = 0.0
    with command.start() as process:
        reader = threading.Thread(target=process.communicate)
        reader.start()
        top = psutil.Process(process.pid)
        while process.poll() is None:
            total = 0
            with suppress(psutil.Error):
                for one in [top, *top.children(recursive=True)]:
                    with suppress(psutil.Error):
                        total += one.memory_full_info().pss
            most = max(most, total / 1024**2)
            time.sleep(0.05)
        reader.join()
    return most


def typical(times: Sequence[float]) -> str:
    """The median, and how far the others are from it."""
    return f"{median(times):.2f} s ({min(times):.2f} to {max(times):.2f})"


def quiet_environment() -> dict[str, str]:
    """The caller's environment without what would steer docker-compose elsewhere."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COMPOSE_")}
