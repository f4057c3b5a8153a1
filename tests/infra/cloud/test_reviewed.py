"""Every input of every AWS resource is the one that was reviewed: the tables are in reviewed/."""

from pathlib import Path
from typing import Any

import pytest

from tests.infra.cloud.variants import OTHER, SERVICES
from tests.infra.reviewed import differences, reviewed, table, unsorted_documents

FOLDER = Path(__file__).parent / "reviewed"
SHIPPED = [FOLDER / f"{part}.yaml" for part in ("network", "address", "data", "tasks", "alarms")]


@pytest.mark.parametrize(
    ("settings", "files"),
    [
        ({}, SHIPPED),
        (OTHER, [*SHIPPED, FOLDER / "other.yaml"]),
        (OTHER | SERVICES, [*SHIPPED, FOLDER / "other.yaml", FOLDER / "services.yaml"]),
    ],
    ids=["shipped", "other", "services"],
)
def test_the_cloud_stack_is_what_was_reviewed(cloud: Any, settings: dict[str, Any], files: list[Path]) -> None:
    run = cloud(settings)
    assert unsorted_documents(run) == []
    found = differences(table(run), reviewed(*files))
    assert not found, "look it up, then change the table:\n" + "\n".join(found)
