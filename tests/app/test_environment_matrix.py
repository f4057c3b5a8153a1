"""Every variable of the contract: absent, valid, malformed; and the setting or the message that comes of it."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from environment import settings as environment_settings
from environment.variables import InvalidEnvironmentError, read
from hypothesis import given
from hypothesis import strategies as st

from tests.app.conftest import CLOUD, LOCAL, SECRET_KEY

POSTGRES = "postgres://user:p%40ss%2F@host:5433/name"


def settings_of(environ: dict[str, str]) -> dict[str, Any]:
    """The settings that an environment means, for a project with nothing but Django's security middleware."""
    return environment_settings.settings(
        read(environ), {"MIDDLEWARE": ["django.middleware.security.SecurityMiddleware"]}
    )


def at(settings: dict[str, Any], path: str) -> Any:
    """A setting by its path: "DATABASES.default.HOST"."""
    value: Any = settings
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else getattr(value, name)
    return value


@pytest.mark.parametrize(
    ("environ", "path", "expected"),
    [
        # absent
        ({}, "DEBUG", False),
        ({}, "DATABASES.default.NAME", ":memory:"),
        ({}, "STORAGES.default.BACKEND", "environment.storages.RefusingStorage"),
        ({}, "ALLOWED_HOSTS", []),
        ({}, "CSRF_TRUSTED_ORIGINS", []),
        ({}, "SECURE_SSL_REDIRECT", True),
        ({}, "SESSION_COOKIE_SECURE", True),
        ({}, "CSRF_COOKIE_SECURE", True),
        ({}, "SECURE_HSTS_SECONDS", 365 * 24 * 3600),
        ({}, "SECURE_PROXY_SSL_HEADER", None),
        ({}, "SECRET_KEY_FALLBACKS", []),
        ({}, "STAGE", ""),
        ({}, "CACHES.default.BACKEND", "django.core.cache.backends.locmem.LocMemCache"),
        ({}, "EMAIL_BACKEND", "django.core.mail.backends.console.EmailBackend"),
        ({}, "DEFAULT_FROM_EMAIL", None),
        ({}, "STATIC_ROOT", "/srv/static"),
        # valid
        ({"DJANGO_DEBUG": "True"}, "DEBUG", True),
        ({"DEBUG": "True"}, "DEBUG", True),
        ({"DJANGO_DEBUG": "False", "DEBUG": "True"}, "DEBUG", False),
        ({"DATABASE_URL": POSTGRES}, "DATABASES.default.PASSWORD", "p@ss/"),
        ({"DATABASE_URL": POSTGRES}, "DATABASES.default.HOST", "host"),
        ({"DATABASE_URL": POSTGRES}, "DATABASES.default.PORT", 5433),
        ({"DATABASE_URL": POSTGRES}, "DATABASES.default.NAME", "name"),
        ({"DATABASE_URL": POSTGRES}, "DATABASES.default.CONN_MAX_AGE", 60),
        ({"DATABASE_URL": POSTGRES}, "DATABASES.default.CONN_HEALTH_CHECKS", True),
        ({"DATABASE_URL": POSTGRES}, "DATABASES.default.OPTIONS.connect_timeout", 5),
        ({"DATABASE_URL": POSTGRES + "?connect_timeout=9"}, "DATABASES.default.OPTIONS.connect_timeout", 9),
        ({"DATABASE_URL": POSTGRES + "?sslmode=require"}, "DATABASES.default.OPTIONS.sslmode", "require"),
        ({"DEFAULT_DATABASE_DSN": POSTGRES}, "DATABASES.default.HOST", "host"),
        ({"DATABASE_URL": POSTGRES, "DEFAULT_DATABASE_DSN": "postgres://b/c"}, "DATABASES.default.HOST", "host"),
        ({"SECRET_KEY": SECRET_KEY}, "SECRET_KEY", SECRET_KEY),
        ({"SECRET_KEY_FALLBACKS": " one, two ,,"}, "SECRET_KEY_FALLBACKS", ["one", "two"]),
        ({"DOMAIN": "WWW.Example.com"}, "ALLOWED_HOSTS", ["www.example.com"]),
        ({"DOMAIN_ALIASES": "localhost, 127.0.0.1"}, "ALLOWED_HOSTS", ["localhost", "127.0.0.1"]),
        (
            {"DOMAIN": "a.b", "DOMAIN_ALIASES": "a.b,.c.d", "DOMAIN_REDIRECTS": "e.f"},
            "ALLOWED_HOSTS",
            ["a.b", ".c.d", "e.f"],
        ),
        ({"DOMAIN": "a.b", "DOMAIN_ALIASES": ".c.d"}, "CSRF_TRUSTED_ORIGINS", ["https://a.b", "https://*.c.d"]),
        ({"DOMAIN": "a.b", "SECURE_SSL_REDIRECT": "False"}, "CSRF_TRUSTED_ORIGINS", ["http://a.b"]),
        ({"DOMAIN": "a.b", "DOMAIN_REDIRECTS": "e.f,a.b"}, "REDIRECTED_HOSTS", ["e.f"]),
        ({"SECURE_SSL_REDIRECT": "False"}, "SECURE_SSL_REDIRECT", False),
        ({"SECURE_SSL_REDIRECT": "False"}, "SESSION_COOKIE_SECURE", False),
        ({"SECURE_SSL_REDIRECT": "False"}, "CSRF_COOKIE_SECURE", False),
        ({"SECURE_SSL_REDIRECT": "False"}, "SECURE_HSTS_SECONDS", 0),
        ({"SECURE_HSTS_SECONDS": "60"}, "SECURE_HSTS_SECONDS", 60),
        ({"SECURE_HSTS_INCLUDE_SUBDOMAINS": "False"}, "SECURE_HSTS_INCLUDE_SUBDOMAINS", False),
        (
            {"SECURE_PROXY_SSL_HEADER": "X-Forwarded-Proto"},
            "SECURE_PROXY_SSL_HEADER",
            ("HTTP_X_FORWARDED_PROTO", "https"),
        ),
        (
            {"SECURE_PROXY_SSL_HEADER": "CloudFront-Forwarded-Proto"},
            "SECURE_PROXY_SSL_HEADER",
            ("HTTP_CLOUDFRONT_FORWARDED_PROTO", "https"),
        ),
        ({"STAGE": "live"}, "STAGE", "live"),
        ({"GIT_BRANCH": "main"}, "GIT_BRANCH", "main"),
        ({"SITE_NAME": "My site"}, "SITE_NAME", "My site"),
        (
            {"CACHE_URL": "redis://:pass@cache:6379/1"},
            "CACHES.default.BACKEND",
            "django.core.cache.backends.redis.RedisCache",
        ),
        ({"CACHE_URL": "redis://:pass@cache:6379/1"}, "CACHES.default.LOCATION", "redis://:pass@cache:6379/1"),
        ({"CACHE_URL": "db://django_dbcache"}, "CACHES.default.BACKEND", "django.core.cache.backends.db.DatabaseCache"),
        ({"CACHE_URL": "db://django_dbcache"}, "CACHES.default.LOCATION", "django_dbcache"),
        ({"EMAIL_URL": "smtp+tls://me%40x.org:p%2Fw@mail.x.org:587"}, "EMAIL_HOST_USER", "me@x.org"),
        ({"EMAIL_URL": "smtp+tls://me%40x.org:p%2Fw@mail.x.org:587"}, "EMAIL_HOST_PASSWORD", "p/w"),
        ({"EMAIL_URL": "smtp+tls://me%40x.org:p%2Fw@mail.x.org:587"}, "EMAIL_USE_TLS", True),
        ({"DEFAULT_FROM_EMAIL": "me@x.org"}, "DEFAULT_FROM_EMAIL", "me@x.org"),
        ({"STATIC_ROOT": "/somewhere"}, "STATIC_ROOT", "/somewhere"),
        ({"DEFAULT_STORAGE_DSN": "file:///data/media/?url=%2Fmedia%2F"}, "MEDIA_ROOT", "/data/media/"),
        ({"DEFAULT_STORAGE_DSN": "file:///data/media/?url=%2Fmedia%2F"}, "MEDIA_URL", "/media/"),
        (LOCAL, "STORAGES.default.OPTIONS.location.bucket", "media"),
        (LOCAL, "MEDIA_ORIGIN", "http://media.localhost:9000"),
        (CLOUD, "MEDIA_ORIGIN", "https://a-bucket.s3.eu-central-1.amazonaws.com"),
        (
            {
                "DEFAULT_STORAGE_BUCKET": "b-1",
                "DEFAULT_STORAGE_REGION": "eu-west-1",
                "DEFAULT_STORAGE_CUSTOM_DOMAIN": "m.x.org",
            },
            "MEDIA_ORIGIN",
            "https://m.x.org",
        ),
        # not the one spelling that counts: the safe side
        ({"DJANGO_DEBUG": "true"}, "DEBUG", False),
        ({"DJANGO_DEBUG": "1"}, "DEBUG", False),
        ({"DEBUG": "app:*"}, "DEBUG", False),
        ({"SECURE_SSL_REDIRECT": "false"}, "SECURE_SSL_REDIRECT", True),
        ({"SECURE_SSL_REDIRECT": "0"}, "SECURE_SSL_REDIRECT", True),
        # empty is absent
        ({"DATABASE_URL": "", "DOMAIN": " ", "SECRET_KEY": ""}, "DATABASES.default.NAME", ":memory:"),
    ],
)
def test_variable_becomes_setting(environ: dict[str, str], path: str, expected: object) -> None:
    assert at(settings_of(environ), path) == expected


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"DATABASE_URL": "nonsense"}, "DATABASE_URL is not a database URL"),
        ({"DATABASE_URL": "postgres://app:hun/ter2@host/db"}, "DATABASE_URL is not a database URL"),
        ({"DATABASE_URL": "postgres://app:hunter2@[host/db"}, "DATABASE_URL is not a database URL"),
        ({"DATABASE_URL": "carrierpigeon://app:hunter2@host/db"}, "DATABASE_URL is not a database URL"),
        ({"DATABASE_URL": "postgres://app:hunter2@host/"}, "DATABASE_URL names no database"),
        ({"DEFAULT_STORAGE_DSN": "/data/media/"}, "DEFAULT_STORAGE_DSN must begin with s3:// or file:///"),
        ({"DEFAULT_STORAGE_DSN": "s3://KEY:hun/ter2@bucket.s3.amazonaws.com/"}, "DEFAULT_STORAGE_DSN names no bucket"),
        (
            {"DEFAULT_STORAGE_DSN": "s3://KEY:hunter2#@bucket.s3.amazonaws.com/"},
            "DEFAULT_STORAGE_DSN has a # or a blank",
        ),
        (
            {"DEFAULT_STORAGE_BUCKET": "b-1", "DEFAULT_STORAGE_SECRET_ACCESS_KEY": "hunter2"},
            "has a key without a secret",
        ),
        ({"SECRET_KEY": "hunter2"}, "SECRET_KEY is too weak"),
        ({"SECRET_KEY": "django-insecure-" + SECRET_KEY}, "SECRET_KEY is too weak"),
        ({"SECRET_KEY": "hunter2" * 3}, "SECRET_KEY is too weak"),
        ({"DOMAIN": "http://x.org"}, "DOMAIN has 'http://x.org', which is not a host name"),
        ({"DOMAIN": "localhost:8000"}, "DOMAIN has 'localhost:8000', which is not a host name"),
        ({"DOMAIN": "*"}, "DOMAIN has '*', which is not a host name"),
        ({"DOMAIN_ALIASES": "good.org, bad/one"}, "DOMAIN_ALIASES has 'bad/one', which is not a host name"),
        ({"DOMAIN": "a.b", "DOMAIN_REDIRECTS": "a..b"}, "DOMAIN_REDIRECTS has 'a..b'"),
        ({"DOMAIN_REDIRECTS": "old.org"}, "DOMAIN_REDIRECTS is set without DOMAIN"),
        ({"SECURE_PROXY_SSL_HEADER": "HTTP_X_FORWARDED_PROTO,https"}, "is not the name of a header"),
        ({"SECURE_HSTS_SECONDS": "a year"}, "SECURE_HSTS_SECONDS has 'a year', which is not a number of seconds"),
        ({"SECURE_HSTS_SECONDS": "-1"}, "which is not a number of seconds"),
        ({"CACHE_URL": "carrierpigeon://:hunter2@host"}, "CACHE_URL is not a cache URL"),
        ({"EMAIL_URL": "carrierpigeon://a:hunter2@host"}, "EMAIL_URL is not an e-mail URL"),
        ({"EMAIL_URL": "smtp://a:hun/ter2@host"}, "EMAIL_URL is not an e-mail URL"),
        ({"PORT": "http"}, "PORT has 'http', which is not a port"),
        ({"PORT": "65536"}, "PORT has '65536', which is not a port"),
        ({"WEB_CONCURRENCY": "many"}, "WEB_CONCURRENCY has 'many', which is not a number of worker processes"),
        ({"WEB_CONCURRENCY": "0"}, "WEB_CONCURRENCY has '0'"),
        ({"SENTRY_DSN": "hunter2"}, "SENTRY_DSN is not a Sentry DSN"),
    ],
)
def test_malformed_value_is_named_without_its_secret(environ: dict[str, str], message: str) -> None:
    with pytest.raises(InvalidEnvironmentError) as caught:
        read(environ)
    assert message in str(caught.value)
    assert len(caught.value.problems) == 1
    assert "hunter2" not in str(caught.value)
    assert "hun" not in str(caught.value), "nor a part of it"


