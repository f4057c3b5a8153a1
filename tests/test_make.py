"""What the Makefile says, without running its recipes."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests import ROOT


@pytest.mark.parametrize(("stack", "hint"), [("local", "make repair'"), ("pr-12", "make repair STACK=pr-12'")])
def test_what_to_do_after_a_killed_pulumi_is_said_for_the_stack_that_was_brought_up(stack: str, hint: str) -> None:
    line = ["make", "--dry-run", "local", f"STACK={stack}"]
    recipe = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert f"After a killed pulumi: {hint}" in recipe


@pytest.mark.parametrize("target", ["test", "test-faults", "test-rehearsal", "test-joining", "bench"])
def test_what_uses_containers_uses_the_engine_that_set_up_has_found(target: str) -> None:
    recipe = subprocess.run(["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    (line,) = [line for line in recipe.splitlines() if re.search(r"\bpytest\b|-m benchmarks( |$)", line)]
    assert "python -m infra.endpoint" in line


def test_set_up_comes_before_what_needs_it_also_where_make_runs_in_parallel(tmp_path: Path) -> None:
    """As on a fresh clone, with programs that do nothing in the place of the real ones."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    for folder in ("bin", "app/contract", "tools/plugins"):
        (tmp_path / folder).mkdir(parents=True)
    setup = "sleep 0.5; mkdir -p .venv/bin; touch .venv/bin/activate .venv/bin/django-stack; chmod +x .venv/bin/*"
    for program in ("python3", "python", "pytest", "ruff", "mypy", "lint-imports"):
        file = tmp_path / "bin" / program
        file.write_text(f"#!/bin/sh\n{setup if program == 'python3' else ''}\n")
        file.chmod(0o755)
    environ = {"PATH": f"{tmp_path}/bin:/usr/bin:/bin"}
    command = ["make", "--jobs", "4", "test"]
    reply = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
    assert reply.returncode == 0, reply.stdout


def test_helpers_ask_for_that_engine_too() -> None:
    """Docker's SDK alone knows no docker context and one socket; DOCKER_HOST wins with both."""
    files = [file for folder in ("tests", "benchmarks", "tools") for file in (ROOT / folder).rglob("*.py")]
    alone = [file.relative_to(ROOT) for file in files if "docker.from" + "_env(" in file.read_text()]
    assert alone == [Path("tools/plugins/src/django_stack_plugins/docker/endpoint.py")]
