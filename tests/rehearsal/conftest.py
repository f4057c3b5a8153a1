"""An emulator for a module's tests. There can be one at a time on an engine, so the modules take turns."""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import docker
import pytest

from tools.rehearsal.container import ACCOUNT, Doors, Emulator, connect

REGION = "us-east-1"


class AWS:
    """The emulator as a test asks it."""

    def __init__(self, doors: Doors, engine: docker.DockerClient, emulator: Emulator) -> None:
        self.doors, self.engine, self.emulator = doors, engine, emulator

    def client(self, service: str, **more: Any) -> Any:
        """A client of one of AWS's services."""
        given = {"aws_access_key_id": ACCOUNT, "aws_secret_access_key": "test", "region_name": REGION} | more
        return boto3.client(service, endpoint_url=self.doors.url, **given)


@pytest.fixture(scope="session")
def engine() -> docker.DockerClient:
    return connect()


@pytest.fixture(scope="module")
def turn() -> Iterator[None]:
    """Waits until no other test has an emulator."""
    with (Path(tempfile.gettempdir()) / f"django-stack-rehearsal-tests-{os.getuid()}").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="module")
def aws(engine: docker.DockerClient, turn: None) -> Iterator[AWS]:
    """An emulator of its own, without a stack."""
    emulator = Emulator(engine, owner="the tests")
    yield AWS(emulator.start(print, REGION), engine, emulator)
    emulator.remove()
