"""Projects that can't work on a stack are refused while they are read, with the reason and a way on."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from infra.adoption.planning import Plan
from infra.adoption.project import AdoptionError, read_project
from tests.joining import projects
from tests.joining.conftest import plan_of

MakePlan = Callable[..., Plan]


def test_a_project_without_dependencies_is_refused(planned: MakePlan, tmp_path: Path) -> None:
    planned()
    (tmp_path / "shop/requirements.txt").unlink()
    with pytest.raises(AdoptionError, match="names no dependencies"):
        plan_of(read_project(tmp_path / "shop"), tmp_path / "checkout")


@pytest.mark.parametrize(
    ("before", "is_refused"),
    [
        ("", True),
        ("    if 'test' in sys.argv:\n    ", False),
    ],
)
def test_a_manage_py_that_names_its_settings_always_is_refused(
    before: str, is_refused: bool, planned: MakePlan, tmp_path: Path
) -> None:
    planned()
    old = '    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")\n'
    new = f'{before}    os.environ["DJANGO_SETTINGS_MODULE"] = "shop.settings"\n'
    projects.change(tmp_path / "shop", "manage.py", old, old + new)
    project = read_project(tmp_path / "shop")
    if is_refused:
        with pytest.raises(AdoptionError, match=r"manage\.py puts the settings shop\.settings in force .* Fix: os\."):
            plan_of(project, tmp_path / "checkout")
    else:
        plan_of(project, tmp_path / "checkout")


@pytest.mark.parametrize(
    ("path", "code", "is_refused"),
    [
        ("shop/old.py", "from django.conf.urls import url\n", True),
        ("shop/old.py", "try:\n    from django.conf.urls import url\nexcept ImportError:\n    pass\n", False),
        ("shop/old.py", "def later():\n    from django.conf.urls import url\n", False),
        ("shop/tests/test_old.py", "from django.conf.urls import url\n", False),
        ("shop/old.py", "from django.conf.urls import include\n", False),
    ],
)
def test_code_that_no_django_of_today_can_import_is_refused_before_anything_is_built(
    path: str, code: str, is_refused: bool, planned: MakePlan, tmp_path: Path
) -> None:
    planned()
    folder = tmp_path / "shop"
    projects.write(folder, path, code)
    projects.write(folder, "requirements.txt", "django==3.2.25\n")
    project = read_project(folder)
    if is_refused:
        wanted = r"Django 3\.2\.25, .*: shop/old\.py:1 imports url of django\.conf\.urls \(until 4\.0\)\. Fix: "
        with pytest.raises(AdoptionError, match=wanted):
            plan_of(project, tmp_path / "checkout")
    else:
        plan_of(project, tmp_path / "checkout")
    projects.write(folder, "requirements.txt", "django==5.2.8\n")
    plan_of(read_project(folder), tmp_path / "checkout")  # it works somehow today, so it isn't this command's affair


def test_a_project_in_a_folder_of_its_repository_is_named(planned: MakePlan, tmp_path: Path) -> None:
    planned(projects.uv)
    (tmp_path / "outer").mkdir()
    (tmp_path / "shop").rename(tmp_path / "outer" / "backend")
    with pytest.raises(
        AdoptionError, match=rf"its folder backend does\. Fix: django-stack adopt {tmp_path}/outer/backend$"
    ):
        plan_of(read_project(tmp_path / "outer"), tmp_path / "checkout")


@pytest.mark.parametrize(
    ("line", "is_refused"),
    [
        ("from .secrets_of_this_machine import *\n", True),
        ("try:\n    from .secrets_of_this_machine import *\nexcept ImportError:\n    pass\n", False),
        ("from .urls import urlpatterns\n", False),
        ("from . import urls\n", False),
    ],
)
def test_settings_that_import_a_file_that_is_not_there_are_refused(
    line: str, is_refused: bool, planned: MakePlan, tmp_path: Path
) -> None:
    planned()
    projects.add(tmp_path / "shop", "shop/settings.py", line)
    project = read_project(tmp_path / "shop")
    if is_refused:
        with pytest.raises(AdoptionError, match=r"imports shop/secrets_of_this_machine\.py, which isn't in .* Fix: "):
            plan_of(project, tmp_path / "checkout")
    else:
        plan_of(project, tmp_path / "checkout")


@pytest.mark.parametrize("example", ["configuration_example.py", "configuration.example.py", "configuration.py.dist"])
def test_a_configuration_of_which_only_the_example_is_there_is_refused(
    example: str, planned: MakePlan, tmp_path: Path
) -> None:
    planned()
    folder = tmp_path / "shop"
    projects.write(folder, f"shop/{example}", "COLOUR = 1\n")
    projects.add(
        folder, "shop/settings.py", 'from importlib import import_module\n\nimport_module("shop.configuration")\n'
    )
    wanted = rf"imports shop/configuration\.py \(of which shop/{re.escape(example)} is the example\), which isn't in"
    with pytest.raises(AdoptionError, match=wanted):
        plan_of(read_project(folder), tmp_path / "checkout")
    projects.write(folder, "shop/configuration.py", "COLOUR = 1\n")
    plan_of(read_project(folder), tmp_path / "checkout")
