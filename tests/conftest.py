"""How `make test` shares the tests between its processes: whole folders, since a folder shares what it brings up."""

from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

LONGEST_FIRST = ["tests/e2e", "tests/faults", "tests/cloud", "tests/image", "tools/plugins/tests"]


class ByFolder(LoadScopeScheduling):
    """pytest-xdist's `--dist loadscope`, by folder instead of by module; the folders come in the order of the tests."""

    def _split_scope(self, nodeid: str) -> str:
        return folder(nodeid)


def folder(nodeid: str) -> str:
    return nodeid.partition("::")[0].rpartition("/")[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFolder | None:
    return ByFolder(config, log) if config.getvalue("dist") == "loadscope" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    ranks = {name: rank for rank, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: ranks.get(folder(item.nodeid), len(ranks)))
