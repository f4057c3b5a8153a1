"""The stand-in for the aws plugin knows exactly what the program asks of AWS: types, their inputs, functions."""

import re
from importlib import import_module
from importlib.metadata import version
from typing import Any

import pytest
from django_stack_plugins.aws import TYPES, VERSION
from django_stack_plugins.aws.base import AWSResource
from django_stack_plugins.aws.functions import functions
from django_stack_plugins.aws.session import Session

from tests import ROOT
from tests.infra.cloud.variants import OTHER, OWN_DOMAIN, SERVICES
from tests.infra.conftest import Program, Registered

# What, together, registers all that the program knows for AWS.
SETTINGS: list[dict[str, Any]] = [
    {},
    {"media-access": "public"},
    OWN_DOMAIN,
    OTHER,
    OTHER | SERVICES,
    {"schedules": {"daily": {"command": "python manage.py check", "cron": "0 3 * * *", "timeout": 600}}},
    {"database-snapshot": "last"},
    {"database-restore-time": "latest"},
    {"permissions-boundary": "arn:aws:iam::123456789012:policy/django-stack-boundary"},
]
KINDS = {kind.token: kind(Session()) for kind in TYPES}


@pytest.fixture
def registered(cloud: Program) -> list[Registered]:
    """What the program registers for AWS with all of these settings."""
    runs = [cloud(settings) for settings in SETTINGS]
    return [resource for run in runs for resource in run.resources.values() if resource.type.startswith("aws:")]


def test_it_has_the_types_that_the_program_uses_and_no_other(registered: list[Registered]) -> None:
    assert {resource.type for resource in registered} == set(KINDS)


def test_it_takes_all_that_the_program_says(registered: list[Registered]) -> None:
    for resource in registered:
        urn = f"urn:pulumi:cloud::django-stack::{resource.type}::{resource.name}"
        _, failures = KINDS[resource.type].check(urn, {}, resource.inputs, b"seed")
        assert failures == [], resource.name


def test_it_has_no_input_that_the_program_never_gives(registered: list[Registered]) -> None:
    """Nor one that the program could leave to the official plugin's default, but for those that say how it deletes."""
    given = {kind: {key for one in registered if one.type == kind for key in one.inputs} for kind in KINDS}
    spare = {kind.token: sorted(kind.inputs - given[kind.token] - set(kind.defaults)) for kind in TYPES}
    assert {token: inputs for token, inputs in spare.items() if inputs} == {}


def test_it_has_the_functions_that_the_program_calls_and_no_other() -> None:
    source = "".join(file.read_text() for file in (ROOT / "infra/cloud").glob("*.py"))
    called = {
        f"aws:{module.rstrip('.') or 'index'}/get{camel(name, upper=True)}:get{camel(name, upper=True)}"
        for module, name in re.findall(r"\baws\.(\w+\.)?get_(\w+?)(?:_output)?\(", source)
    }
    assert set(functions(Session())) == called


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.__name__)
def test_its_names_are_those_of_the_sdk(kind: type[AWSResource]) -> None:
    module, name = re.fullmatch(r"aws:(\w+)/\w+:(\w+)", kind.token).groups()  # type: ignore[union-attr]
    sdk = getattr(import_module(f"pulumi_aws.{module}"), name)
    known = {camel(entry) for entry, value in vars(sdk).items() if isinstance(value, property)}
    assert kind.inputs | kind.computed <= known


def test_it_says_the_version_of_the_sdk() -> None:
    assert version("pulumi-aws") == VERSION


def camel(name: str, *, upper: bool = False) -> str:
    """A name of the SDK's as the engine spells it."""
    first, *rest = name.split("_")
    return (first.capitalize() if upper else first) + "".join(part.capitalize() for part in rest)
