"""The package's own tests on other releases of Django and Python than those of the gallery, from its wheel.

Which Pythons there are depends on the machine: those of PATH, and of pyenv.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

from infra.adoption.contract import Contract
from infra.wheel import wheel
from tests import ROOT

pytestmark = pytest.mark.faults

EXTRAS = ("postgres", "s3", "schedules", "server", "redis", "sentry", "ses")
OLDEST, NEWEST = "django~=5.2.0", "django>=6.0"  # Django 6 needs Python 3.12
TESTS = {"pytest", "pytest-django", "pytest-timeout", "pytest-xdist", "hypothesis", "moto", "uvicorn", "playwright"}
# What the gallery has beside the package, and what helpers of the tests import.
MORE = ["django-axes", "django-csp", "pillow", "procrastinate>=3.10,<4", "tzdata", "docker", "psutil", "pyyaml"]


def pythons() -> dict[str, str]:
    """The path of each Python that the package takes, by its version."""
    found = {}
    for version in ("3.11", "3.12", "3.13", "3.14"):
        name = f"python{version}"
        of_pyenv = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/{name}"))
        if path := shutil.which(name) or next(map(str, reversed(of_pyenv)), ""):
            found[version] = str(of_pyenv[-1]) if of_pyenv else path
    return found


PYTHONS = pythons()
PAIRS = [
    *((version, OLDEST) for version in PYTHONS),
    *((version, NEWEST) for version in PYTHONS if version != "3.11"),
]


@pytest.mark.timeout(1200)
@pytest.mark.parametrize(("version", "django"), PAIRS)
def test_the_package_passes_its_tests(tmp_path: Path, version: str, django: str) -> None:
    pass_its_tests(tmp_path, version, [django, *locked(TESTS), *MORE])


@pytest.mark.timeout(1200)
def test_the_package_passes_its_tests_with_the_oldest_versions_that_it_takes(tmp_path: Path) -> None:
    """Except for the tests that ask a part of another package which its oldest version lacks."""
    needs = [str(need) for need in Contract("", b"", EXTRAS).needs]
    beside = locked({*TESTS, *(re.split("[<>]", line)[0] for line in MORE)} - {"tzdata"})
    unlike = ["--ignore=tests/app/django_stack/test_database_url.py", "-k", "not boto3_makes"]
    pass_its_tests(tmp_path, min(PYTHONS), ["--resolution=lowest-direct", *needs, *beside], unlike)


def locked(names: Iterable[str]) -> list[str]:
    """The packages of these names in the versions of `.venv`."""
    lines = re.findall(r"^([\w-]+==\S+)", (ROOT / "requirements" / "dev.txt").read_text(), re.MULTILINE)
    return [line for line in lines if line.partition("==")[0] in names]


def pass_its_tests(tmp_path: Path, version: str, beside: list[str], options: Iterable[str] = ()) -> None:
    """Runs them in a virtual environment of their own, with the package's wheel and what else pip is given."""
    name, content = wheel()
    (tmp_path / name).write_bytes(content)
    python = tmp_path / "venv" / "bin" / "python"
    package = f"django-stack-contract[{','.join(EXTRAS)}] @ file://{tmp_path / name}"
    run(["uv", "venv", "--quiet", "--python", PYTHONS[version], str(tmp_path / "venv")])
    run(["uv", "pip", "install", "--quiet", "--python", str(python), package, *beside])
    arguments = [
        "-q",
        "-n",
        "2",
        "-m",
        "not docker and not browser",
        "-o",
        "pythonpath=. app",
        "-p",
        "no:cacheprovider",
        *options,
    ]
    done = run([str(python), "-m", "pytest", *arguments, "tests/app/django_stack"], check=False)
    assert done.returncode == 0, done.stdout[-6000:]
    where = run([str(python), "-c", "import django_stack, sys; print(django_stack.__file__, sys.version)"]).stdout
    assert str(tmp_path) in where, "the wheel, not the checkout"
    assert version in where


def run(command: list[str], *, check: bool = True) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=1100, check=False)
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done
