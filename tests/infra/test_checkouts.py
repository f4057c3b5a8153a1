"""Two people with a checkout each, in other folders, give the engine the same inputs: neither sees a change."""

import json
import os
import secrets
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from infra.checkout import seen_from_program
from infra.steps import step_command
from tests import ROOT

PROJECT = ("app", "infra", "tests", "Pulumi.yaml", "Pulumi.local.yaml", "Pulumi.cloud.yaml", "pyproject.toml")
# A mounted source is on this machine, and belongs to its user: those two inputs can't be the same elsewhere.
SETTINGS: dict[str, dict[str, Any]] = {
    "local": {"debug": False, "mount-source": False, "web-command": ""},
    "cloud": {},
}


def check_out(folder: Path) -> Path:
    """A copy of the project with its virtual environment, as a clone and `make setup` would make it."""
    folder.mkdir(parents=True)
    for name in PROJECT:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"), symlinks=True)
        else:
            shutil.copy2(ROOT / name, folder)
    (folder / ".venv").symlink_to(sys.prefix)
    return folder


def registered(checkout: Path, user: str, platform: str) -> Any:
    """The inputs that the program of a checkout registers, by resource, when `user` runs it."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PULUMI", "COV"))},
        "HOME": str(checkout.parent),
        "USER": user,
        "TMPDIR": str(checkout.parent),
        "PYTHONPATH": str(checkout),  # before the folder that this virtual environment names
        "PYTHONDONTWRITEBYTECODE": "1",
        "PULUMI_BACKEND_URL": "s3://shared-state",  # a backend in somebody's home folder is nobody else's
    }
    command = [".venv/bin/python", "-m", "tests.infra.registered", platform, json.dumps(SETTINGS[platform])]
    done = subprocess.run(command, cwd=checkout, env=environment, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("platform", SETTINGS)
def test_two_checkouts_of_different_people_register_the_same_inputs(platform: str, tmp_path: Path) -> None:
    first = registered(check_out(tmp_path / "alice" / "site"), "alice", platform)
    second = registered(check_out(tmp_path / "bob" / "work" / "the-site"), "bob", platform)
    assert first.keys() == second.keys()
    assert {name: inputs for name, inputs in first.items() if inputs != second[name]} == {}
    assert str(tmp_path) not in json.dumps([first, second])


@pytest.mark.parametrize(
    ("setting", "seen"),
    [("app", "../app"), ("../my site/src", "../../my site/src"), ("/srv/site", "/srv/site"), (ROOT / "app", "../app")],
)
def test_the_apps_folder_is_found_from_the_programs_folder(setting: str | Path, seen: str) -> None:
    assert seen_from_program(ROOT / setting) == seen
    assert os.path.realpath(ROOT / "infra" / seen) == os.path.realpath(ROOT / setting)


def test_a_step_starts_in_the_programs_folder_with_the_programs_python(monkeypatch: pytest.MonkeyPatch) -> None:
    shell = ["/bin/sh", "-c", step_command("infra.local.steps.set_password")]
    done = subprocess.run(shell, cwd=ROOT / "infra", input="{}", check=False, capture_output=True, text=True)
    assert "missing fields" in done.stderr
    monkeypatch.setattr(sys, "prefix", sys.base_prefix)
    assert step_command("this") == f"exec {sys.executable} -m this"


PROGRAM = """
import pulumi
import pulumi_command
import pulumi_docker

build = {"context": "../app", "dockerfile": "../app/Dockerfile", "platform": "linux/amd64"}
pulumi_docker.Image("image", image_name="NAME:1", skip_push=True, build=build)
step = pulumi_command.local.Command("step", create="exec ../.venv/bin/python -c 'import sys; print(sys.prefix)'")
pulumi.export("prefix", step.stdout)
"""
SETTINGS_OF_PROJECT = "{name: NAME, main: infra, runtime: {name: python, options: {virtualenv: .venv}}}"


@pytest.mark.docker
@pytest.mark.pulumi
def test_plugins_run_in_the_programs_folder_and_a_moved_checkout_is_no_change(tmp_path: Path) -> None:
    """What the rest of this file relies on, asked of the engine and the plugins themselves."""
    name = f"django-stack-test-{secrets.token_hex(4)}"
    (tmp_path / "state").mkdir()
    checkout = tmp_path / "alice" / "site"
    for path, text in {
        "app/Dockerfile": "FROM scratch\nCOPY Dockerfile /\n",
        "infra/__main__.py": PROGRAM.replace("NAME", name),
        "Pulumi.yaml": SETTINGS_OF_PROJECT.replace("NAME", name),
    }.items():
        (checkout / path).parent.mkdir(parents=True, exist_ok=True)
        (checkout / path).write_text(text)
    (checkout / ".venv").symlink_to(sys.prefix)

    def pulumi(folder: Path, *arguments: str) -> str:
        environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("PULUMI_")},
            "PATH": f"{os.environ['PATH']}:{ROOT / '.venv' / 'bin'}",
            "PULUMI_BACKEND_URL": f"file://{tmp_path / 'state'}",
            "PULUMI_CONFIG_PASSPHRASE": "test",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
        }
        command = ["pulumi", *arguments, "--stack", "dev", "--non-interactive"]
        done = subprocess.run(command, cwd=folder, env=environment, check=False, capture_output=True, text=True)
        assert done.returncode == 0, f"{done.stdout}{done.stderr}"
        return done.stdout

    try:
        pulumi(checkout, "stack", "init")
        pulumi(checkout, "up", "--yes", "--skip-preview")
        assert pulumi(checkout, "stack", "output", "prefix").strip() == str(checkout / ".venv")
        moved = checkout.rename(tmp_path / "elsewhere")
        assert "3 unchanged" in pulumi(moved, "preview", "--expect-no-changes")
    finally:
        subprocess.run(["docker", "rmi", "--force", f"{name}:1"], check=False, capture_output=True)
