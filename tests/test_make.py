"""What the Makefile says, without running its recipes."""

import subprocess

import pytest

from tests import ROOT


@pytest.mark.parametrize(("stack", "hint"), [("local", "make repair'"), ("pr-12", "make repair STACK=pr-12'")])
def test_what_to_do_after_a_killed_pulumi_is_said_for_the_stack_that_was_brought_up(stack: str, hint: str) -> None:
    line = ["make", "--dry-run", "local", f"STACK={stack}"]
    recipe = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert f"After a killed pulumi: {hint}" in recipe
