"""Half-configured, the build's commands and tests work and everything else refuses, with a line for each variable."""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core import checks
from django.core.management import call_command
from django_stack import refusal
from django_stack.variables import read

from tests.app.conftest import manage, run
from tests.app.environment import CLOUD, LOCAL, SECRET_KEY

GUNICORN = ("gunicorn", "--config", "python:django_stack.gunicorn_config", "config.wsgi")
COMPLETE = {**CLOUD, "DATABASE_URL": "sqlite:////dev/shm/never-made.sqlite3"}
FOLDER = "file:///data/media/?url=%2Fmedia%2F"
NOTHING = read({})
IN_MEMORY = ["sqlite://:memory:", "sqlite://", "sqlite:///:memory:", "sqlite:///file::memory:?cache=shared"]


def gunicorn(**environ: str) -> tuple[int, str]:
    """Exit status and output of a server that is expected to end by itself."""
    result = run(str(Path(sys.executable).with_name("gunicorn")), *GUNICORN[1:], **environ)
    return result.returncode, result.stdout + result.stderr


def named(output: str) -> list[str]:
    """The variables in a refusal's list."""
    return [line.split()[1] for line in output.splitlines() if line.startswith("  - ")]


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if these were not tests: a program that has pytest in it may do without an environment."""
    monkeypatch.delitem(sys.modules, "pytest")


# With nothing set


@pytest.mark.parametrize("command", [("check",), ("makemigrations", "--check", "--dry-run")])
def test_build_commands_work_with_nothing_set(command: tuple[str, ...]) -> None:
    result = manage(*command)
    assert result.returncode == 0, result.stderr


def test_collectstatic_works_with_nothing_set(tmp_path: Path) -> None:
    result = manage("collectstatic", "--noinput", STATIC_ROOT=str(tmp_path))
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "staticfiles.json").exists()
    assert list(tmp_path.glob("gallery/style.*.css.gz")), "compressed, with the content's hash in the name"


def test_the_projects_own_tests_run_with_nothing_set(tmp_path: Path) -> None:
    (tmp_path / "test_a_project.py").write_text(
        "from django.contrib.auth.models import User\n"
        "from django.test import TestCase\n\n\n"
        "class A(TestCase):\n"
        "    def test_it(self):\n"
        "        User.objects.create_user('ada')\n"
        "        self.assertEqual(self.client.get('/healthz/ready').json()['migrations'], 'applied')\n"
    )
    result = manage("test", str(tmp_path))
    assert (result.returncode, "Ran 1 test" in result.stderr) == (0, True), result.stderr


def test_migrate_refuses_with_nothing_set() -> None:
    """docs/handbook.md, fault 3: there it succeeds on a throw-away SQLite, and the site starts empty."""
    result = manage("migrate", "--noinput")
    assert result.returncode == 3
    lines = result.stderr.strip().splitlines()
    assert lines[0] == "`migrate` needs a complete environment:"
    assert named(result.stderr) == ["DATABASE_URL", "SECRET_KEY"]
    assert all("pulumi up" in line for line in lines[1:])


@pytest.mark.parametrize("command", ["shell", "createsuperuser", "dbshell", "loaddata", "a_command_of_ones_own"])
@pytest.mark.parametrize("program", ["manage.py", "/opt/venv/bin/django-admin", "/lib/django/__main__.py"])
def test_every_other_command_refuses_too(program: str, command: str) -> None:
    with pytest.raises(SystemExit):
        refusal.refuse_program([program, command], NOTHING)


@pytest.mark.parametrize("command", sorted(refusal.BUILD_COMMANDS))
@pytest.mark.usefixtures("outside")
def test_build_commands_are_let_through(command: str) -> None:
    refusal.refuse_program(["manage.py", command], NOTHING)


@pytest.mark.usefixtures("outside")
def test_a_project_can_name_build_commands_of_its_own() -> None:
    refusal.refuse_program(["manage.py", "compress"], NOTHING, ["compress"])
    with pytest.raises(SystemExit):
        refusal.refuse_program(["manage.py", "compress"], NOTHING)


@pytest.mark.parametrize(
    ("program", "names"),
    [
        # workers, which answer no requests
        ("/opt/venv/bin/celery", ["DATABASE_URL", "SECRET_KEY"]),
        ("/opt/venv/lib/python3.13/site-packages/celery/__main__.py", ["DATABASE_URL", "SECRET_KEY"]),
        ("rqworker", ["DATABASE_URL", "SECRET_KEY"]),
        # anything else: it could be a server
        ("/opt/venv/bin/uvicorn", ["DATABASE_URL", "SECRET_KEY", "DOMAIN"]),
        ("/opt/venv/lib/python3.13/site-packages/daphne/__main__.py", ["DATABASE_URL", "SECRET_KEY", "DOMAIN"]),
        ("nightly.py", ["DATABASE_URL", "SECRET_KEY", "DOMAIN"]),
        ("-c", ["DATABASE_URL", "SECRET_KEY", "DOMAIN"]),
        ("", ["DATABASE_URL", "SECRET_KEY", "DOMAIN"]),
    ],
)
@pytest.mark.usefixtures("outside")
def test_a_program_that_reads_the_settings_refuses_whatever_its_name(
    program: str, names: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        refusal.refuse_program([program, "-A", "config", "worker"], NOTHING)
    assert named(capsys.readouterr().err) == names


@pytest.mark.usefixtures("outside")
def test_a_server_inside_another_program_may_have_no_arguments_at_all() -> None:
    with pytest.raises(SystemExit):
        refusal.refuse_program([], NOTHING)


def test_a_worker_by_python_m_refuses_to_run_with_a_random_key(tmp_path: Path) -> None:
    """As `python -m celery worker` does: it reads the settings, and django.setup() comes late or never."""
    (tmp_path / "celery").mkdir()
    (tmp_path / "celery" / "__main__.py").write_text("from django.conf import settings; print(settings.SECRET_KEY)")
    environ = {"DJANGO_SETTINGS_MODULE": "config.settings", "PYTHONPATH": str(tmp_path)}
    result = run(sys.executable, "-m", "celery", "worker", **environ, DATABASE_URL=COMPLETE["DATABASE_URL"])
    assert (result.returncode, result.stdout) == (3, "")
    assert result.stderr.startswith("celery needs a complete environment:\n  - SECRET_KEY is not set")


TOOL = """
import contextlib, django
from django.conf import settings
print(len(settings.SECRET_KEY))
django.setup()
from django.contrib.auth.models import User
with contextlib.suppress(SystemExit):
    User.objects.count()
    print("a database")
