"""How `make test` shares the tests between its processes: whole folders, since a folder shares what it brings up."""

import gc
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

LONGEST_FIRST = [
    "tests/e2e",
    "tests/faults",
    "tests/rehearsal",
    "tests/image",
    "tools/plugins/tests",
]


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


def pytest_configure() -> None:
    """The SDKs make many objects that stay: looking through them less often makes the unit tests a third quicker."""
    gc.set_threshold(50_000, 20, 20)


def pytest_collection_finish() -> None:
    gc.freeze()
