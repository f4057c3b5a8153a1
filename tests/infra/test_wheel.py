"""The wheel that projects install: what is in it, and that the same source gives the same file."""

import os
import re
import shutil
import sys
import tomllib
import zipfile
from io import BytesIO
from pathlib import Path

import pytest
from click.testing import CliRunner

from infra import wheel
from infra.commands.wheel import command


def names(content: bytes) -> set[str]:
    return set(zipfile.ZipFile(BytesIO(content)).namelist())


def test_it_holds_every_module_its_types_and_its_licence_and_nothing_else() -> None:
    name, content = wheel.wheel()
    version = tomllib.loads((wheel.SOURCE / "pyproject.toml").read_text())["project"]["version"]
    assert name == f"django_stack_contract-{version}-py3-none-any.whl"
    files = [path for path in (wheel.SOURCE / "django_stack").rglob("*") if path.is_file() and path.suffix != ".pyc"]
    modules = {path.relative_to(wheel.SOURCE).as_posix() for path in files}
    metadata = {f"django_stack_contract-{version}.dist-info/{file}" for file in ("METADATA", "WHEEL", "RECORD")}
    licence = f"django_stack_contract-{version}.dist-info/licenses/LICENSE"
    assert names(content) == modules | metadata | {licence}
    assert {"django_stack/py.typed", "django_stack/settings.py"} <= modules


def test_the_same_source_gives_the_same_wheel_whatever_its_times_and_modes(tmp_path: Path) -> None:
    copy = tmp_path / "contract"
    shutil.copytree(wheel.SOURCE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    for path in copy.rglob("*"):
        os.utime(path, (0, 10**9))
        path.chmod(path.stat().st_mode & 0o700)
    assert wheel.wheel(copy) == wheel.wheel()
    (copy / "django_stack" / "cron.py").write_text("")
    assert wheel.wheel(copy) != wheel.wheel()


def test_the_command_writes_it_and_says_how_it_is_required(tmp_path: Path) -> None:
    done = CliRunner().invoke(command, [str(tmp_path)])
    assert done.exit_code == 0, done.output
    (made,) = tmp_path.iterdir()
    assert done.output == f"{made}\nFor requirements.in: ./{made.name}[standard]\n"
    assert (made.name, made.read_bytes()) == wheel.wheel()


def test_a_virtual_environment_without_the_builder_is_told_where_it_comes_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "flit_core.wheel", None)
    done = CliRunner().invoke(command, [str(tmp_path)])
    assert done.exit_code == 1
    assert done.output == "Error: .venv lacks flit-core, with which the package is built. Fix: make setup\n"
    assert not list(tmp_path.iterdir())


def test_the_metadata_names_lower_bounds_alone() -> None:
    """An upper one would be another project's conflict; gunicorn's is for a worker that depends on its internals."""
    name, content = wheel.wheel()
    archive = zipfile.ZipFile(BytesIO(content))
    metadata = archive.read(f"{name.removesuffix('-py3-none-any.whl')}.dist-info/METADATA").decode()
    required = re.findall(r"^Requires-Dist: (.+)$", metadata, re.MULTILINE)
    assert [line for line in required if "<" in line] == ['gunicorn>=27.0.1,<28 ; extra == "server"']
    assert [line for line in required if ">=" not in line] == [
        'django-stack-contract[postgres, s3, schedules, server] ; extra == "standard"'
    ]