with contextlib.suppress(SystemExit):
    import config.wsgi
    print("a server")
"""


def test_a_tool_that_only_reads_code_says_so_and_still_gets_no_database_and_no_server() -> None:
    result = run(sys.executable, "-c", TOOL, DJANGO_SETTINGS_MODULE="config.settings", DJANGO_BUILD="True")
    assert result.stdout == "50\n", result.stderr
    assert "A database is needed here:\n  - DATABASE_URL is not set" in result.stderr
    assert "The server needs a complete environment:\n  - DATABASE_URL is not set" in result.stderr


@pytest.mark.usefixtures("outside")
def test_only_the_exact_word_makes_a_program_such_a_tool() -> None:
    refusal.refuse_program(["mypy"], read({"DJANGO_BUILD": "True"}))
    for word in ("true", "1", "yes", ""):
        with pytest.raises(SystemExit):
            refusal.refuse_program(["mypy"], read({"DJANGO_BUILD": word}))


def test_gunicorn_refuses_in_its_master_with_nothing_set() -> None:
    status, output = gunicorn()
    assert (status, named(output)) == (3, ["DATABASE_URL", "SECRET_KEY", "DOMAIN"])
    assert "Traceback" not in output
    assert "Booting worker" not in output


def test_gunicorn_without_our_configuration_refuses_too() -> None:
    result = run(str(Path(sys.executable).with_name("gunicorn")), "--bind", "127.0.0.1:0", "config.wsgi")
    assert result.returncode == 3
    assert "DATABASE_URL is not set" in result.stderr


# With a part of it set


@pytest.mark.parametrize(
    ("environ", "names"),
    [
        ({}, ["DATABASE_URL", "SECRET_KEY", "DOMAIN"]),
        (
            {**COMPLETE, "DOMAIN": "", "DOMAIN_ALIASES": "", "DOMAIN_REDIRECTS": "", "DEFAULT_STORAGE_DSN": FOLDER},
            ["DOMAIN", "DEFAULT_STORAGE_DSN", "There"],
        ),
        (COMPLETE, ["There"]),
    ],
    ids=["nothing set", "what only servers need", "static files"],
)
def test_runserver_ends_within_seconds_whatever_is_missing(
    environ: dict[str, str], names: list[str], tmp_path: Path
) -> None:
    """Also what only a server misses: said in the reloader's thread, it would end the thread and leave the process."""
    started = time.monotonic()
    result = manage("runserver", "127.0.0.1:0", **environ, STATIC_ROOT=str(tmp_path))
    assert (result.returncode, named(result.stderr)) == (3, names), result.stderr
    assert time.monotonic() - started < 10


