"""What the environment doesn't say stays as the project has it, and what is replaced is named."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.mail import get_connection
from django.test import override_settings
from django_stack import checks, environment
from django_stack import settings as contract
from django_stack.variables import read

from tests.app.conftest import run
from tests.app.django_stack.test_checks import manage
from tests.app.environment import CLOUD, LOCAL, settings_of
from tests.app.served import write_site

ANYMAIL: dict[str, Any] = {
    "EMAIL_BACKEND": "anymail.backends.mailgun.EmailBackend",
    "ANYMAIL": {"MAILGUN_API_KEY": "key"},
    "DEFAULT_FROM_EMAIL": "shop@example.org",
}


@pytest.mark.parametrize("own", [ANYMAIL, {"EMAIL_HOST": "mail.example.org", "EMAIL_PORT": 2525}])
def test_mail_stays_the_projects_until_the_environment_names_a_server(own: dict[str, Any]) -> None:
    found = contract.settings(read(CLOUD), own)
    assert {name: value for name, value in found.items() if "MAIL" in name and name != "EMAIL_TIMEOUT"} == {}
    named = contract.settings(read({**CLOUD, "EMAIL_URL": "smtp+tls://me:pass@mail.example.com:587"}), own)
    assert (named["EMAIL_HOST"], named["EMAIL_PORT"]) == ("mail.example.com", 587)
    assert named["EMAIL_BACKEND"].endswith("smtp.EmailBackend")


@pytest.mark.parametrize("url", ["smtp://mail:1025", "smtp://mail"])
def test_nothing_of_a_projects_own_server_is_told_to_the_one_that_the_environment_names(url: str) -> None:
    """Mailpit takes no login, and a relay must not get that of another server."""
    own = {
        "EMAIL_HOST": "smtp.example.org",
        "EMAIL_PORT": 465,
        "EMAIL_HOST_USER": "shop",
        "EMAIL_HOST_PASSWORD": "hunter2",
        "EMAIL_USE_SSL": True,
        "EMAIL_SSL_CERTFILE": "shop.crt",
        "EMAIL_SSL_KEYFILE": "shop.key",
    }
    found = contract.settings(read({**CLOUD, "EMAIL_URL": url}), own)
    with override_settings(**own), override_settings(**{name: found[name] for name in found if "EMAIL" in name}):
        server: Any = get_connection(found["EMAIL_BACKEND"])
    assert (server.host, server.port) == ("mail", 1025 if "1025" in url else 25)
    told = (server.username, server.password, server.use_ssl, server.use_tls, server.ssl_certfile, server.ssl_keyfile)
    assert not any(told)


def test_a_project_with_djangos_newer_mailers_gets_and_keeps_those(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside MAILERS, Django 6.1 refuses EMAIL_BACKEND and its like."""
    own = {"default": {"BACKEND": "mine.Backend"}, "bulk": {"BACKEND": "mine.Bulk"}}
    smtp = {**CLOUD, "EMAIL_URL": "smtp+tls://me:pass@mail.example.com:587", "DEFAULT_FROM_EMAIL": "me@x.org"}
    monkeypatch.setattr("django.VERSION", (6, 1, 0, "final", 0))
    assert not {name for name in contract.settings(read(CLOUD), {"MAILERS": own}) if "MAIL" in name}
    found = contract.settings(read(smtp), {"MAILERS": own})
    assert {name for name in found if "MAIL" in name} == {"MAILERS", "DEFAULT_FROM_EMAIL", "SERVER_EMAIL"}
    assert found["MAILERS"]["bulk"] == own["bulk"]
    assert found["MAILERS"]["default"] == {
        "BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "OPTIONS": {
            **{"host": "mail.example.com", "port": 587, "username": "me", "password": "pass"},
            **{"use_tls": True, "use_ssl": False, "timeout": 10},
        },
    }
    monkeypatch.setattr("django.VERSION", (5, 2, 0, "final", 0))
    assert contract.settings(read(smtp), {"MAILERS": own})["EMAIL_HOST"] == "mail.example.com"


def test_without_a_word_about_mail_it_goes_to_the_log() -> None:
    assert settings_of(CLOUD)["EMAIL_BACKEND"] == "django.core.mail.backends.console.EmailBackend"


def test_the_cache_stays_the_projects_until_the_environment_names_one() -> None:
    own = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://mine"}}
    assert contract.settings(read(CLOUD), {"CACHES": own})["CACHES"] == own
    named = contract.settings(read({**CLOUD, "CACHE_URL": "redis://stack:6379/1"}), {"CACHES": own})["CACHES"]
    assert "stack" in str(named["default"])


def test_a_storage_that_the_project_names_stays_only_where_the_environment_names_none() -> None:
    own = {"default": {"BACKEND": "mine.Storage"}, "backups": {"BACKEND": "mine.Backups"}}
    build = contract.settings(read({}), {"STORAGES": own})["STORAGES"]
    stack = contract.settings(read(CLOUD), {"STORAGES": own})["STORAGES"]
    assert (build["default"], build["backups"]) == (own["default"], own["backups"])
    assert stack["default"]["BACKEND"] == "django_stack.storages.S3Media"
    assert stack["backups"] == own["backups"]


