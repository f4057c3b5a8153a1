"""The arithmetic of docs/scaling.md, and that its settings are ones that a stack takes."""

import re
from typing import Any

import pytest

from infra.cloud.service import CPU_TARGET
from infra.cloud.sizes import THREADS
from tests import ROOT

PAGE = (ROOT / "docs" / "scaling.md").read_text()
TURNED = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.partition("## What to turn")[2].partition("## Where each limit is")[0].splitlines()
    if re.match(r"\| \d", line)
]
TIMES = "\N{MULTIPLICATION SIGN}"


def settings(cell: str) -> dict[str, Any]:
    pairs = (pair.split(": ") for pair in re.findall(r"`([a-z-]+: [^`]+)`", cell))
    return {key: value == "true" if value in {"true", "false"} else value for key, value in pairs}


def test_a_vcpu_does_what_was_measured_as_far_as_autoscaling_uses_it() -> None:
    measured = re.search(r"the image's own command\) \| (\d+)", (ROOT / "benchmarks/results/throughput.md").read_text())
    assert measured
    assert f"{measured[1]} pages a second on two processors" in PAGE
    each = int(measured[1]) // 2
    assert f"{each} {TIMES} 0.{CPU_TARGET} = {each * CPU_TARGET // 100} pages" in PAGE


@pytest.mark.parametrize("row", TURNED, ids=lambda row: row[0])
def test_the_settings_of_a_rate_bear_it_and_fit_the_database(cloud: Any, row: list[str]) -> None:
    rate, needed, chosen, connections, in_a_rollout = row
    run = cloud(settings(chosen))  # the settings refuse sizes that Fargate lacks, and too many connections
    task, target = run["task"].inputs, run["web-scaling"].inputs
    vcpus, most = int(task["cpu"]) / 1024, int(target["maxCapacity"])
    assert needed == f"{rate} / 213 = {int(rate) / 213:.2f}"
    assert vcpus * most >= int(rate) / 213
    workers = run.story["settings"].workers
    assert int(connections) == workers * THREADS * most * 2 + 1
    assert in_a_rollout == f"{most} {TIMES} {vcpus:g} {TIMES} 2 = {most * vcpus * 2:g}"


def test_there_is_a_row_for_each_power_of_ten() -> None:
    assert [row[0] for row in TURNED] == ["10", "100", "1000", "10000"]