@pytest.mark.parametrize(
    ("command", "server"),
    [("runserver", True), ("runserver_plus", True), ("runsslserver", True), ("testserver", True), ("migrate", False)],
)
def test_servers_among_the_commands_are_told_by_their_names(command: str, server: bool) -> None:
    assert refusal.is_server(command) is server


def test_a_refusal_in_another_thread_ends_the_process_too() -> None:
    code = (
        "import threading, time; from django_stack.refusal import exit_with_problems\n"
        "threading.Thread(target=exit_with_problems, args=('No.', ['x'])).start(); time.sleep(20)"
    )
    result = run(sys.executable, "-c", code, timeout=10)
    assert (result.returncode, result.stderr) == (1, "No.\n  - x\n")


@pytest.mark.parametrize("url", IN_MEMORY)
def test_a_database_in_memory_spelled_out_is_none_for_servers_and_migrate(url: str) -> None:
    environment = read({**LOCAL, "DATABASE_URL": url})
    (line,) = environment.missing
    assert line.startswith("DATABASE_URL asks for a database in memory")
    assert line in environment.missing_for_servers
    with pytest.raises(SystemExit):
        refusal.refuse_program(["manage.py", "migrate"], environment)
    refusal.refuse_program(["manage.py", "check"], environment)


def test_a_database_in_memory_under_divios_name_is_named_by_it() -> None:
    (line,) = read({"SECRET_KEY": SECRET_KEY, "DEFAULT_DATABASE_DSN": "sqlite://:memory:"}).missing
    assert line.startswith("DEFAULT_DATABASE_DSN asks for a database in memory")


def test_file_media_with_debug_off_are_refused_with_the_reason() -> None:
    (line,) = read({**CLOUD, "DEFAULT_STORAGE_DSN": FOLDER}).missing_for_servers
    assert line.startswith("DEFAULT_STORAGE_DSN is a file: folder, which only runserver with DJANGO_DEBUG=True serves")


def test_missing_static_files_are_refused_before_the_first_request(tmp_path: Path) -> None:
    """docs/handbook.md, fault 1: there the source is mounted over the collected files, and every page is a 500."""
    status, output = gunicorn(**COMPLETE, STATIC_ROOT=str(tmp_path))
    assert status == 3
    assert f"{tmp_path}; the image's build collects them" in output
    assert "Booting worker" not in output


@pytest.mark.parametrize(
    ("backend", "collected", "refused"),
    [
        ("django_stack.files.StaticFiles", [], True),
        ("django_stack.files.StaticFiles", ["style.css"], True),
        ("django_stack.files.StaticFiles", ["style.css", "staticfiles.json"], False),
        # a project that put another one behind the two lines
        ("django.contrib.staticfiles.storage.StaticFilesStorage", [], True),
        ("django.contrib.staticfiles.storage.StaticFilesStorage", ["style.css"], False),
    ],
)
def test_static_files_are_missed_by_what_their_storage_needs(
    settings: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    backend: str,
    collected: list[str],
    refused: bool,
) -> None:
    settings.STATIC_ROOT = str(tmp_path / "static")
    settings.STORAGES = {"staticfiles": {"BACKEND": backend}}
    for name in collected:
        (tmp_path / "static").mkdir(exist_ok=True)
        (tmp_path / "static" / name).write_text('{"version": "1.1", "paths": {}}')
    assert refusal.static_files_are_missing() is refused
    # procrastinate's app can't be loaded a second time, as a change of INSTALLED_APPS would.
    monkeypatch.delitem(apps.app_configs, "staticfiles")
    assert not refusal.static_files_are_missing(), "an API has none"


