"""Spreads the tests over two processes: what brings up stacks or containers runs in one, in order, the rest beside."""

from pathlib import Path

import pytest

IN_ORDER = (
    "cloud",
    "e2e",
    "image",
)  # these share what they bring up, and two of them at once are too much for two cores


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """For `pytest --dist loadgroup`, as `make test` has it."""
    here = Path(__file__).parent
    for item in items:
        real = any(item.get_closest_marker(name) for name in ("docker", "engine", "browser"))
        if real and item.path.is_relative_to(here) and item.path.relative_to(here).parts[0] in IN_ORDER:
            item.add_marker(pytest.mark.xdist_group("real"))
