"""What the Makefile says, without running its recipes."""

import re
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


def test_helpers_ask_for_that_engine_too() -> None:
    """Docker's SDK alone knows no docker context and one socket; DOCKER_HOST wins with both."""
    files = [file for folder in ("tests", "benchmarks", "tools") for file in (ROOT / folder).rglob("*.py")]
    alone = [file.relative_to(ROOT) for file in files if "docker.from" + "_env(" in file.read_text()]
    assert alone == [Path("tools/plugins/src/django_stack_plugins/docker/endpoint.py")]
