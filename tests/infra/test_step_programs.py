"""Every step is a program: `python -m` runs it, and it takes its request from standard input."""

import pytest

from tests import ROOT
from tests.steps import run_step

# Modules of infra/*/steps that the steps share.
SHARED = {
    "infra.cloud.steps.logs",
    "infra.cloud.steps.rollback_alarm",
    "infra.cloud.steps.service",
    "infra.cloud.steps.watchdog",  # its only request is on its command line
    "infra.local.steps.containers",
    "infra.local.steps.first_boot",
    "infra.local.steps.postgres_ping",
    "infra.local.steps.waiting",
    "infra.local.steps.watchdog",  # the same
}
MODULES = {
    ".".join(file.relative_to(ROOT).with_suffix("").parts)
    for file in ROOT.glob("infra/*/steps/*.py")
    if file.name != "__init__.py"
}


@pytest.mark.parametrize("module", sorted(MODULES - SHARED))
def test_a_step_that_is_run_reads_its_request_and_says_what_is_missing_in_it(module: str) -> None:
    done = run_step(module, {})
    assert done.returncode == 1
    assert "missing fields: " in done.stderr


@pytest.mark.parametrize("module", sorted(MODULES - SHARED))
def test_importing_a_step_runs_nothing(module: str) -> None:
    from importlib import import_module

    assert callable(import_module(module).main)
