"""The settings that come of an environment together with those that a project had before."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase as fnmatch
from typing import Any

import pytest
from django_stack import database_url
from django_stack import settings as environment_settings
from django_stack.variables import read
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests import ROOT
from tests.app.django_stack.environment_matrix import POSTGRES
from tests.app.environment import CLOUD, LOCAL, settings_of


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("SILENCED_SYSTEM_CHECKS", ["mine.W001"], ["mine.W001", "security.W021"]),
        ("X_FRAME_OPTIONS", "SAMEORIGIN", "SAMEORIGIN"),
        ("SECURE_REFERRER_POLICY", "strict-origin", "strict-origin"),
        ("EMAIL_TIMEOUT", 3, 3),
        ("DEFAULT_EXCEPTION_REPORTER_FILTER", "mine.Filter", "mine.Filter"),
        ("REQUEST_MAX_BYTES", 5, 5),
        ("FILE_UPLOAD_TEMP_DIR", "/scratch", "/scratch"),
        ("STATIC_ROOT", "/mine", "/mine"),
        ("STATIC_URL", "/s/", "/s/"),
        ("INSTALLED_APPS", ["django_stack", "mine"], ["django_stack", "mine"]),
    ],
)
def test_a_projects_own_setting_is_kept(name: str, before: object, after: object) -> None:
    assert environment_settings.settings(read(CLOUD), {name: before})[name] == after


def test_the_docs_name_the_settings_of_a_project_that_are_overwritten_and_no_others() -> None:
    """docs/bring-your-own.md, "What apply overwrites"."""
    email = {"EMAIL_URL": "smtp+tls://me:pass@mail.example.com:587", "DEFAULT_FROM_EMAIL": "me@example.com"}
    found = read({**LOCAL, **email, "DEFAULT_STORAGE_DSN": "file:///data/media/"})

    def overwritten(name: str, value: Any) -> bool:
        mine: Any = {"mine": {}} if isinstance(value, dict) else ["mine"] if isinstance(value, list | tuple) else "mine"
        got = environment_settings.settings(found, {name: mine})[name]
        return not (got == mine or (isinstance(got, dict | list) and "mine" in got))

    lost = {name for name, value in environment_settings.settings(found, {}).items() if overwritten(name, value)}
    page = (ROOT / "docs" / "bring-your-own.md").read_text()
    section = page.partition("### What apply overwrites")[2].partition("\n### ")[0]
    named = re.findall(r"`([A-Z_]+\*?)`", section)
    assert [name for name in lost if not any(fnmatch(name, each) for each in named)] == []
    assert [each for each in named if not any(fnmatch(name, each) for name in lost)] == []


@pytest.mark.parametrize("name", ["CACHES", "DATABASES", "STORAGES"])
def test_a_projects_other_aliases_are_kept(name: str) -> None:
    mine = {"BACKEND": "mine"}
    environment = read({**CLOUD, "CACHE_URL": "rediss://:p@cache.example.com:6379/1"})
    found = environment_settings.settings(environment, {name: {"other": mine, "default": mine}})[name]
    assert found["other"] == mine
    assert found["default"] != mine, "where the default one is, the stack says"


def test_a_project_keeps_its_own_cache_where_the_stack_has_none() -> None:
    mine = {"default": {"BACKEND": "mine"}, "other": {"BACKEND": "mine, too"}}
    assert environment_settings.settings(read(CLOUD), {"CACHES": mine})["CACHES"] == mine
    found = environment_settings.settings(read(CLOUD), {"CACHES": {"other": mine["other"]}})["CACHES"]
    assert found == {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}, "other": mine["other"]}


def test_the_region_of_amazon_ses_joins_what_a_project_tells_anymail() -> None:
    found = environment_settings.settings(
        read({**CLOUD, "EMAIL_URL": "ses://eu-central-1"}), {"ANYMAIL": {"SEND_DEFAULTS": {"tags": ["site"]}}}
    )["ANYMAIL"]
    assert found == {
        "SEND_DEFAULTS": {"tags": ["site"]},
        "AMAZON_SES_CLIENT_PARAMS": {"region_name": "eu-central-1"},
    }


def test_how_a_project_uses_its_database_is_kept_and_where_it_was_is_not() -> None:
    mine = {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": "db.sqlite3",
        "ATOMIC_REQUESTS": True,
        "TEST": {"NAME": "t"},
    }
    found = environment_settings.settings(read(CLOUD), {"DATABASES": {"default": mine}})["DATABASES"]["default"]
    assert (found["ATOMIC_REQUESTS"], found["TEST"]) == (True, {"NAME": "t"})
    assert (found["NAME"], found["HOST"]) == ("app", "db.example.com")


@pytest.mark.parametrize(
    ("own", "url", "engine"),
    [
        ("django.contrib.gis.db.backends.postgis", CLOUD["DATABASE_URL"], "django.contrib.gis.db.backends.postgis"),
        ("django_prometheus.db.backends.postgresql", CLOUD["DATABASE_URL"], "django_prometheus.db.backends.postgresql"),
        ("django.contrib.gis.db.backends.spatialite", CLOUD["DATABASE_URL"], "django.db.backends.postgresql"),
        ("django_cockroachdb", CLOUD["DATABASE_URL"], "django.db.backends.postgresql"),
        ("django.db.backends.postgresql", "postgis://a:b@host/db", "django.contrib.gis.db.backends.postgis"),
        ("django.contrib.gis.db.backends.postgis", "sqlite:///file", "django.db.backends.sqlite3"),
        ("django.contrib.gis.db.backends.postgis", None, "django.db.backends.sqlite3"),  # the image's build
    ],
)
def test_a_backend_that_extends_postgresqls_is_kept_on_postgresql(own: str, url: str | None, engine: str) -> None:
    environ = {**CLOUD, "DATABASE_URL": url} if url else {}
    mine = {"ENGINE": own, "NAME": "shop", "HOST": "localhost"}
    found = environment_settings.settings(read(environ), {"DATABASES": {"default": mine}})["DATABASES"]["default"]
    assert found["ENGINE"] == engine
    assert found["NAME"] != "shop"
    assert found.get("HOST") != "localhost"


@pytest.mark.parametrize("environ", [CLOUD, LOCAL], ids=["cloud", "local"])
def test_a_database_that_is_gone_without_a_word_is_given_up_on_after_seconds(environ: dict[str, str]) -> None:
    """libpq's own default is to wait for ever, and with it a thread; tests/image/test_outages.py cuts the cable."""
    options = settings_of(environ)["DATABASES"]["default"]["OPTIONS"]
    silence = options["keepalives_idle"] + options["keepalives_interval"] * options["keepalives_count"]
    assert options["keepalives"] == 1
    assert silence == options["tcp_user_timeout"] / 1000 == 20
    assert options["connect_timeout"] == 5
    assert conninfo_to_dict(make_conninfo(**options)) == {name: str(value) for name, value in options.items()}


@pytest.mark.parametrize("name", database_url.TIMEOUTS)
def test_the_urls_own_query_wins_over_the_defaults(name: str) -> None:
    options = settings_of({"DATABASE_URL": f"{POSTGRES}?{name}=7"})["DATABASES"]["default"]["OPTIONS"]
    assert options == {**database_url.TIMEOUTS, name: 7}


def test_large_uploads_find_a_place_in_a_read_only_container(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere() -> str:
        raise FileNotFoundError

    monkeypatch.setattr("tempfile.gettempdir", nowhere)
    found = settings_of({})
    assert found["FILE_UPLOAD_MAX_MEMORY_SIZE"] == found["REQUEST_MAX_BYTES"], "in memory, whatever their size"
    assert found["FILE_UPLOAD_TEMP_DIR"] == "/dev/shm"
