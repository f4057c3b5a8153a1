"""Half-configured, the build's commands work and everything else refuses, with a line for each missing variable."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from environment import refusal

from tests.app.conftest import CLOUD, LOCAL, manage, run

GUNICORN = ("gunicorn", "--config", "python:environment.gunicorn_config", "config.wsgi")
COMPLETE = {**CLOUD, "DATABASE_URL": "sqlite:////dev/shm/never-made.sqlite3"}


def gunicorn(**environ: str) -> tuple[int, str]:
    """Exit status and output of a server that is expected to end by itself."""
    result = run(str(Path(sys.executable).with_name("gunicorn")), *GUNICORN[1:], **environ)
    return result.returncode, result.stdout + result.stderr


@pytest.mark.parametrize("command", [("check",), ("makemigrations", "--check", "--dry-run")])
def test_build_commands_work_with_nothing_set(command: tuple[str, ...]) -> None:
    result = manage(*command)
    assert result.returncode == 0, result.stderr


def test_collectstatic_and_the_pages_that_need_it_work_with_nothing_set(tmp_path: Path) -> None:
    result = manage("collectstatic", "--noinput", STATIC_ROOT=str(tmp_path))
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "staticfiles.json").exists()
    assert list(tmp_path.glob("gallery/style.*.css.gz")), "compressed, with the content's hash in the name"


def test_migrate_refuses_with_nothing_set() -> None:
    """divio.md 1.7, 3: there it succeeds on a throw-away SQLite, and the site starts empty."""
    result = manage("migrate", "--noinput")
    assert result.returncode == 3
    lines = result.stderr.strip().splitlines()
    assert lines[0] == "`migrate` needs a complete environment:"
    assert [line.split()[1] for line in lines[1:]] == ["DATABASE_URL", "SECRET_KEY"]
    assert all("pulumi up" in line for line in lines[1:])


@pytest.mark.parametrize("command", ["shell", "createsuperuser", "dbshell", "loaddata", "a_command_of_ones_own"])
@pytest.mark.parametrize("program", ["manage.py", "/opt/venv/bin/django-admin", "/lib/django/__main__.py"])
def test_every_other_command_refuses_too(program: str, command: str) -> None:
    with pytest.raises(SystemExit):
        refusal.refuse_command([program, command])


@pytest.mark.parametrize("command", sorted(refusal.BUILD_COMMANDS))
def test_build_commands_are_let_through(command: str) -> None:
    refusal.refuse_command(["manage.py", command])


def test_runserver_refuses_with_nothing_set() -> None:
    result = manage("runserver", "127.0.0.1:0")
    assert result.returncode == 3
    assert [line.split()[1] for line in result.stderr.strip().splitlines()[1:]] == [
        "DATABASE_URL",
        "SECRET_KEY",
        "DOMAIN",
    ]


def test_gunicorn_refuses_in_its_master_with_nothing_set() -> None:
    status, output = gunicorn()
    assert status == 3
    assert [name for name in ("DATABASE_URL", "SECRET_KEY", "DOMAIN") if f"- {name} is not set" in output] == [
        "DATABASE_URL",
        "SECRET_KEY",
        "DOMAIN",
    ]
    assert "Traceback" not in output
    assert "Booting worker" not in output


def test_gunicorn_without_our_configuration_refuses_too() -> None:
    result = run(str(Path(sys.executable).with_name("gunicorn")), "--bind", "127.0.0.1:0", "config.wsgi")
    assert result.returncode == 3
    assert "DATABASE_URL is not set" in result.stderr


def test_any_other_program_is_kept_from_the_stand_in_database() -> None:
    code = "import django; django.setup(); from django.contrib.auth.models import User; print(User.objects.count())"
    result = run(sys.executable, "-c", code, DJANGO_SETTINGS_MODULE="config.settings")
    assert result.returncode == 3
    assert result.stderr.startswith("A database is needed here:\n  - DATABASE_URL is not set")


@pytest.mark.parametrize("program", ["/opt/venv/bin/celery", "rqworker"])
def test_a_task_worker_refuses(program: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        refusal.refuse_command([program, "-A", "config", "worker"])
    assert "SECRET_KEY is not set" in capsys.readouterr().err


def test_a_project_can_name_build_commands_of_its_own(settings: object) -> None:
    with pytest.raises(SystemExit):
        refusal.refuse_command(["manage.py", "compress"])
    settings.ENVIRONMENT_BUILD_COMMANDS = ("compress",)  # type: ignore[attr-defined]
    refusal.refuse_command(["manage.py", "compress"])


def test_file_media_with_debug_off_are_refused_with_the_reason() -> None:
    status, output = gunicorn(**{**COMPLETE, "DEFAULT_STORAGE_DSN": "file:///data/media/?url=%2Fmedia%2F"})
    assert status == 3
    assert "DEFAULT_STORAGE_DSN is a file: folder, which only runserver with DJANGO_DEBUG=True serves" in output


def test_missing_static_files_are_refused_before_the_first_request(tmp_path: Path) -> None:
    """divio.md 1.7, 1: there the source is mounted over the collected files, and every page is a 500."""
    status, output = gunicorn(**COMPLETE, STATIC_ROOT=str(tmp_path))
    assert status == 3
    assert f"{tmp_path} holds none; the image's build collects them" in output


def test_a_malformed_value_ends_every_command_with_its_name_and_no_traceback() -> None:
    result = manage("check", DATABASE_URL="postgres://app:hun/ter2@host/db", DOMAIN="http://x")
    assert result.returncode == 3
    lines = result.stderr.strip().splitlines()
    assert lines[0] == "The environment has values that cannot be used:"
    assert [line.split()[1] for line in lines[1:]] == ["DATABASE_URL", "DOMAIN"]
    assert "hun" not in result.stderr


def test_deploy_check_is_clean_in_the_cloud_environment() -> None:
    result = manage("check", "--deploy", "--fail-level", "WARNING", **CLOUD)
    assert (result.returncode, result.stdout) == (0, "System check identified no issues (1 silenced).\n"), result.stderr


def test_deploy_check_lists_what_a_server_would_miss() -> None:
    result = manage("check", "--deploy")
    assert result.returncode == 1
    assert result.stderr.count("(environment.E001)") == 3


def test_complete_environment_runs_every_command() -> None:
    result = manage("shell", "-c", "from django.conf import settings; print(settings.STAGE)", **LOCAL)
    assert (result.returncode, result.stdout.splitlines()[-1]) == (0, "local"), result.stderr
