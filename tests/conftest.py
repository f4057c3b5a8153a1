"""Spreads the tests over two processes: what shares a stack or a set of containers stays together, in order."""

from pathlib import Path

import pytest

TOGETHER = ("e2e", "image", "cloud")  # folders whose tests share what they bring up


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """For `pytest --dist loadgroup`, as `make test` has it."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here) and (folder := item.path.relative_to(here).parts[0]) in TOGETHER:
            item.add_marker(pytest.mark.xdist_group(folder))
