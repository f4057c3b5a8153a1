"""What the tests of the local platform share."""

import pytest

from infra.local import reach


@pytest.fixture
def on_the_engines_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests may run in a container themselves, which preflight would refuse; test_reach.py is about that."""
    monkeypatch.setattr(reach, "MARKS", ())
