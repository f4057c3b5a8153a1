"""Dockerfile.stack of Poetry's and Pipenv's projects, and of other ASGI servers, built and started."""

import os
import secrets
import subprocess
from pathlib import Path

import pytest

from infra import endpoint
from infra.adoption.project import read_project
from infra.wheel import wheel
from tests.joining import projects
from tests.joining.conftest import WHEEL, plan_of, text_of
from tests.joining.projects import make
from tests.waiting import wait_until

pytestmark = [pytest.mark.docker, pytest.mark.joining, pytest.mark.timeout(900)]
SERVER = {
    "SECRET_KEY": secrets.token_hex(32),
    "DATABASE_URL": "postgres://shop:shop@127.0.0.1:1/shop",
    "DEFAULT_STORAGE_DSN": "s3://media.s3.eu-central-2.amazonaws.com",
    "DOMAIN": "shop.example",
}


HASH = "import pathlib; from poetry.factory import Factory as F; " \
    "print(F().create_poetry(pathlib.Path.cwd()).locker._get_content_hash())"  # fmt: skip


def tool(folder: Path, *command: str) -> str:
    """Runs the project's own tool for dependencies; gives its output."""
    environments = {name: str(folder.parent / "environments") for name in ("POETRY_VIRTUALENVS_PATH", "WORKON_HOME")}
    done = subprocess.run(
        ["uv", "tool", "run", "--quiet", *command],
        cwd=folder,
        env=os.environ | environments,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def locked_by_poetry(folder: Path) -> None:
    """Poetry's own `lock` asks an address of the index that mirrors lack, so the file is written here."""
    pinned = (folder / "requirements.txt").read_text().split()
    projects.poetry(folder)
    packages = "".join(
        f'[[package]]\nname = "{name}"\nversion = "{version}"\ndescription = ""\noptional = false\n'
        'python-versions = "*"\ngroups = ["main"]\nfiles = []\n\n'
        for name, _, version in (line.partition("==") for line in pinned)
    )
    digest = tool(folder, "--from", "poetry", "python", "-c", HASH).strip()
    end = f'[metadata]\nlock-version = "2.1"\npython-versions = ">=3.11,<4"\ncontent-hash = "{digest}"\n'
    projects.write(folder, "poetry.lock", packages + end)


def locked_by_pipenv(folder: Path) -> None:
    projects.pipenv(folder)
    tool(folder, "pipenv", "lock")


def nothing(_: Path) -> None:
    """The requirements.txt that each project has."""


@pytest.mark.parametrize(
    ("lock", "server"),
    [
        (locked_by_poetry, "uvicorn==0.38.0"),
        (locked_by_pipenv, "daphne==4.2.1"),
        (nothing, "granian==2.8.9"),
    ],
)
def test_an_image_is_built_and_its_server_answers(lock: projects.Trait, server: str, tmp_path: Path) -> None:
    folder = make(tmp_path / "shop", projects.served_by(server), lock)
    (tmp_path / "checkout").mkdir()
    planned = plan_of(read_project(folder), tmp_path / "checkout")
    for one in planned.files:
        one.write()
    name, content = wheel()
    (folder / "django-stack" / WHEEL).unlink()
    (folder / "django-stack" / name).write_bytes(content)
    requirements = folder / "django-stack" / "requirements.txt"
    requirements.write_text(requirements.read_text().replace(WHEEL, name))
    engine = endpoint.client(timeout=600)
    tag = f"django-stack/test-{secrets.token_hex(4)}"
    try:
        engine.images.build(path=str(folder), dockerfile="Dockerfile.stack", tag=tag, rm=True, forcerm=True)
        container = engine.containers.run(tag, detach=True, environment=SERVER)
        try:
            wait_until(
                lambda: b'"status": "' in container.exec_run(["python", "-m", "django_stack.healthcheck"]).output,
                f"the answer of {server}; so far:\n{container.logs().decode()}",
                60,
            )
            found = container.exec_run(["ls", "/srv/static/staticfiles.json"])
            assert found.exit_code == 0
            assert server.partition("==")[0] in text_of(planned, "Dockerfile.stack").splitlines()[-1]
        finally:
            container.remove(force=True)
    finally:
        engine.images.remove(tag, force=True)
