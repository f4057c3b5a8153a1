"""The arithmetic of docs/costs.md: every reckoning gives its figure, the figures their sum, and nothing is left out."""

import re
from typing import Any

import pytest

from tests.infra.cloud.variants import run_variant
from tests.infra.conftest import ROOT

TIMES, MINUS = "\N{MULTIPLICATION SIGN}", "\N{MINUS SIGN}"
PAGE = (ROOT / "docs" / "costs.md").read_text()
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line.startswith("| ")]
PARTS = [row for row in ROWS if len(row) == 3 and re.fullmatch(r"[\d.]+", row[2])]
STEPS = [row for row in ROWS if len(row) == 2 and " = " in row[1]]


def reckoned(text: str) -> float:
    """The value of sums, differences and products; the words between them are left out."""
    terms = re.sub(rf"[^\d.+{MINUS}{TIMES}]", "", text)
    assert re.fullmatch(rf"{MINUS}?[\d.]+([+{MINUS}{TIMES}][\d.]+)*", terms), text
    return float(eval(terms.replace(TIMES, "*").replace(MINUS, "-")))


@pytest.mark.parametrize("row", [row for row in PARTS if row[1] != "estimated"], ids=lambda row: row[0])
def test_a_part_costs_what_is_reckoned(row: list[str]) -> None:
    assert round(reckoned(row[1]), 2) == float(row[2])


@pytest.mark.parametrize("row", STEPS, ids=lambda row: row[0])
def test_a_change_costs_what_is_reckoned(row: list[str]) -> None:
    calculation, _, result = row[1].partition(" = ")
    figure = re.match(rf"{MINUS}?[\d.]*\d", result)
    assert figure
    assert round(reckoned(calculation), 2) == reckoned(figure[0])


def test_the_parts_make_the_sum() -> None:
    (total,) = [row[2].strip("*") for row in ROWS if row[0] == "**together**"]
    assert round(sum(float(row[2]) for row in PARTS), 2) == float(total)
    (second,) = [row[1] for row in STEPS if row[0].startswith("`tasks-min: 2`")]
    added, together = re.findall(r"= ([\d.]+), together ([\d.]+)", second)[0]
    assert round(float(total) + float(added), 2) == float(together)
    assert 45 <= float(total) <= 60


def test_every_alarm_is_reckoned_with_also_those_that_autoscaling_makes(program: Any) -> None:
    run = run_variant(program, "shipped")
    own = len(run.of_type("aws:cloudwatch/metricAlarm:MetricAlarm"))
    tracking = 2 * len(run.of_type("aws:appautoscaling/policy:Policy"))  # one for more tasks, one for fewer
    (row,) = [row for row in PARTS if "alarms" in row[0]]
    assert row[1] == f"{own + tracking} {TIMES} 0.10"
