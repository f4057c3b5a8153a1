"""An emulator for a module's tests. One whose tasks have credentials can be one at a time on an engine.

With REHEARSAL_WITHOUT=cloudfront, say, that override is left out, and its tests have to fail.
"""

import fcntl
import os
import secrets
import shlex
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import docker
import pytest

from tests.bare_stacks import BareStacks, bare_stacks
from tests.rehearsal.stacks import Stack
from tools.rehearsal.container import ACCOUNT, Emulator, Ports, connect
from tools.setup.images import POSTGRES

REGION = "us-east-1"
OWNER = "the tests"
# Random moments are drawn from it.
SEED = int(os.environ.get("REHEARSAL_SEED") or secrets.randbelow(10**6))


def pytest_report_header() -> str:
    return f"rehearsal: REHEARSAL_SEED={SEED}"


class AWS:
    """The emulator as a test asks it."""

    def __init__(self, ports: Ports, engine: docker.DockerClient, emulator: Emulator) -> None:
        self.ports, self.engine, self.emulator = ports, engine, emulator

    def client(self, service: str, **more: Any) -> Any:
        """A client of one of AWS's services."""
        given = {"aws_access_key_id": ACCOUNT, "aws_secret_access_key": "test", "region_name": REGION} | more
        return boto3.client(service, endpoint_url=self.ports.url, **given)


@pytest.fixture(scope="session")
def engine() -> docker.DockerClient:
    return connect()


@pytest.fixture(scope="module")
def task_network_lock(engine: docker.DockerClient) -> Iterator[None]:
    """Waits until no other test has an emulator whose tasks have credentials."""
    with (Path(tempfile.gettempdir()) / f"django-stack-rehearsal-tests-{os.getuid()}").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        remove_leftovers_of_killed_tests(engine)
        refuse_beside_a_developers(engine)
        yield


def refuse_beside_a_developers(engine: docker.DockerClient, name: str = "django-stack-rehearsal") -> None:
    """Fails at once where a developer has a rehearsal, instead of waiting, or taking it down."""
    if owner := Emulator(engine, name).found_owner:
        pytest.fail(
            f"These tests need the one place for a rehearsal that a Docker engine has, and the rehearsal of {owner} is "
            f"in it. Fix: (cd {shlex.quote(owner)} && make rehearse-down), then run the tests again",
            pytrace=False,
        )


def remove_leftovers_of_killed_tests(engine: docker.DockerClient, name: str = "django-stack-rehearsal") -> None:
    """Removes the emulator of tests that had no time to do so; a developer's own rehearsal stays."""
    owner = Emulator(engine, name).found_owner
    if owner == OWNER or "/pytest-of-" in owner:
        Emulator(engine, name, owner).remove()


@pytest.fixture(scope="module")
def aws(engine: docker.DockerClient) -> Iterator[AWS]:
    """An emulator without a stack, in an ordinary network: beside any other, but tasks have no credentials."""
    with _emulator(Emulator(engine, f"rehearsal-tests-{secrets.token_hex(3)}", network=None), engine) as started:
        yield started


@pytest.fixture(scope="module")
def aws_for_tasks(engine: docker.DockerClient, task_network_lock: None) -> Iterator[AWS]:
    """An emulator without a stack, where tasks have credentials."""
    with _emulator(Emulator(engine, owner=OWNER), engine) as started:
        yield started


@pytest.fixture(scope="module")
def aws_with_iam(engine: docker.DockerClient) -> Iterator[AWS]:
    """An emulator without a stack that enforces IAM, in an ordinary network; `client` is the account's root user."""
    emulator = Emulator(engine, f"rehearsal-tests-{secrets.token_hex(3)}", network=None)
    with _emulator(emulator, engine, enforce_iam=True) as started:
        yield started


@contextmanager
def _emulator(emulator: Emulator, engine: docker.DockerClient, *, enforce_iam: bool = False) -> Iterator[AWS]:
    without = os.environ.get("REHEARSAL_WITHOUT", "")
    try:
        ports = emulator.start(print, REGION, without=without, enforce_iam=enforce_iam)
        yield AWS(ports, engine, emulator)
    finally:
        emulator.remove()


@pytest.fixture(scope="module")
def stack(
    tmp_path_factory: pytest.TempPathFactory, engine: docker.DockerClient, task_network_lock: None
) -> Iterator[Stack]:
    """The stack, up."""
    stack = Stack(tmp_path_factory.mktemp("rehearsal"), engine)
    try:
        stack.up(print)
        yield stack
    finally:
        stack.down()


@pytest.fixture(scope="module")
def local_stacks(stack: Stack) -> Iterator[BareStacks]:
    """Makes local stacks of the same project and version, in the folder of the rehearsal."""
    image = stack.web().attrs["Image"]
    with bare_stacks(stack.folder, stack.engine, image, POSTGRES, project="django-stack") as made:
        made.backend = stack.environment["PULUMI_BACKEND_URL"]
        yield made
