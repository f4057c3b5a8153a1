"""Wrong settings and machines that can't hold the stack: clear errors, all at once, before anything is made."""

import re
import secrets
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import MakeStack
from tests.e2e.stacks import DEVELOPMENT, Stack

pytestmark = [pytest.mark.docker, pytest.mark.pulumi]


@pytest.fixture(scope="module")
def refused(make_stack: MakeStack) -> Stack:
    """A stack that never comes up."""
    return make_stack("refused", DEVELOPMENT)


@pytest.fixture(autouse=True)
def nothing_is_made(refused: Stack) -> Iterator[None]:
    yield
    try:
        assert (refused.containers(), refused.networks(), refused.volumes()) == ([], [], [])
        assert refused.engine.images.list(filters={"reference": f"django-stack/{refused.name}"}) == []
        assert {resource["type"] for resource in refused.state()} <= {"pulumi:pulumi:Stack"}
    finally:
        refused.remove_all()


def errors(stack: Stack, **settings: Any) -> list[str]:
    """What `up` lists as wrong with these settings."""
    with stack.configured(**settings):
        return listed(stack)


def listed(stack: Stack) -> list[str]:
    """What `up` lists as wrong with the settings as they are."""
    done = stack.up(check=False)
    assert done.returncode != 0
    assert "Traceback" not in done.stdout
    assert "nothing was changed" in done.stdout
    return re.findall(r"^ +- (\S.*)$", done.stdout, re.MULTILINE)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"web-prot": 8001}, "web-prot is not a setting; did you mean web-port?"),
        ({"platform": "lokal"}, 'platform is "lokal"; allowed: local or cloud'),
        (
            {"env": {"DEFAULT_STORAGE_DSN": "s3://k:s@b.s3.eu-west-1.amazonaws.com/"}},
            "env.DEFAULT_STORAGE_DSN, which the stack sets itself, can't be used",
        ),
        ({"postgres-image": "example.invalid/nope:1"}, "postgres-image is example.invalid/nope:1, which is neither"),
    ],
)
def test_a_wrong_setting_gives_one_error_that_says_the_fix(
    refused: Stack, settings: dict[str, Any], expected: str
) -> None:
    [error] = errors(refused, **settings)
    assert error.startswith(expected)
    assert "Fix: " in error


def test_several_wrong_settings_are_listed_together(refused: Stack) -> None:
    listed = errors(
        refused, media="disk", **{"release-timeout": -1, "app-path": "/nowhere", "domain": "http://example.com"}
    )
    assert sorted(error.split()[0] for error in listed) == ["app-path", "domain", "media", "release-timeout"]


def test_the_commands_that_errors_propose_mend_them(refused: Stack) -> None:
    wrong = {
        "app-path": "/nowhere",
        "debug": "yes",
        "domain": "https://example.com/",
        "env": {"DATABASE_URL": "sqlite://", "NOT A NAME": "1"},
        "media": "filesytem",
        "release-commands": "python manage.py migrate",
        "release-timeout": -1,
        "storage-dns": "s3://bucket",
    }
    with refused.configured(**wrong):
        found = listed(refused)
        assert len(found) == len(wrong) + 1
        for error in found:
            command = error.partition("Fix: ")[2]
            assert command.startswith("pulumi config ")
            if error.startswith("app-path"):  # it asks, for it can't know
                refused.pulumi("config", "set", "app-path", str(refused.app))
            else:
                refused.run("bash", "-c", command)
        refused.pulumi("preview")


@pytest.mark.report("kubefirst#771")
def test_capitals_in_the_names_of_project_and_stack_are_refused_and_the_commands_rename(
    refused: Stack, tmp_path: Path
) -> None:
    project = tmp_path / "project"
    shutil.copytree(refused.folder, project, symlinks=True)
    name = f"E2E-Names-{secrets.token_hex(3)}"
    settings = (project / f"Pulumi.{refused.name}.yaml").read_text().replace("django-stack:", "My_Site:")
    (project / f"Pulumi.{refused.name}.yaml").rename(project / f"Pulumi.{name}.yaml")
    (project / f"Pulumi.{name}.yaml").write_text(settings)
    text = (project / "Pulumi.yaml").read_text()
    (project / "Pulumi.yaml").write_text(text.replace("\nname: django-stack\n", "\nname: My_Site\n"))

    def run(*command: str, check: bool = True) -> str:
        done = subprocess.run(
            command, cwd=project, env=refused.env, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0 or not check, done.stdout + done.stderr
        return done.stdout

    run("pulumi", "stack", "init", name, "--no-select")
    output = run("pulumi", "up", "--yes", "--skip-preview", "--non-interactive", "-s", name, check=False)
    errors = re.findall(r"^ +- (the \w+'s name is \S.*)$", output, re.MULTILINE)
    assert len(errors) == 2
    for error in errors:
        run("bash", "-c", error.partition(". Fix: ")[2])
    run("pulumi", "preview", "--non-interactive", "-s", name.lower())
    run("pulumi", "stack", "rm", "--yes", "-s", name.lower())


def test_a_port_that_another_program_holds(refused: Stack) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        [error] = errors(refused, **{"web-port": port})
    assert error.startswith(f"web-port is {port}, and another program on this machine holds that port; ")


def test_ports_that_containers_of_another_stack_hold_are_listed_together_each_with_its_container(
    refused: Stack, serving: Stack
) -> None:
    found = errors(refused, **serving.ports)
    for error, part in zip(sorted(found), ("database", "media", "web"), strict=True):
        holds = f"the container {serving.prefix}-{part} holds that port; stop it, or take another one. Fix: "
        assert error.startswith(f"{part}-port is {serving.ports[f'{part}-port']}, and {holds}")


def test_a_docker_engine_that_does_not_answer(refused: Stack) -> None:
    done = refused.up(check=False, env={"DOCKER_HOST": "unix:///nonexistent.sock"})
    assert done.returncode != 0
    assert "No Docker engine answers at unix:///nonexistent.sock, nothing was changed. Fix: start" in done.stdout
    assert "Traceback" not in done.stdout
