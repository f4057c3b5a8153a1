"""What is read of a project: settings, variables, dependencies, processes, the image that it needs."""

from pathlib import Path

import pytest

from infra.adoption.project import AdoptionError, read_project
from infra.adoption.tree import Tree
from infra.adoption.variables import required
from tests.joining import projects
from tests.joining.conftest import MakeProject


def test_the_settings_that_wsgi_names_are_those_of_production(read: MakeProject) -> None:
    project = read(projects.settings_package)
    assert project.settings == "shop.settings.production"
    assert project.chain == ["shop/settings/production.py", "shop/settings/base.py"]
    assert project.modules.sure


def test_settings_in_one_file_are_production_s(read: MakeProject) -> None:
    project = read()
    assert (project.settings, project.modules.wsgi, project.modules.sure) == ("shop.settings", "shop.wsgi", True)


def test_two_modules_that_could_be_production_s_are_not_sure(read: MakeProject, tmp_path: Path) -> None:
    read(projects.settings_package)
    (tmp_path / "shop/shop/settings/production.py").rename(tmp_path / "shop/shop/settings/acme.py")
    projects.write(tmp_path / "shop", "shop/settings/emca.py", "from .base import *\n")
    projects.change(tmp_path / "shop", "shop/wsgi.py", "production", "acme")
    project = read_project(tmp_path / "shop")
    assert project.modules.candidates == ["shop.settings.acme", "shop.settings.emca"]
    assert not project.modules.sure


def test_variables_without_a_default_are_found_and_those_with_one_are_not(read: MakeProject) -> None:
    project = read(projects.settings_package, projects.build_env)
    found = {one.name: (one.stand_in, one.nested) for one in project.variables}
    assert found == {
        "DJANGO_SECRET_KEY": ("unset", False),
        "DATABASE_URL": ("sqlite://:memory:", False),
        "SHOP_WORKERS": ("1", False),
        "PAYMENT_KEY": ("unset", False),
    }


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ('import os\nA = os.environ["ONE"]', ["ONE"]),
        ('import os\nA = os.environ.get("ONE")', []),
        ('import os\nos.environ["ONE"] = "1"', []),
        ('from os import environ\nA = environ["ONE"]', ["ONE"]),
        ('import os\nif "ONE" in os.environ:\n    A = os.environ["ONE"]', []),
        ('from decouple import config\nA = config("ONE", cast=bool)\nB = config("TWO", default=1)', ["ONE"]),
        ('import environ\nenv = environ.Env()\nA = env.bool("ONE")\nB = env.bool("TWO", False)', ["ONE"]),
        ('import environ\nenv = environ.Env()\nA = env.db()\nB = env.cache(default="x")', ["DATABASE_URL"]),
        ('import os\ndef later():\n    return os.environ["ONE"]', []),
        ("this is no Python", []),
    ],
)
def test_every_way_to_ask_for_a_variable_is_known(source: str, names: list[str], tmp_path: Path) -> None:
    (tmp_path / "settings.py").write_text(source)
    assert [one.name for one in required(Tree(tmp_path), ["settings.py"])] == names


@pytest.mark.parametrize(("trait", "tool"), [(projects.uv, "uv"), (projects.poetry, "poetry"), (None, "pip")])
def test_each_tool_for_dependencies_is_told_apart(trait: projects.Trait | None, tool: str, read: MakeProject) -> None:
    dependencies = read(*([trait] if trait else [])).dependencies
    assert dependencies.tool == tool
    assert dependencies.pinned("django") == "5.2.8"
    assert "psycopg2" in dependencies


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "utf-8", "latin-1"])
def test_requirements_are_read_in_every_encoding_in_which_they_are_written(
    encoding: str, read: MakeProject, tmp_path: Path
) -> None:
    """PowerShell's `pip freeze > requirements.txt` writes UTF-16, and Windows other ends of lines."""
    read()
    text = "# für Bücher\r\nDjango==5.2.8\r\npsycopg2==2.9.10\r\n-e git+https://example.org/shelf.git#egg=shelf\r\n"
    (tmp_path / "shop/requirements.txt").write_bytes(text.encode(encoding))
    found = read_project(tmp_path / "shop").dependencies
    assert found.declared == {"django": "==5.2.8", "psycopg2": "==2.9.10"}
    assert found.has_git


