"""An AWS in the tests' own process (moto, on the loopback), and resources of the plugin's types driven against it."""

import os
from collections.abc import Iterator

import pytest
from account import REGION, Account, Emulator

from django_stack_plugins.aws.session import Session


@pytest.fixture(scope="session")
def emulator() -> Iterator[Emulator]:
    with Emulator() as running:
        yield running


@pytest.fixture(scope="session")
def session(emulator: Emulator) -> Iterator[Session]:
    """The plugin's session: its clients take a while to make."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        for name, value in emulator.environment.items():
            patch.setenv(name, value)
        session = Session()
        session.configure({"region": REGION})
        yield session


@pytest.fixture
def account(session: Session, emulator: Emulator) -> Account:
    """An empty account."""
    emulator.reset()
    return Account(session, emulator)
