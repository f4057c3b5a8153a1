"""The parts that a plan is made of, without Docker and without the network."""

from collections.abc import Callable
from pathlib import Path

import pytest

from infra.adoption.choices import defaults
from infra.adoption.contract import Contract, extras
from infra.adoption.files import Planned
from infra.adoption.planning import Plan, plan
from infra.adoption.project import Project, read_project
from infra.adoption.server import asgi_server
from infra.adoption.stack_settings import free_ports
from tests.joining.projects import Trait, make

MakeProject = Callable[..., Project]
WHEEL = "django_stack_contract-1.0.0-py3-none-any.whl"


@pytest.fixture
def read(tmp_path: Path) -> MakeProject:
    """Makes a project with traits, and reads it."""
    return lambda *traits: read_project(make(tmp_path / "shop", *traits))


@pytest.fixture
def planned(tmp_path: Path) -> Callable[..., Plan]:
    """Makes a project with traits, and plans its files for a platform; the stack's goes to a checkout beside it."""
    checkout = tmp_path / "checkout"
    checkout.mkdir()

    def made(*traits: Trait, platform: str = "local") -> Plan:
        project = read_project(make(tmp_path / "shop", *traits))
        return plan_of(project, checkout, platform)

    return made


def plan_of(project: Project, checkout: Path, platform: str = "local") -> Plan:
    """The plan with every default, on Python 3.13."""
    from dataclasses import replace

    chosen = replace(defaults(project, "", platform), python_image="python:3.13-slim-trixie")
    contract = Contract(
        WHEEL,
        b"wheel",
        extras(
            project.dependencies,
            cache=chosen.cache,
            gunicorn=not asgi_server(project.modules, project.dependencies),
        ),
    )
    return plan(project, chosen, contract, free_ports(checkout, chosen.stack, is_free=lambda _: True), checkout)


def text_of(found: Plan, name: str) -> str:
    """The content of the planned file with this name."""
    (one,) = [one for one in found.files if one.path.name == name]
    assert isinstance(one.content, str)
    return one.content


def file_of(found: Plan, name: str) -> Planned:
    return next(one for one in found.files if one.path.name == name)
