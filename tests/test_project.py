"""What the project's files promise: hashed locks, described settings, a stack that leaves git clean, what CI runs."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests import ROOT
from tools.setup.machine import PASSPHRASE

LOCKS = [
    ROOT / "app" / "requirements.txt",
    ROOT / "tests" / "e2e" / "celery_project" / "requirements.txt",
    *sorted((ROOT / "requirements").glob("*.txt")),
]
PINNED = re.compile(r"[\w.-]+(\[[\w,-]+\])?==[\w.!+]+( ; .+)?( --hash=sha256:[0-9a-f]{64})+")


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: str(lock.relative_to(ROOT)))
def test_a_lock_pins_every_package_by_version_and_hash_and_names_no_address(lock: Path) -> None:
    text = lock.read_text()
    entries = re.sub(r"\s*\\\n\s*", " ", re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE)).splitlines()
    assert len(entries) > 5
    assert [entry for entry in entries if not PINNED.fullmatch(entry)] == []
    assert "://" not in text


def test_every_setting_has_a_description_and_a_default_and_leaves_checks_to_the_program() -> None:
    """With `type` or `secret` the engine would stop at the first wrong value, before the program can say what to do."""
    config = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]
    assert "web-port" in config
    assert {key: sorted(entry) for key, entry in config.items() if sorted(entry) != ["default", "description"]} == {}


@pytest.mark.pulumi
def test_making_the_local_stack_leaves_its_file_as_git_has_it(tmp_path: Path) -> None:
    for name in ("Pulumi.yaml", "Pulumi.local.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "state").mkdir()

    def init(passphrase: str) -> "subprocess.CompletedProcess[str]":
        environ = os.environ | {
            "PULUMI_BACKEND_URL": f"file://{tmp_path / 'state'}",
            "PULUMI_CONFIG_PASSPHRASE": passphrase,
            "PULUMI_SKIP_UPDATE_CHECK": "true",
        }
        command = ["pulumi", "stack", "init", "local", "--non-interactive"]
        return subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)

    assert "incorrect passphrase" in init("another").stderr
    done = init(PASSPHRASE)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "Pulumi.local.yaml").read_bytes() == (ROOT / "Pulumi.local.yaml").read_bytes()


def test_the_cloud_stack_ships_no_salt_of_a_public_passphrase() -> None:
    assert "encryptionsalt" not in yaml.safe_load((ROOT / "Pulumi.cloud.yaml").read_text())


@pytest.mark.parametrize(
    ("stack", "is_kept"),
    [("local", True), ("cloud", True), ("staging", True), ("pr-12", True), ("rehearsal", False), ("acceptance", False)],
)
def test_git_keeps_the_files_of_all_stacks_but_those_that_a_command_makes_for_itself(
    tmp_path: Path, stack: str, is_kept: bool
) -> None:
    """Without its file, a clone takes a stack of the cloud for a local one."""
    shutil.copy(ROOT / ".gitignore", tmp_path)
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    ask = ["git", "-c", "core.excludesFile=", "check-ignore", "--quiet", f"Pulumi.{stack}.yaml"]
    assert subprocess.run(ask, cwd=tmp_path, check=False).returncode == (1 if is_kept else 0)


def test_ci_runs_the_readmes_own_command() -> None:
    ci = ROOT / ".ci" / "run"
    assert os.access(ci, os.X_OK)
    assert ci.read_text().rstrip().endswith("exec make test")
