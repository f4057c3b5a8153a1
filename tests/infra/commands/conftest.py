"""A stack's web as the commands see it: a container that is published, prints its log and has a manage.py."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from docker.models.containers import Container

from infra import endpoint
from infra.local.labels import PROJECT, STACK, STATE, state

PROGRAM = Path(sys.executable).with_name("django-stack")
MANAGE = """
import sys
print("arguments:", *sys.argv[1:])
print("terminal:", sys.stdout.isatty(), "input:", sys.stdin.read())
sys.exit(7)
"""
# What a web does as far as the commands see it: it is published, prints its log and has a manage.py.
SERVE = """
import os, pathlib, signal, sys, time
pathlib.Path("manage.py").write_text(os.environ["MANAGE"])
signal.signal(signal.SIGTERM, lambda *_: sys.exit())
print("begin", os.environ["SECRET_KEY"], "end", flush=True)
time.sleep(300)
"""


@dataclass(frozen=True)
class Web:
    """A web's container of the stack pr-12, of a project of its own in `folder`."""

    folder: Path
    project: str

    def run(self, *arguments: str, text: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [PROGRAM, *arguments],
            cwd=self.folder,
            env=os.environ | environment,
            input=text,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    @contextmanager
    def beside(self, name: str, image: str, command: list[str] | None, **more: Any) -> Iterator[Container]:
        """Another container of the stack."""
        labels = {PROJECT: self.project, STACK: "pr-12", STATE: state(), **more.pop("labels", {})}
        container = endpoint.client().containers.run(
            image, command, name=f"{self.project}-pr-12-{name}", labels=labels, detach=True, **more
        )
        try:
            yield container
        finally:
            container.remove(force=True, v=True)

    def runs(self) -> list[str]:
        """The names of the one-off containers that are there."""
        filters = {"name": f"{self.project}-pr-12-run-"}
        found = endpoint.client().containers.list(all=True, filters=filters, ignore_removed=True)
        return [str(container.name) for container in found]


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    folder, project = tmp_path_factory.mktemp("project"), f"commands-{uuid4().hex[:8]}"
    (folder / "Pulumi.yaml").write_text(f"name: {project}\n")
    container = endpoint.client().containers.run(
        "python:3.13-slim-trixie",
        ["python", "-c", SERVE],
        name=f"{project}-pr-12-web",
        working_dir="/work",
        environment={"DOMAIN": "pr-12.localhost", "SECRET_KEY": "TOPSECRET-0a1b2c3d", "MANAGE": MANAGE},
        labels={PROJECT: project, STACK: "pr-12", STATE: state()},
        ports={"8000/tcp": ("127.0.0.1", None)},
        detach=True,
    )
    try:
        until = time.monotonic() + 30
        while b"end" not in container.logs() and time.monotonic() < until:
            time.sleep(0.1)
        yield Web(folder, project)
    finally:
        container.remove(force=True)
