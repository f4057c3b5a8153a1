"""Settings that a project changes after `apply`, or without calling it: commands and servers name them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.app.served import manage, served, write_site

SECRET = "hunter2-of-the-project"
# What the project of the report had in production.py, after the two lines in base.py.
OWN = f"""
SECRET_KEY = "{SECRET}"
ALLOWED_HOSTS = ["www.example.com"]
DATABASES = {{"default": {{**DATABASES["default"], "PASSWORD": "{SECRET}"}}}}
OWN_BUCKET = {{"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": {{"secret_key": "{SECRET}"}}}}
STORAGES = {{**STORAGES, "default": OWN_BUCKET}}
SECURE_SSL_REDIRECT = True
SESSION_COOKIE_SECURE = True
"""
ALL = {"W001", "W003", "W004", "W005", "W006"}


def named(output: str) -> set[str]:
    """The ids in what a command printed, or a server logged."""
    return set(re.findall(r"django_stack\.([WE]\d{3})(?!\")", output))


def checked(folder: Path, after: str, *arguments: str, before: str = "") -> tuple[set[str], str]:
    """`manage.py check` of a project with these lines after the two."""
    write_site(folder, before, after)
    ended = manage(folder, "check", *arguments)
    return named(re.sub(r"HINT:.*", "", ended.stderr + ended.stdout)), ended.stderr + ended.stdout


def gunicorn_log(folder: Path, **more: str) -> str:
    """All that gunicorn prints before its first answer; it takes connections before that."""
    with served(folder, "gunicorn", **more) as site:
        site.raw(b"GET /healthz/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        return (folder / "output").read_text()


@pytest.mark.report("joining bug 2")
def test_what_was_overwritten_is_named_with_what_to_do_and_without_secrets(tmp_path: Path) -> None:
    found, text = checked(tmp_path, OWN)
    assert found == ALL
    assert "ALLOWED_HOSTS was set after apply(globals()): it lacks 'localhost', '127.0.0.1'." in text
    assert "DATABASES was set after apply(globals()): another PASSWORD than the stack's." in text
    assert "SESSION_COOKIE_SECURE was set after apply(globals()): it is True; the stack's is False." in text
    assert "end that file, after everything else, with `from django_stack.settings import apply`" in text
    assert SECRET not in text


@pytest.mark.report("joining bug 2")
def test_the_release_step_says_it(tmp_path: Path) -> None:
    """`migrate` runs the checks; its output is what `pulumi up` shows."""
    write_site(tmp_path, "", OWN)
    ended = manage(tmp_path, "migrate", "--noinput")
    assert (ended.returncode, named(ended.stderr)) == (0, ALL)


@pytest.mark.report("joining bug 2")
def test_gunicorn_says_it_in_its_log(tmp_path: Path) -> None:
    log = gunicorn_log(tmp_path, after=OWN)
    assert {*re.findall(r"django_stack\.(W\d{3})\)", log)} == ALL
    assert '"level": "WARNING"' in log or "WARNING" in log
    assert SECRET not in log


@pytest.mark.report("joining bug 2")
@pytest.mark.parametrize("silenced", [[], ["W001", "W003", "W004", "W005", "W006"]])
def test_lines_in_base_and_the_rest_in_production(tmp_path: Path, silenced: list[str]) -> None:
    """As the report's project has them; and what is meant can be silenced as any check."""
    write_site(tmp_path)
    names = [f"django_stack.{name}" for name in silenced]
    (tmp_path / "production.py").write_text(
        f"from site_settings import *\n{OWN}\nSILENCED_SYSTEM_CHECKS = [*SILENCED_SYSTEM_CHECKS, *{names}]\n"
    )
    ended = manage(tmp_path, "check", DJANGO_SETTINGS_MODULE="production")
    assert named(re.sub(r"HINT:.*", "", ended.stderr)) == (set() if silenced else ALL)
    assert silenced or "remove it from production" in ended.stderr


ADDED = """
LOGGING["loggers"]["axes"] = {"level": "WARNING"}
INSTALLED_APPS += ["django.contrib.sites"]
INSTALLED_APPS.insert(0, "django.contrib.humanize")
MIDDLEWARE.insert(0, "django.middleware.gzip.GZipMiddleware")
MIDDLEWARE.append("django.middleware.locale.LocaleMiddleware")
ALLOWED_HOSTS += ["other.example.com"]
CSRF_TRUSTED_ORIGINS = ["https://other.example.com", *CSRF_TRUSTED_ORIGINS]
DATABASES["other"] = {"ENGINE": "django.db.backends.sqlite3", "NAME": "other"}
DATABASES["default"]["ATOMIC_REQUESTS"] = True
DATABASES["default"].setdefault("OPTIONS", {})["timeout"] = 5
STORAGES["exports"] = {"BACKEND": "django.core.files.storage.InMemoryStorage"}
SECURE_REFERRER_POLICY = "no-referrer"
SITE_ID = 1
"""


