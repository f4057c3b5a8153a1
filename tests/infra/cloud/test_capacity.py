"""Sizes and connections of the web and the processes together: what can't be is refused with the arithmetic."""

import re
from typing import Any

import pulumi
import pytest
import yaml

from infra.cloud.sizes import FARGATE_SIZES
from infra.settings import Settings
from tests import ROOT

SET = "pulumi config set -s cloud"
SMALL = {"tasks-max": 1}  # leaves 71 - 17 connections of the default database
LARGE = {"database-class": "db.m7g.large"}

WRONG: list[tuple[dict[str, Any], dict[str, Any], list[str]]] = [
    # a worker's fields, the stack's settings, what the error must say
    ({"count": 2}, {}, ["tasks-max is", "+ 2 worker x 6 connections x 2 + 1 (release) is 89", f"{SET} tasks-max 2"]),
    ({"count": 1, "max": 4}, {}, ["+ 4 worker x 6 connections x 2 + 1 (release) is 113", f"{SET} tasks-max 1"]),
    ({"count": 1, "connections": 7}, {}, ["+ 1 worker x 7 connections + 1", "is 72, and it has 71"]),
    ({"count": 5}, SMALL, ["database-class is", "is 77, and it has 71", f"{SET} database-class db.t4g.small"]),
    ({"max": 1}, LARGE, ['processes.worker.max is "1"', "more than count, 1", f"{SET} --path processes.worker.max 0"]),
    ({"count": 4, "max": 2}, LARGE, ["more than count, 4, or 0 for no autoscaling"]),
    ({"cpu": 300}, LARGE, ['processes.worker.cpu is "300"', "one of 256, 512", "processes.worker.cpu "]),
    ({"cpu": 100}, LARGE, ["processes.worker.cpu is", "256 to 16384, or 0 for that of the setting cpu"]),
    ({"cpu": 1024}, LARGE, ['processes.worker.memory is "1024"', "with cpu 1024: 2048 to 8192", "worker.memory 2048"]),
    ({"memory": 4096}, LARGE, ['processes.worker.memory is "4096"', "with cpu 256: 512, 1024, 2048 MiB"]),
    ({"memory": "1GB"}, LARGE, ['processes.worker.memory is "1GB"', "or 0 for that of the setting memory"]),
    ({"stop-timeout": 121}, LARGE, ['processes.worker.stop-timeout is "121"', "seconds, 1 to 120"]),
    ({"connections": -1}, LARGE, ["processes.worker.connections is", "or 0 for a process without a database"]),
]
RIGHT: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {}),  # 64 + 1 + 6 are all 71 that there are
    ({"count": 100, "connections": 0}, {}),
    ({"count": 4}, SMALL),
    ({"cpu": 2048, "memory": 4096}, LARGE),
    ({"cpu": 512, "memory": 0}, LARGE),
    ({"count": 2, "max": 3}, LARGE),
]


@pytest.fixture
def load(as_stack: Any, set_config: Any) -> Any:
    """Loads the settings of a cloud stack with a worker."""

    def load_(worker: dict[str, Any], settings: dict[str, Any]) -> Settings:
        as_stack("cloud")
        set_config({"processes": {"worker": {"command": "python x.py", **worker}}, **settings}, platform="cloud")
        return Settings.load()

    return load_


@pytest.mark.parametrize(("worker", "settings", "parts"), WRONG, ids=str)
def test_sizes_and_numbers_that_cannot_be_are_refused(
    load: Any, worker: dict[str, Any], settings: dict[str, Any], parts: list[str]
) -> None:
    with pytest.raises(pulumi.RunError, match="one setting can't be used") as refused:
        load(worker, settings)
    for part in [*parts, "Fix: "]:
        assert part in str(refused.value)


@pytest.mark.parametrize(("worker", "settings"), RIGHT, ids=str)
def test_sizes_and_numbers_that_fit_are_taken(load: Any, worker: dict[str, Any], settings: dict[str, Any]) -> None:
    assert load(worker, settings).processes["worker"].command == ("python", "x.py")


def test_what_the_file_of_the_cloud_stack_has_as_comments_can_be_used_all_together(
    as_stack: Any, set_config: Any
) -> None:
    text = (ROOT / "Pulumi.cloud.yaml").read_text()
    uncommented = re.sub(r"^  # (?=django-stack:|  )", "  ", text, flags=re.MULTILINE)
    config = yaml.safe_load(uncommented)["config"]
    assert len(config) == text.count("  # django-stack:") + len(yaml.safe_load(text)["config"])
    as_stack("cloud")
    chosen = {key.removeprefix("django-stack:"): value for key, value in config.items()}
    set_config(chosen, platform="cloud")
    settings = Settings.load()
    assert list(settings.processes) == ["worker"]
    assert list(settings.schedules) == ["clearsessions", "sweep"]
    set_config(chosen | {"tasks-max": 4}, platform="cloud")
    with pytest.raises(pulumi.RunError, match=re.escape("+ 1 (release) is 75, and it has 71")):
        Settings.load()


def test_a_size_of_the_web_that_cannot_be_is_named_once(load: Any) -> None:
    with pytest.raises(pulumi.RunError, match="one setting can't be used") as refused:
        load({}, {"memory": 4096})
    assert 'memory is "4096"; allowed: with cpu 256' in str(refused.value)


@pytest.mark.parametrize("cpu", FARGATE_SIZES)
def test_every_size_of_fargate_is_one_for_a_process(load: Any, cpu: int) -> None:
    worker = {"cpu": cpu, "memory": FARGATE_SIZES[cpu][0]}
    assert load(worker, LARGE).processes["worker"].cpu == cpu
