"""The arithmetic of docs/costs.md: every reckoning gives its figure, the figures their sum, and nothing is left out."""

import re
from typing import Any

import pytest

from tests.infra.cloud.variants import run_variant
from tests.infra.conftest import ROOT

TIMES, MINUS = "\N{MULTIPLICATION SIGN}", "\N{MINUS SIGN}"
PAGE = (ROOT / "docs" / "costs.md").read_text()
SITES = ("The smallest stack", "A usual site", "A large site")


def rows(text: str) -> list[list[str]]:
    return [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("| ")
    ]


def parts(site: str) -> list[list[str]]:
    """The rows of a site's table that have a price."""
    section = PAGE.partition(f"\n## {site}\n")[2].partition("\n## ")[0]
    return [row for row in rows(section) if re.fullmatch(r"[\d.]+", row[2])]


def total(site: str) -> float:
    section = PAGE.partition(f"\n## {site}\n")[2].partition("\n## ")[0]
    (found,) = [row[2].strip("*") for row in rows(section) if row[0] == "**together**"]
    return float(found)


STEPS = [row for row in rows(PAGE) if len(row) == 2 and " = " in row[1]]


def reckoned(text: str) -> float:
    """The value of sums, differences and products; the words between them are left out."""
    terms = re.sub(rf"[^\d.+{MINUS}{TIMES}]", "", text)
    assert re.fullmatch(rf"{MINUS}?[\d.]+([+{MINUS}{TIMES}][\d.]+)*", terms), text
    return float(eval(terms.replace(TIMES, "*").replace(MINUS, "-")))


@pytest.mark.parametrize(
    "row",
    [row for site in SITES for row in parts(site) if row[1] != "above"],
    ids=lambda row: row[0],
)
def test_a_part_costs_what_is_reckoned(row: list[str]) -> None:
    assert round(reckoned(row[1]), 2) == float(row[2])


@pytest.mark.parametrize("row", STEPS, ids=lambda row: row[0])
def test_a_change_costs_what_is_reckoned(row: list[str]) -> None:
    calculation, _, result = row[1].partition(" = ")
    figure = re.match(rf"{MINUS}?[\d.]*\d", result)
    assert figure
    assert round(reckoned(calculation), 2) == reckoned(figure[0])


@pytest.mark.parametrize("site", SITES)
def test_the_parts_make_the_sum(site: str) -> None:
    assert len(parts(site)) > 5
    assert round(sum(float(row[2]) for row in parts(site)), 2) == total(site)


def test_one_step_from_the_smallest_stack_is_reckoned_from_its_sum() -> None:
    smallest = total("The smallest stack")
    assert [float(row[2]) for row in parts("A usual site") if row[1] == "above"] == [smallest]
    (second,) = [row[1] for row in STEPS if row[0].startswith("`tasks-min: 2`")]
    added, together = re.findall(r"= ([\d.]+), together ([\d.]+)", second)[0]
    assert round(smallest + float(added), 2) == float(together)
    assert 45 <= smallest <= 60


def test_every_alarm_is_reckoned_with_also_those_that_autoscaling_makes(program: Any) -> None:
    run = run_variant(program, "shipped")
    own = len(run.of_type("aws:cloudwatch/metricAlarm:MetricAlarm"))
    tracking = 2 * len(run.of_type("aws:appautoscaling/policy:Policy"))  # one for more tasks, one for fewer
    (row,) = [row for row in parts("The smallest stack") if "alarms" in row[0]]
    assert row[1] == f"{own + tracking} {TIMES} 0.10"