def test_a_projects_own_logging_is_kept_and_has_the_requests() -> None:
    own = {
        "version": 1,
        "disable_existing_loggers": True,
        "formatters": {"own": {"format": "MINE %(message)s"}},
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "own"}},
        "root": {"level": "WARNING", "handlers": ["console"]},
        "loggers": {"shop": {"level": "ERROR"}},
    }
    kept = contract.settings(read(CLOUD), {"LOGGING": own})["LOGGING"]
    code = (
        "import logging, logging.config; request = logging.getLogger('django_stack.request')\n"
        f"logging.config.dictConfig({kept!r})\n"
        "request.info('GET /'); logging.getLogger('other').info('no'); logging.getLogger('shop').error('and this')"
    )
    assert run(sys.executable, "-c", code).stderr == "MINE GET /\nMINE and this\n"
    assert settings_of(CLOUD, LOGGING={})["LOGGING"]["formatters"].keys() == {"json", "text"}


def test_what_is_replaced_is_named_by_check_and_by_nothing_else(tmp_path: Path) -> None:
    own = (
        'SECRET_KEY = "django-insecure-TOPSECRET"\nDEBUG = True\nALLOWED_HOSTS = []\nX_FRAME_OPTIONS = "SAMEORIGIN"\n'
        'DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "x"}}\n'
        'STORAGES = {"staticfiles": {"BACKEND": "mine.Static"}, "other": {"BACKEND": "mine.Other"}}\n'
        'EMAIL_HOST = "mine"\nLANGUAGE_CODE = "de"\n'
    )
    write_site(tmp_path, before=own)
    ended = manage(tmp_path, "check")
    (line,) = [line for line in ended.stderr.splitlines() if "I001" in line]
    assert line.endswith('had: DATABASES["default"], DEBUG, SECRET_KEY, STORAGES["staticfiles"].')
    assert ended.returncode == 0
    assert "TOPSECRET" not in ended.stderr
    assert "I001" not in manage(tmp_path, "makemigrations", "--check").stderr


def test_settings_that_only_gain_something_are_not_named(tmp_path: Path) -> None:
    write_site(tmp_path)
    assert "I001" not in manage(tmp_path, "check").stderr


def test_the_environment_is_known_before_the_projects_file_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    for environ in (LOCAL, {**CLOUD, "CACHE_URL": "locmemcache://", "SITE_URL": "https://shop.example.com:8443"}):
        for name in {*LOCAL, *CLOUD, "CACHE_URL", "SITE_URL"}:
            monkeypatch.delenv(name, raising=False)
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        found = settings_of(environ)
        for name in ("DEBUG", "STAGE", "SITE_NAME", "SITE_URL", "GIT_BRANCH"):
            assert getattr(environment, name) == found[name]
        assert environment.HTTPS is found["SECURE_SSL_REDIRECT"]
        assert (environment.HAS_DATABASE, environment.HAS_MAIL) == (True, False)
    assert environment.HAS_CACHE
    assert environment.SITE_URL == "https://shop.example.com:8443"
    with pytest.raises(AttributeError, match="has no DEBUT; it has DEBUG, "):
        _ = environment.DEBUT  # type: ignore[attr-defined]
    assert not hasattr(environment, "debug")


def test_a_malformed_environment_ends_the_settings_file_that_asks(tmp_path: Path) -> None:
    code = "from django_stack import environment; environment.DEBUG"
    ended = run(sys.executable, "-c", code, SECRET_KEY="TOPSECRET")
    assert ended.returncode == 3
    assert "SECRET_KEY is too weak" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "TOPSECRET" not in ended.stderr


def test_a_settings_module_of_its_own_needs_nothing_in_the_projects_files(tmp_path: Path) -> None:
    write_site(tmp_path)
    text = (tmp_path / "site_settings.py").read_text().partition("from django_stack")[0]
    (tmp_path / "site_settings.py").write_text(text + 'SECRET_KEY = "x"\nEMAIL_HOST = "mine"\n')
    (tmp_path / "stack_settings.py").write_text(
        "from django_stack.settings import apply\n\nfrom site_settings import *\n\napply(globals())\n"
    )
    ended = manage(tmp_path, "check", "--fail-level", "WARNING", DJANGO_SETTINGS_MODULE="stack_settings")
    assert ended.returncode == 0, ended.stderr
    assert "I001) apply(globals()) replaced what the settings had: SECRET_KEY." in ended.stderr


def test_the_names_are_of_the_last_apply() -> None:
    checks.remember_replaced({"DEBUG": True}, {"DEBUG": False})
    assert checks.replaced_settings == ["DEBUG"]
    checks.remember_replaced({}, {"DEBUG": False})
    assert checks.replaced_settings == []
