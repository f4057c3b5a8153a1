"""The order of imports in infra/ is a contract that `make check` holds, wherever in a module the import stands."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import ROOT

AGAINST_THE_ORDER = [
    # module, what it imports, the contract that says no
    ("engine", "from infra.local import labels", "The core imports no platform"),
    ("engine", "def later():\n    from infra.cloud import labels", "The core imports no platform"),
    ("platforms", "from infra.local.platform import PLATFORM", "The core imports no platform"),
    ("cloud/preflight", "from infra.local.labels import STATE", "What runs a stack is above the platforms"),
    ("local/labels", "from infra.commands import stack", "What runs a stack is above the platforms"),
    (
        "fixes",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from infra.settings_reader import Reader",
        "There are no import cycles",
    ),
    ("local/network", "from infra.local.database import Database", "There are no import cycles"),
]


def lint(folder: Path) -> "subprocess.CompletedProcess[str]":
    program = Path(sys.executable).with_name("lint-imports")
    command = [str(program), "--no-cache", "--no-logo"]
    environment = os.environ | {"PYTHONPATH": str(folder)}  # else each Python of .venv has imported our own `infra`
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "infra", tmp_path / "infra", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_infra_keeps_the_order_of_imports(folder: Path) -> None:
    done = lint(folder)
    assert done.returncode == 0, done.stdout
    assert "3 kept, 0 broken" in done.stdout


@pytest.mark.parametrize(("module", "line", "contract"), AGAINST_THE_ORDER)
def test_an_import_against_the_order_is_found(folder: Path, module: str, line: str, contract: str) -> None:
    file = folder / "infra" / f"{module}.py"
    file.write_text(f"{file.read_text()}\n{line}\n")
    done = lint(folder)
    assert done.returncode == 1, done.stdout + done.stderr
    assert any(contract in row and "BROKEN" in row for row in done.stdout.splitlines()), done.stdout