def test_additions_are_fine(tmp_path: Path) -> None:
    assert checked(tmp_path, ADDED)[0] == set()


def test_the_gallerys_own_settings_are_fine() -> None:
    from tests.app.conftest import manage as gallery
    from tests.app.environment import LOCAL

    ended = gallery("check", **LOCAL)
    assert (ended.returncode, named(ended.stderr + ended.stdout)) == (0, set())


@pytest.mark.parametrize(
    ("line", "identity"),
    [
        ("DEBUG = True", "W002"),
        ('SECRET_KEY_FALLBACKS = ["x"]', "W001"),
        ('ALLOWED_HOSTS += ["*"]', "W003"),
        ("CSRF_TRUSTED_ORIGINS = []", "W003"),
        ('DATABASES["default"]["HOST"] = "elsewhere"', "W004"),
        ('STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}', "W005"),
        ('STORAGES["default"]["OPTIONS"] = {}', ""),  # there were none
        ("SECURE_HSTS_SECONDS = 5", "W006"),
        ('SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")', "W006"),
        ("CSRF_COOKIE_SECURE = True", "W006"),
        ('MIDDLEWARE.remove("django_stack.middleware.BodyLimit")', "W007"),
        ("MIDDLEWARE.append(MIDDLEWARE.pop(0))", "W007"),
        ('INSTALLED_APPS.remove("django_stack")', "W008"),
    ],
)
def test_each_is_named(tmp_path: Path, line: str, identity: str) -> None:
    """In place, too: what `apply` set is compared with a copy."""
    assert checked(tmp_path, line)[0] == ({identity} if identity else set())


def test_gunicorn_says_that_the_app_was_taken_out(tmp_path: Path) -> None:
    assert "(django_stack.W008)" in gunicorn_log(tmp_path, after='INSTALLED_APPS.remove("django_stack")')


@pytest.mark.report("joining bug 2")
def test_settings_that_were_applied_and_then_not_used_are_named(tmp_path: Path) -> None:
    """As with dynaconf, which takes the settings over before `apply` is called."""
    write_site(tmp_path)
    (tmp_path / "production.py").write_text(
        "import site_settings\n"
        "INSTALLED_APPS, ROOT_URLCONF = site_settings.INSTALLED_APPS, 'site_urls'\nSECRET_KEY = 'x'\n"
        "MIDDLEWARE, TEMPLATES = site_settings.MIDDLEWARE, site_settings.TEMPLATES\n"
    )
    ended = manage(tmp_path, "check", DJANGO_SETTINGS_MODULE="production")
    assert named(ended.stderr) == {"E002"}
    assert "apply(globals()) was called, but not for the settings in force, production" in ended.stderr


def test_a_build_has_nothing_to_warn_of(tmp_path: Path) -> None:
    """Django fills in what the database in memory leaves out; that is nobody's change."""
    write_site(tmp_path)
    ended = manage(tmp_path, "makemigrations", "--check", DATABASE_URL="", SECRET_KEY="")
    assert (ended.returncode, named(ended.stderr)) == (0, set()), ended.stderr


def test_to_apply_twice_is_fine(tmp_path: Path) -> None:
    """In base.py and again at the end of production.py: the last one counts, also over what stands between them."""
    found, text = checked(tmp_path, OWN + "\napply(globals())\n")
    assert found == set(), text


def test_a_package_whose_settings_were_never_applied_is_an_error(tmp_path: Path) -> None:
    write_site(tmp_path)
    (tmp_path / "alone.py").write_text('SECRET_KEY = "x"\nINSTALLED_APPS = ["django_stack"]\n')
    for command in (["check"], ["migrate", "--noinput"]):
        ended = manage(tmp_path, *command, DJANGO_SETTINGS_MODULE="alone")
        assert ended.returncode == 1
        assert "The settings in force, alone, never called apply(globals())" in ended.stderr
        assert "Traceback" not in ended.stderr


@pytest.mark.report("joining bug 2")
def test_gunicorn_says_that_other_settings_are_in_force(tmp_path: Path) -> None:
    """DJANGO_SETTINGS_MODULE, or wsgi.py's default, names a file without the two lines; nobody else would notice."""
    write_site(tmp_path)
    (tmp_path / "alone.py").write_text('SECRET_KEY = "x"\nROOT_URLCONF = "site_urls"\nINSTALLED_APPS = []\n')
    (tmp_path / "site_urls.py").write_text("urlpatterns = []\n")
    log = gunicorn_log(tmp_path, DJANGO_SETTINGS_MODULE="alone")
    assert "The settings in force, alone, never called apply(globals())" in log
