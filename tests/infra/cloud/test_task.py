"""What runs before the app in a task, on real Docker: volumes that belong to root, as Fargate's do."""

import subprocess
import uuid
from collections.abc import Iterator

import pytest

from infra.cloud.certificates import FILE, FOLDER, certificates
from infra.cloud.task import PREPARE, USER

pytestmark = pytest.mark.docker

BASE = "python:3.13-slim-trixie"
AS_THE_APP = """
import pathlib, ssl, tempfile
ssl.create_default_context(cafile={file!r})
tempfile.TemporaryFile(dir="/tmp").write(b"an upload")
for path in ({file!r}, "/anything"):
    try:
        pathlib.Path(path).write_text("x")
    except OSError:
        continue
    raise SystemExit(f"{{path}} can be written to")
"""


@pytest.fixture
def volumes() -> Iterator[list[str]]:
    """Mounts of two empty volumes of root's, closed to others, at the folders of a task."""
    names = [f"django-stack-test-{uuid.uuid4().hex}" for _ in range(2)]
    mounts = [f"--volume={names[0]}:{FOLDER}", f"--volume={names[1]}:/tmp"]
    run(mounts, "0:0", f"import os; [os.chmod(folder, 0o755) for folder in ('{FOLDER}', '/tmp')]")
    yield mounts
    subprocess.run(["docker", "volume", "rm", "--force", *names], check=True, capture_output=True)


def run(mounts: list[str], user: str, code: str, *more: str) -> None:
    command = ["docker", "run", "--rm", "--read-only", "--user", user, *mounts, *more, BASE, "python", "-c", code]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_app_reads_the_certificates_and_writes_to_tmp_and_nowhere_else(volumes: list[str]) -> None:
    run(volumes, "0:0", PREPARE, "--env", f"CERTIFICATES={certificates()['eu-central-1']}")
    run([volumes[0] + ":ro", volumes[1]], USER, AS_THE_APP.format(file=FILE))
