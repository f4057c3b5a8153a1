"""Every input of every AWS resource is the one that was reviewed: the tables are in reviewed/."""

from pathlib import Path
from typing import Any

import pytest

from tests.infra.cloud.variants import OTHER, SERVICES, VARIANTS
from tests.infra.reviewed import differences, reviewed, table, unsorted_documents

FOLDER = Path(__file__).parent / "reviewed"
SHIPPED = [FOLDER / f"{part}.yaml" for part in ("network", "address", "data", "tasks", "alarms")]
WORKER = {
    "command": "python manage.py db_worker",
    "count": 2,
    "max": 4,
    "cpu": 512,
    "memory": 2048,
    "stop-timeout": 120,
}
PROCESSES = {
    "database-class": "db.t4g.medium",
    "processes": {"worker": WORKER, "beat": {"command": "celery -A site beat"}},
}


@pytest.mark.parametrize(
    ("settings", "files"),
    [
        ({}, SHIPPED),
        (OTHER, [*SHIPPED, FOLDER / "other.yaml"]),
        (PROCESSES, [*SHIPPED, FOLDER / "processes.yaml"]),
        (VARIANTS["schedules"], [*SHIPPED, FOLDER / "schedules.yaml"]),
        (OTHER | SERVICES, [*SHIPPED, FOLDER / "other.yaml", FOLDER / "services.yaml"]),
    ],
    ids=["shipped", "other", "processes", "schedules", "services"],
)
def test_the_cloud_stack_is_what_was_reviewed(cloud: Any, settings: dict[str, Any], files: list[Path]) -> None:
    run = cloud(settings)
    assert unsorted_documents(run) == []
    found = differences(table(run), reviewed(*files))
    assert not found, "look it up, then change the table:\n" + "\n".join(found)