def test_a_project_that_has_no_static_files_at_all_is_served(tmp_path: Path) -> None:
    (tmp_path / "api.py").write_text(
        "from django_stack.settings import apply\n"
        "MIDDLEWARE, ROOT_URLCONF, urlpatterns = ['django.middleware.security.SecurityMiddleware'], 'api', []\n"
        "apply(globals())\n"
    )
    code = (
        "import django; from django.test import Client; from django.core.wsgi import get_wsgi_application\n"
        "get_wsgi_application(); client = Client(HTTP_HOST='www.example.com', HTTP_X_FORWARDED_PROTO='https')\n"
        "print([client.get(path).status_code for path in ('/healthz/live', '/healthz/ready', '/nothing')])"
    )
    environ = {**COMPLETE, "DATABASE_URL": f"sqlite:///{tmp_path}/db.sqlite3"}
    result = run(sys.executable, "-c", code, **environ, DJANGO_SETTINGS_MODULE="api", PYTHONPATH=str(tmp_path))
    assert result.stdout.splitlines()[-1] == "[200, 200, 404]", result.stderr


def test_a_malformed_value_ends_every_command_with_its_name_and_no_traceback() -> None:
    result = manage("check", DATABASE_URL="postgres://app:hun/ter2@host/db", DOMAIN="http://x")
    assert result.returncode == 3
    assert result.stderr.startswith("The environment has values that cannot be used:\n")
    assert named(result.stderr) == ["DATABASE_URL", "DOMAIN"]
    assert "hun" not in result.stderr


# With all of it


def test_deploy_check_is_clean_in_the_cloud_environment() -> None:
    result = manage("check", "--deploy", "--fail-level", "WARNING", **CLOUD)
    assert (result.returncode, result.stdout) == (0, "System check identified no issues (1 silenced).\n"), result.stderr


def test_deploy_check_of_a_plain_startproject_site_with_the_two_lines_is_clean(tmp_path: Path) -> None:
    call_command("startproject", "mysite", str(tmp_path))
    with (tmp_path / "mysite" / "settings.py").open("a") as file:
        file.write("\nfrom django_stack.settings import apply\n\napply(globals())\n")
    environ = {**CLOUD, "DJANGO_SETTINGS_MODULE": "mysite.settings", "PYTHONPATH": str(tmp_path)}
    environ["EMAIL_URL"] = "smtps://user:password@mail.example.com"  # Django 6.1 finds a new project's console wanting
    result = run(sys.executable, "-m", "django", "check", "--deploy", "--fail-level", "WARNING", **environ)
    assert result.returncode == 0, result.stderr
    assert re.findall(r"\((\w+\.[A-Z]\d+)\)", result.stderr) == ["django_stack.I001"]


def test_deploy_check_lists_what_a_server_would_miss(settings: Any) -> None:
    settings.DJANGO_STACK_MISSING_FOR_SERVERS = NOTHING.missing_for_servers
    found = checks.run_checks(tags=["security"], include_deployment_checks=True)
    assert [check.msg.split()[0] for check in found if check.id == "django_stack.E001"] == [
        "DATABASE_URL",
        "SECRET_KEY",
        "DOMAIN",
    ]


@pytest.mark.parametrize("argv", [["manage.py", "migrate"], ["manage.py", "runserver"], ["celery"], ["gunicorn"]])
@pytest.mark.parametrize("environ", [CLOUD, LOCAL], ids=["cloud", "local"])
@pytest.mark.usefixtures("outside")
def test_complete_environment_runs_everything(argv: list[str], environ: dict[str, str]) -> None:
    refusal.refuse_program(argv, read(environ))
    assert read(environ).missing_for_servers == []