@pytest.mark.parametrize(
    ("line", "encoding"),
    [("# -*- coding: latin-1 -*-", "latin-1"), ("# coding: cp1251", "cp1251"), ("", "utf-8"), ("", "cp1251")],
)
def test_settings_are_read_in_the_encoding_that_they_name(line: str, encoding: str, tmp_path: Path) -> None:
    name = {"latin-1": "Bücher", "cp1251": "Книги", "utf-8": "Книги"}[encoding]
    source = f'{line}\nimport os\n\nNAME = "{name}"\nKEY = os.environ["ONE"]\n'
    (tmp_path / "settings.py").write_bytes(source.encode(encoding))
    tree = Tree(tmp_path)
    assert [one.name for one in required(tree, ["settings.py"])] == ["ONE"]
    assert (name in tree.text("settings.py")) == (bool(line) or encoding == "utf-8")


@pytest.mark.parametrize("content", [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", b"\xff\xfe\0\0#\0\0\0", b""])
def test_what_is_no_text_is_empty(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "file.py").write_bytes(content)
    (tmp_path / "file.txt").write_bytes(content)
    tree = Tree(tmp_path)
    assert (tree.text("file.py"), tree.text("file.txt"), tree.whole("file.txt")) == ("", "", "")


def test_requirements_that_include_others_are_followed(read: MakeProject, tmp_path: Path) -> None:
    read(projects.dockerfile)
    folder = tmp_path / "shop"
    projects.write(folder, "requirements/base.txt", "django==5.2.8\n")
    projects.write(folder, "requirements/production.txt", "-r base.txt\nwhitenoise==6.9.0\n")
    (folder / "requirements.txt").unlink()
    (folder / "Dockerfile").unlink()
    dependencies = read_project(folder).dependencies
    assert dependencies.files == ["requirements/production.txt", "requirements/base.txt"]
    assert set(dependencies.declared) == {"django", "whitenoise"}


def test_files_that_are_included_from_outer_folders_have_plain_paths_in_the_project(
    read: MakeProject, tmp_path: Path
) -> None:
    read(projects.dockerfile)
    folder = tmp_path / "shop"
    projects.write(tmp_path, "outside.txt", "celery==5.5.3\n")
    projects.write(folder, "requirements.txt", "-r ./etc/pip/live.txt\n")
    projects.write(folder, "etc/pip/live.txt", "-r ../../base.txt\n-r ../../../outside.txt\n")
    projects.write(
        folder, "base.txt", "Django[argon2] == 5.2.8 --hash=sha256:00  # pinned\ngit+https://example.com/x.git\n"
    )
    dependencies = read_project(folder).dependencies
    assert dependencies.files == ["requirements.txt", "etc/pip/live.txt", "base.txt"]
    assert dependencies.declared == {"django": "[argon2] == 5.2.8"}


def test_a_script_that_compose_starts_is_followed_to_its_command(read: MakeProject) -> None:
    project = read(projects.celery, projects.dockerfile_in_a_folder)
    found = {one.name: one.command for one in project.found.processes}
    assert found == {
        "worker": "celery -A shop worker -l INFO",
        "beat": "celery -A shop.celery beat --schedule /tmp/celerybeat-schedule",
    }
    assert [text for text in project.found.left if text.startswith("flower ")]
    assert project.found.uses_redis
    assert project.services.postgres == "16"


def test_celery_without_a_word_about_its_worker_gets_one(read: MakeProject, tmp_path: Path) -> None:
    read(projects.celery)
    (tmp_path / "shop/docker-compose.yml").unlink()
    found = {one.name: one.command for one in read_project(tmp_path / "shop").found.processes}
    assert found["worker"] == "celery -A shop.celery worker --concurrency 2"


def test_a_procfile_s_worker_is_a_process_and_its_web_is_not(read: MakeProject, tmp_path: Path) -> None:
    read()
    projects.write(tmp_path / "shop", "Procfile", "web: gunicorn shop.wsgi\nworker: python manage.py db_worker\n")
    found = read_project(tmp_path / "shop").found
    assert [(one.name, one.command) for one in found.processes] == [("worker", "python manage.py db_worker")]
    assert found.left == []


def test_the_own_dockerfile_says_version_folder_and_variables(read: MakeProject) -> None:
    project = read(projects.dockerfile)
    assert (project.own.python, project.own.workdir) == ("3.13", "/code")
    assert project.own.variables == {"SHOP_COLOUR": "green"}
    assert project.own.packages == ["build-essential", "libpq-dev"]


@pytest.mark.parametrize(
    ("said", "version"),
    [
        (">=3.11", "3.13"),
        (">=3.14", "3.14"),
        (">=3.11,<3.13", "3.12"),
        ("<3.12", "3.11"),
        ("<=3.12", "3.12"),
        ("==3.12.*", "3.12"),
        ("==3.12.4", "3.12"),
        (">=3.11,!=3.13.*", "3.12"),
        ("~=3.11", "3.13"),
        (">=3.8,<3.10", "3.13"),
    ],
)
def test_the_python_is_one_that_the_project_allows(said: str, version: str, read: MakeProject, tmp_path: Path) -> None:
    read(projects.uv)
    projects.change(tmp_path / "shop", "pyproject.toml", ">=3.11", said)
    assert read_project(tmp_path / "shop").python == version


def test_a_platform_before_the_image_is_passed_over(read: MakeProject, tmp_path: Path) -> None:
    read(projects.dockerfile)
    projects.change(tmp_path / "shop", "Dockerfile", "FROM python:3.13", "FROM --platform=linux/amd64 python:3.12")
    assert read_project(tmp_path / "shop").python == "3.12"


def test_scripts_that_only_check_need_no_node(read: MakeProject, tmp_path: Path) -> None:
    assert read(projects.node).frontend.commands == ["npm run build"]
    projects.write(
        tmp_path / "shop", "package.json", '{"scripts": {"lint": "eslint ."}, "devDependencies": {"eslint": "9"}}'
    )
    assert read_project(tmp_path / "shop").frontend.node == 0


def test_a_folder_without_a_project_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(AdoptionError, match=r"There is no manage\.py in .*\. Fix: "):
        read_project(tmp_path)


def test_a_settings_module_that_is_not_there_is_refused(read: MakeProject, tmp_path: Path) -> None:
    read()
    with pytest.raises(AdoptionError, match=r"no settings module shop\.live in .*; found: shop\.settings"):
        read_project(tmp_path / "shop", "shop.live")


def test_nothing_of_the_project_is_imported(read: MakeProject, tmp_path: Path) -> None:
    read()
    for path in ("shop/settings.py", "shop/__init__.py", "shop/wsgi.py", "papers/models.py"):
        file = tmp_path / "shop" / path
        file.write_text(file.read_text() + "\nraise SystemExit('imported')\n")
    assert read_project(tmp_path / "shop").settings == "shop.settings"


@pytest.mark.parametrize(
    ("line", "paths"),
    [
        ('path("office/", admin.site.urls)', ["office/"]),
        ("re_path(r'^admin/$', admin.site.urls)", ["admin/"]),
        ("path(settings.ADMIN_URL, admin.site.urls)", ["admin/"]),
        ("path('cms/', include(other.urls))", []),
    ],
)
def test_the_admin_is_where_urls_py_has_it(line: str, paths: list[str], read: MakeProject, tmp_path: Path) -> None:
    read()
    (tmp_path / "shop/shop/urls.py").write_text(f"urlpatterns = [{line}]\n")
    assert read_project(tmp_path / "shop").admin == paths


def test_extras_and_groups_that_the_own_image_installs_are_installed(read: MakeProject, tmp_path: Path) -> None:
    read(projects.uv, projects.dockerfile)
    folder = tmp_path / "shop"
    projects.add(
        folder,
        "pyproject.toml",
        '[project.optional-dependencies]\npay = ["stripe"]\n\n[dependency-groups]\nproduction = ["sentry-sdk"]\n',
    )
    projects.change(
        folder, "Dockerfile", "pip install -r requirements.txt", "uv sync --extra pay --group production --group x"
    )
    found = read_project(folder).dependencies
    assert (found.extras, found.groups) == (["pay"], ["production"])
    assert {"stripe", "sentry-sdk"} <= set(found.declared)


def test_a_stage_has_what_the_stage_that_it_starts_from_has(read: MakeProject, tmp_path: Path) -> None:
    read()
    projects.write(
        tmp_path / "shop",
        "Dockerfile",
        "FROM python:3.13-slim AS base\nENV SHOP_COLOUR=green\nWORKDIR /srv/shop\n"
        "FROM node:22 AS assets\nENV SHOP_STYLE=none\nWORKDIR /assets\n"
        "FROM base AS final\nENV SHOP_SIZE=9\n",
    )
    own = read_project(tmp_path / "shop").own
    assert (own.variables, own.workdir) == ({"SHOP_COLOUR": "green", "SHOP_SIZE": "9"}, "/srv/shop")


@pytest.mark.parametrize(
    "options", ["-E pay -E mail", '--extras "pay mail"', "--extras=pay --extras mail", "-Epay -Email"]
)
def test_extras_that_poetry_installs_are_installed(options: str, read: MakeProject, tmp_path: Path) -> None:
    read(projects.poetry, projects.dockerfile)
    folder = tmp_path / "shop"
    projects.add(folder, "pyproject.toml", '[tool.poetry.extras]\npay = ["stripe"]\nmail = ["anymail"]\n')
    projects.change(folder, "Dockerfile", "pip install -r requirements.txt", f"poetry install {options} --only main")
    assert read_project(folder).dependencies.extras == ["pay", "mail"]


def test_constraints_say_versions_and_are_no_requirements(read: MakeProject, tmp_path: Path) -> None:
    read(projects.dockerfile)
    folder = tmp_path / "shop"
    projects.write(folder, "requirements.txt", "django\n-c versions/base.txt\n")
    projects.write(folder, "versions/base.txt", "django==5.2.8\ncelery==5.5.3\n")
    projects.write(folder, "constraints.txt", "pillow==12.0.0\n")
    projects.change(folder, "Dockerfile", "-r requirements.txt", "-r requirements.txt -c constraints.txt")
    found = read_project(folder).dependencies
    assert found.declared == {"django": "==5.2.8"}
    assert found.files == ["requirements.txt", "versions/base.txt", "constraints.txt"]
    assert found.constraints == "constraints.txt"


def test_the_code_that_settings_import_is_not_read_as_settings(read: MakeProject, tmp_path: Path) -> None:
    """Or else every variable of a large project would be asked for, after minutes."""
    read()
    folder = tmp_path / "shop"
    projects.add(folder, "shop/settings.py", "from . import mark\nfrom .parts import *\n")
    projects.write(folder, "shop/parts.py", "from .more_settings import COLOUR\n")
    projects.write(folder, "shop/more_settings.py", "COLOUR = 1\n")
    projects.write(folder, "shop/__init__.py", "from .core import mark\n")
    projects.write(folder, "shop/core.py", 'import os\n\nmark = os.environ["MARK"]\n')
    found = read_project(folder)
    assert found.chain == ["shop/settings.py", "shop/__init__.py", "shop/parts.py", "shop/more_settings.py"]
    assert found.variables == []
