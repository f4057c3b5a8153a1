"""Without its extras the package works for a project that doesn't use them, and names the one that is lacking."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from django_stack import errors
from django_stack.variables import InvalidEnvironmentError, read

from infra.checkout import ROOT
from tests.app.environment import CLOUD
from tests.app.served import environment, write_site

EXTRAS = {
    *("anymail", "boto3", "botocore", "cronsim", "gunicorn", "psycopg", "redis", "s3transfer", "sentry_sdk"),
    *("storages", "psycopg2"),
}
PROGRAM = f"""
import sys
sys.modules.update(dict.fromkeys({sorted(EXTRAS)!r}))
from django.core.management import execute_from_command_line
"""


def without_extras(folder: Path, code: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """The small project on Django, WhiteNoise and the readers of URLs alone."""
    return subprocess.run(
        [sys.executable, "-c", PROGRAM + code],
        cwd=folder,
        env=environment(folder, **environ),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


VISIT = """
import django; django.setup()
from django.test import Client
from django.core.management import call_command
call_command("migrate", verbosity=0)
client = Client(headers={"host": "localhost"})
print(client.get("/healthz/ready").json()["status"], client.get("/admin/login/").status_code)
"""


def test_a_project_that_uses_none_of_them_is_checked_migrated_and_served(tmp_path: Path) -> None:
    write_site(tmp_path)
    plain = {"DEFAULT_STORAGE_DSN": f"file://{tmp_path}/media/?url=%2Fmedia%2F", "DJANGO_DEBUG": "True"}
    check = "execute_from_command_line(['manage.py', 'check', '--deploy'])"
    checked = without_extras(tmp_path, check, **plain)
    assert checked.returncode == 0, checked.stderr
    assert "E00" not in checked.stderr
    visited = without_extras(tmp_path, VISIT, **plain)
    assert visited.stdout.splitlines()[-1:] == ["ok 200"], visited.stderr


def test_errors_are_told_apart_beside_a_botocore_that_another_package_brought(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "botocore", type(sys)("botocore"))
    monkeypatch.delitem(sys.modules, "boto3", raising=False)
    monkeypatch.setitem(sys.modules, "s3transfer.exceptions", None)
    monkeypatch.delitem(sys.modules, "django_stack.s3_errors", raising=False)
    monkeypatch.delattr("django_stack.s3_errors", raising=False)
    assert not errors.is_outage(ValueError())


def test_without_gunicorn_its_configuration_says_what_to_require(tmp_path: Path) -> None:
    ended = without_extras(tmp_path, "import django_stack.gunicorn_config")
    assert ended.returncode == 3
    assert "Require django-stack-contract[server]" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("extra", ["s3", "ses"])
def test_an_extra_that_brings_boto3_says_from_which_version_on(extra: str) -> None:
    """Before 1.36 its clients refuse `request_checksum_calculation`; django-storages takes 1.4.4."""
    project = tomllib.loads((ROOT / "app/contract/pyproject.toml").read_text())["project"]
    assert "boto3>=1.36" in project["optional-dependencies"][extra]


@pytest.mark.parametrize("zone", ["US/Eastern", "GB", "Japan", "Europe/Zurich"])
def test_the_extra_for_schedules_brings_the_zones_that_a_slim_image_lacks(zone: str) -> None:
    project = tomllib.loads((ROOT / "app/contract/pyproject.toml").read_text())["project"]
    assert any(one.startswith("tzdata") for one in project["optional-dependencies"]["schedules"])
    code = f"from django_stack import cron; cron.zone_of({zone!r})"
    subprocess.run([sys.executable, "-c", code], env=os.environ | {"PYTHONTZPATH": ""}, check=True, timeout=60)


@pytest.mark.parametrize(
    ("name", "value", "package"),
    [
        ("DATABASE_URL", CLOUD["DATABASE_URL"], "psycopg[binary]"),
        ("DEFAULT_STORAGE_DSN", CLOUD["DEFAULT_STORAGE_DSN"], "django-storages[s3]"),
        ("CACHE_URL", "redis://cache:6379/1", "redis"),
        ("EMAIL_URL", "ses://eu-central-1", "django-anymail"),
        ("SENTRY_DSN", "https://TOPSECRET@sentry.example.com/1", "sentry-sdk"),
    ],
)
def test_what_the_environment_asks_for_and_is_not_installed_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, package: str
) -> None:
    for module in EXTRAS:
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(InvalidEnvironmentError) as refused:
        read({name: value})
    (problem,) = refused.value.problems
    assert problem.startswith(f"{name} ")
    assert f"`{package}` is not installed" in problem
    assert "TOPSECRET" not in problem


def test_psycopg2_is_a_driver_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own library says which options there are."""

    class Extensions:
        @staticmethod
        def parse_dsn(text: str) -> dict[str, str]:
            if text.partition("=")[0] not in {"sslmode", "connect_timeout", "application_name"}:
                raise ValueError(text)
            return {}

    monkeypatch.setitem(sys.modules, "psycopg", None)
    module = type(sys)("psycopg2")
    module.__spec__ = object()  # type: ignore[assignment]
    module.extensions = Extensions  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "psycopg2", module)
    url = "postgres://app:p@db/app?sslmode=require"
    assert (read({"DATABASE_URL": url}).database or {})["OPTIONS"]["sslmode"] == "require"
    with pytest.raises(InvalidEnvironmentError, match="has unknown options of libpq"):
        read({"DATABASE_URL": url + "&sllrootcert=x"})
