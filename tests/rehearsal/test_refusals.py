"""What is refused before anything is made, by the real engine; and a preview of the empty stack."""

import os
from collections.abc import Iterator

import docker
import pytest

from tests.rehearsal.stacks import Stack

pytestmark = [pytest.mark.docker, pytest.mark.pulumi]


@pytest.fixture(scope="module")
def empty(
    tmp_path_factory: pytest.TempPathFactory, engine: docker.DockerClient, task_network_lock: None
) -> Iterator[Stack]:
    """A stack that isn't up; its emulator is."""
    stack = Stack(tmp_path_factory.mktemp("rehearsal"), engine)
    try:
        stack.prepare(print)
        yield stack
    finally:
        stack.variables = {}
        stack.down()


@pytest.fixture(autouse=True)
def _nothing_is_made(empty: Stack) -> Iterator[None]:
    """Each test leaves the stack empty, with the settings and variables of the first one."""
    settings = empty.config.read_text()
    yield
    empty.variables = {}
    empty.config.write_text(settings)
    assert not [resource for resource in empty.resources() if resource["custom"]]


def test_without_the_plugin_nothing_is_begun(empty: Stack) -> None:
    plugins, rest = empty.environment["PATH"].split(os.pathsep, 1)
    assert plugins.endswith("/rehearsal")
    empty.variables = {"PATH": rest, "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true"}
    status, output = empty.update()
    assert status != 0, output
    assert "pulumi plugin install resource aws" in output, output


def test_without_credentials_nothing_is_begun(empty: Stack) -> None:
    empty.variables = dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"))
    status, output = empty.update()
    assert status != 0, output
    assert "AWS credentials are missing or can't be verified: Unable to locate credentials" in output, output


def test_wrong_settings_end_the_program_with_a_line_each(empty: Stack) -> None:
    empty.change(cpu=300, log_days=31)
    status, output = empty.update()
    assert status != 0, output
    assert "2 settings can't be used, nothing was changed." in output, output
    assert "Fix: pulumi config set -s rehearsal cpu 256" in output, output
    assert 'log-days is "31"; allowed: days that CloudWatch can keep logs' in output, output
    assert "Traceback" not in output, output


def test_a_preview_knows_what_will_be_made(empty: Stack) -> None:
    status, output = empty.run_pulumi("preview")
    assert status == 0, output
    for kind in ("aws:ecs:Service", "aws:rds:Instance", "aws:ecs:TaskDefinition", "aws:cloudfront:Distribution"):
        assert kind in output, output