@pytest.mark.parametrize(
    ("environ", "port", "workers"), [({}, 8000, None), ({"PORT": "80", "WEB_CONCURRENCY": " 3 "}, 80, 3)]
)
def test_server_variables(environ: dict[str, str], port: int, workers: int | None) -> None:
    environment = read(environ)
    assert (environment.port, environment.workers) == (port, workers)


def test_large_uploads_find_a_place_in_a_read_only_container(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere() -> str:
        raise FileNotFoundError

    monkeypatch.setattr("tempfile.gettempdir", nowhere)
    found = settings_of({})
    assert found["FILE_UPLOAD_MAX_MEMORY_SIZE"] == found["REQUEST_MAX_BYTES"], "in memory, whatever their size"
    assert found["FILE_UPLOAD_TEMP_DIR"] == "/dev/shm"


def test_all_malformed_values_are_listed_at_once() -> None:
    with pytest.raises(InvalidEnvironmentError) as caught:
        read({"DATABASE_URL": "x", "SECRET_KEY": "x", "DOMAIN": "x y", "DEFAULT_STORAGE_DSN": "x"})
    assert [line.split()[0] for line in caught.value.problems] == [
        "SECRET_KEY",
        "DATABASE_URL",
        "DEFAULT_STORAGE_DSN",
        "DOMAIN",
    ]


def test_seed_secret_key_has_no_hard_coded_fallback() -> None:
    """The one deliberate departure from the handbook: a key of the moment, and servers that refuse it."""
    assert settings_of({})["SECRET_KEY"] != settings_of({})["SECRET_KEY"]


def test_representation_of_an_environment_holds_no_secret() -> None:
    text = repr(read({**LOCAL, "SENTRY_DSN": "https://hunter2@sentry.example.com/1"}))
    assert not any(secret in text for secret in ("password", "SECRET'", SECRET_KEY, "hunter2", "'KEY'"))


@given(user=st.text(min_size=1), password=st.text(min_size=1), name=st.text(min_size=1))
def test_database_url_survives_any_characters(user: str, password: str, name: str) -> None:
    from urllib.parse import quote

    def encoded(text: str) -> str:
        return quote(text, safe="")

    config = read(
        {"DATABASE_URL": f"postgres://{encoded(user)}:{encoded(password)}@host:5432/{encoded(name)}"}
    ).database
    assert config is not None
    assert (config["USER"], config["PASSWORD"], config["NAME"]) == (user, password, name)


@given(st.dictionaries(st.sampled_from([*CLOUD, "CACHE_URL", "EMAIL_URL", "SENTRY_DSN"]), st.text(max_size=60)))
def test_any_text_in_any_variable_is_read_or_refused_but_never_a_crash(environ: dict[str, str]) -> None:
    with suppress(InvalidEnvironmentError):
        read(environ)
