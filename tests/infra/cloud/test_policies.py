"""What must stay true of the cloud platform, whatever somebody changes in infra/: the rules are in rules/."""

from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from tests.infra.cloud.rules import data, network, operations, tasks
from tests.infra.cloud.rules.base import Break, Edit, Rule, gone
from tests.infra.cloud.rules.operations import sdk_class
from tests.infra.cloud.variants import VARIANTS, run_variant
from tests.infra.conftest import Run

GROUPS = (operations, data, network, tasks)
RULES: list[Rule] = [rule for group in GROUPS for rule in group.RULES]
BREAKS: list[Break] = [change for group in GROUPS for change in group.BREAKS]
# These look only at parts whose presence `the_parts_are_there` demands, or say what must not be.
OF_PARTS_THAT_ARE_THERE: list[Rule] = [rule for group in GROUPS for rule in group.OF_PARTS_THAT_ARE_THERE]


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_cloud_platform_keeps_every_rule(program: Any, variant: str) -> None:
    run = run_variant(program, variant)
    broken = [f"{rule.__name__}: {sentence}" for rule in RULES for sentence in rule(run)]
    assert not broken, "\n".join(broken)


def broken(run: Run, name: str, edit: Edit) -> Run:
    """The run with one resource changed or gone; the run itself stays as it is."""
    others = {key: resource for key, resource in run.resources.items() if key != name}
    changed = deepcopy(run[name])
    edit(changed)
    return replace(run, resources=others if edit is gone else others | {name: changed})


@pytest.mark.parametrize("change", BREAKS, ids=lambda change: f"{change.name}-{change.message}")
def test_a_change_that_breaks_a_rule_is_met_with_its_reason(program: Any, change: Break) -> None:
    run = broken(run_variant(program, change.variant), change.name, change.edit)
    sentences = [sentence for rule in RULES for sentence in rule(run)]
    assert any(change.message in sentence for sentence in sentences), sentences


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_rule_that_demands_something_is_not_kept_by_having_nothing(program: Any, rule: Rule) -> None:
    nothing = Run(outputs=run_variant(program, "shipped").outputs)
    assert bool(list(rule(nothing))) is (rule not in OF_PARTS_THAT_ARE_THERE)


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_type_is_in_the_locked_sdk_under_its_own_token(program: Any, variant: str) -> None:
    run = run_variant(program, variant)
    aws = {resource.type for resource in run.resources.values() if resource.type.startswith("aws:")}
    assert len(aws) > 30
    for token in aws:
        assert sdk_class(token).pulumi_type == token
