"""The arithmetic of docs/scaling.md, and that its settings are ones that a stack takes."""

import re
from itertools import pairwise
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
FOR_EACH_VCPU = 98  # pages a second


def settings(cell: str) -> dict[str, Any]:
    pairs = (pair.split(": ") for pair in re.findall(r"`([a-z-]+: [^`]+)`", cell))
    return {key: value == "true" if value in {"true", "false"} else value for key, value in pairs}


def test_a_vcpu_does_what_was_measured_as_far_as_autoscaling_uses_it() -> None:
    results = (ROOT / "benchmarks" / "results" / "site-processors.md").read_text()
    measured = re.findall(r"^\| ([\d.]+) +\| as shipped +\| (\d+) ", results, re.MULTILINE)
    assert [vcpus for vcpus, _ in measured] == ["0.25", "0.5", "1", "2"]
    for vcpus, pages in measured:
        assert f"\n| {vcpus} | {pages} | {pages} / {vcpus} = {int(int(pages) / float(vcpus))} |" in PAGE
    each = int(measured[0][1]) * 4
    assert f"the smallest task's {measured[0][1]}, {each} for each vCPU" in PAGE
    assert f"{each} {TIMES} 0.{CPU_TARGET} = {FOR_EACH_VCPU} pages" in PAGE
    assert each * CPU_TARGET // 100 == FOR_EACH_VCPU
    assert f"{FOR_EACH_VCPU} {TIMES} 0.25 = {FOR_EACH_VCPU // 4} for the smallest task" in PAGE


@pytest.mark.parametrize("row", TURNED, ids=lambda row: row[0])
def test_the_settings_of_a_rate_bear_it_and_fit_the_database(cloud: Any, row: list[str]) -> None:
    rate, needed, chosen, connections, in_a_rollout = row
    run = cloud(settings(chosen))  # the settings refuse sizes that Fargate lacks, and too many connections
    task, target = run["task"].inputs, run["web-scaling"].inputs
    vcpus, most = int(task["cpu"]) / 1024, int(target["maxCapacity"])
    assert needed == f"{rate} / {FOR_EACH_VCPU} = {int(rate) / FOR_EACH_VCPU:.2f}"
    assert vcpus * most >= int(rate) / FOR_EACH_VCPU
    workers = run.story["settings"].workers
    assert int(connections) == workers * THREADS * most * 2 + 1
    assert in_a_rollout == f"{most} {TIMES} {vcpus:g} {TIMES} 2 = {most * vcpus * 2:g}"


def test_there_is_a_row_for_each_power_of_ten() -> None:
    assert [row[0] for row in TURNED] == ["10", "100", "1000", "10000"]


def test_a_new_version_takes_as_long_as_was_measured() -> None:
    results = (ROOT / "benchmarks" / "results" / "rollout.md").read_text()
    after = dict(re.findall(r"^\| ([^|]+?) +\| ([\d.]+) s", results, re.MULTILINE))
    assert f"**visitors get the new version** | **{after['the first visitor gets the new version']} s** |" in PAGE
    assert f"after {after['`pulumi up` has ended']} s in all" in PAGE
    moments = [
        "the image is built",
        "the image is pushed",
        "the release has ended",
        "the first visitor gets the new version",
        "the last visitor gets the old version",
        "`pulumi up` has ended",
    ]
    times = [0.0, *(float(after[moment]) for moment in moments)]
    steps = PAGE.partition("## How long a new version takes")[2].partition("\n\n**")[0]
    said = re.findall(r"^\| [^*|][^|]* \| ([\d.]+) s", steps, re.MULTILINE)
    assert said == [f"{end - begin:.1f}" for begin, end in pairwise(times)]
    requests = re.search(r"Meanwhile 0 of (\d+) requests failed", results)
    assert requests
    assert f"none of {requests[1]} requests failed" in PAGE
