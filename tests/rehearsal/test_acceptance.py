"""`make cloud-acceptance`, run against the rehearsal: every step passes, the report says so, and nothing is left."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
import yaml

from tests.rehearsal.stacks import Stack

pytestmark = [pytest.mark.docker, pytest.mark.pulumi, pytest.mark.rehearsal]


@pytest.fixture
def account(tmp_path: Path, engine: docker.DockerClient, task_network_lock: None) -> Iterator[Stack]:
    """An emulator with an empty stack `rehearsal`, in a sandbox; so is who runs the command."""
    stack = Stack(tmp_path, engine)
    try:
        stack.prepare(print)
        yield stack
    finally:
        stack.down()


def accept(stack: Stack) -> tuple[int, str, str]:
    """Exit status and output of the command, and its report."""
    command = [sys.executable, "-m", "tools.acceptance", "--yes"]
    done = subprocess.run(command, cwd=stack.folder, env=stack.environment, capture_output=True, text=True, check=False)
    report = stack.folder / "acceptance-report.md"
    return done.returncode, done.stdout + done.stderr, report.read_text() if report.is_file() else ""


def is_gone(stack: Stack) -> bool:
    """Whether nothing of the stack `acceptance` is left, on AWS or here."""
    clusters = stack.client("ecs").list_clusters()["clusterArns"]
    databases = stack.client("rds").describe_db_instances()["DBInstances"]
    snapshots = stack.client("rds").describe_db_snapshots(SnapshotType="manual")["DBSnapshots"]
    left_on_aws = [*clusters, *databases, *snapshots]
    return not left_on_aws and not has_state(stack) and not _config(stack).exists()


def has_state(stack: Stack) -> bool:
    """Whether pulumi knows the stack `acceptance`."""
    return any((stack.data_folder / "state").rglob("acceptance.json"))


def _config(stack: Stack) -> Path:
    return stack.folder / "Pulumi.acceptance.yaml"


def test_every_step_passes_and_the_report_says_so(account: Stack) -> None:
    status, output, report = accept(account)
    assert status == 0, output + report
    assert "No step failed." in report
    rows = [line.split(" | ") for line in report.splitlines() if line.startswith("| ")][1:]
    steps = [row[0].removeprefix("| ") for row in rows]
    assert steps == [
        "the first up",
        "a second up changes nothing, after a refresh neither",
        "a new version is rolled out",
        "a version that exits is rolled back",
        "a one-off command",
        "a shell",
        "lost data comes back from a snapshot",
        "destroy",
    ]
    results = {row[0].removeprefix("| "): row[2] for row in rows if int(row[1]) >= 0}
    # There is no agent in the rehearsal's tasks, and no plugin on the path.
    assert results == dict.fromkeys(steps, "passed") | {"a shell": "left out"}
    assert "session-manager-plugin is not installed" in report
    visited = [re.findall(r"(\d+) of (\d+) requests", row[3]) for row in rows]
    assert [len(found) for found in visited] == [0, 0, 1, 1, 0, 0, 1, 0]
    assert all(answered == asked != "0" for found in visited for answered, asked in found)
    assert is_gone(account)


def test_a_step_that_fails_is_in_the_report_and_the_stack_is_destroyed(account: Stack) -> None:
    cloud = account.folder / "Pulumi.cloud.yaml"
    settings = yaml.safe_load(cloud.read_text())["config"]
    cloud.write_text(yaml.safe_dump({"config": settings | {"django-stack:release-commands": ["false"]}}))
    status, output, report = accept(account)
    assert status == 1, output
    assert "1 of 2 steps failed." in report
    assert "Release command `false` failed with exit status 1" in report
    assert is_gone(account)


def test_a_stack_that_is_there_already_is_left_alone(account: Stack) -> None:
    _config(account).write_text("config: {}\n")
    status, output, _ = accept(account)
    assert status == 1
    assert "Pulumi.acceptance.yaml is there already. Fix: destroy that stack" in output
    _config(account).unlink()
    done = subprocess.run(
        ["pulumi", "stack", "init", "acceptance", "--no-select"],
        cwd=account.folder,
        env=account.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    _config(account).unlink(missing_ok=True)
    status, output, _ = accept(account)
    assert status == 1
    assert "There is no empty stack to begin with." in output
    assert has_state(account)
