"""The tests keep out of a developer's own stacks: neither their state nor this checkout knows of the tests' stacks."""

from itertools import chain
from pathlib import Path

import pytest

from tests import ROOT
from tests.e2e.stacks import Stack

pytestmark = [pytest.mark.docker, pytest.mark.pulumi]


def test_the_tests_stacks_leave_nothing_in_the_developers_own_backend_or_checkout(
    stacks: list[Stack], development: Stack
) -> None:
    development.make_target("setup")  # the one program that makes a stack's file beside Pulumi.yaml
    sandbox = traces(development, development.folder / "state" / ".pulumi", development.folder)
    assert {path.parent.name for path in sandbox} >= {"django-stack", development.folder.name}
    for stack in stacks:
        assert traces(stack, Path.home() / ".pulumi", ROOT) == []


def traces(stack: Stack, backend: Path, checkout: Path) -> list[Path]:
    """The files that are named after a stack in a backend and beside a Pulumi.yaml."""
    state = chain.from_iterable((backend / kind).rglob("*") for kind in ("stacks", "history", "backups", "locks"))
    return [path for path in chain(state, checkout.glob("Pulumi.*.yaml")) if stack.name in path.name]


def test_every_stack_of_the_tests_has_a_name_and_ports_that_no_other_has(
    stacks: list[Stack], development: Stack
) -> None:
    assert development in stacks
    assert all(stack.name.startswith("e2e-") for stack in stacks)
    assert len({stack.name for stack in stacks}) == len(stacks)
    ports = [port for stack in stacks for port in stack.ports.values()]
    assert len(set(ports)) == len(ports)
    assert not {8000, 5432, 9000} & set(ports)
