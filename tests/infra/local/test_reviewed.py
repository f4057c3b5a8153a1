"""Every input of every Docker resource is the one that was reviewed: the tables are in reviewed/."""

from pathlib import Path
from typing import Any

import pytest

from infra.content import PLATFORM
from tests.infra.reviewed import differences, reviewed, table, unsorted_documents

FOLDER = Path(__file__).parent / "reviewed"
SHIPPED = FOLDER / "shipped.yaml"
OTHER: dict[str, Any] = {
    "web-command": "",
    "debug": False,
    "mount-source": False,
    "media-access": "public",
    "postgres-version": 18,
    "keep-data": False,
    "domain": "site.localhost",
    "domain-aliases": "x.localhost",
    "web-port": 18000,
    "media-port": 19000,
    "database-port": 15432,
}
WORKER = {"command": "python manage.py db_worker", "count": 2, "stop-timeout": 60, "env": {"QUEUE": "mail"}}


@pytest.mark.parametrize(
    ("settings", "files"),
    [
        ({}, [SHIPPED]),
        (OTHER, [SHIPPED, FOLDER / "other.yaml"]),
        ({"media": "filesystem"}, [SHIPPED, FOLDER / "filesystem.yaml"]),
        (OTHER | {"processes": {"worker": WORKER}}, [SHIPPED, FOLDER / "other.yaml", FOLDER / "processes.yaml"]),
        ({"cache": "valkey", "mail": "mailpit"}, [SHIPPED, FOLDER / "services.yaml"]),
    ],
    ids=["shipped", "other", "filesystem", "processes", "services"],
)
def test_the_local_stack_is_what_was_reviewed(program: Any, settings: dict[str, Any], files: list[Path]) -> None:
    wanted = reviewed(*files)
    wanted["image"]["image (docker:index:Image)"]["build"]["platform"] = PLATFORM  # this machine's
    run = program(settings)
    assert unsorted_documents(run) == []
    found = differences(table(run), wanted)
    assert not found, "look it up, then change the table:\n" + "\n".join(found)


def test_a_difference_is_told_with_its_place_and_both_values() -> None:
    wanted = {"web": {"web (docker:index:Container)": {"ports": [80], "init": True}, "gone": {}}}
    found = {"web": {"web (docker:index:Container)": {"ports": [81], "init": True}, "new": {}}}
    assert differences(found, wanted) == [
        "web > gone: is None, was reviewed as {}",
        "web > new: is {}, was reviewed as None",
        "web > web (docker:index:Container) > ports: is [81], was reviewed as [80]",
    ]
