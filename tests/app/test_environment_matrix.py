"""Every variable of the contract: absent, valid, malformed; and the setting or the message that comes of it."""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable
from contextlib import suppress
from fnmatch import fnmatchcase as fnmatch
from itertools import product
from typing import Any

import pytest
from django_stack import cache_url, database_url, email_url, storage_dsn, values
from django_stack import settings as environment_settings
from django_stack.malformed import MalformedError
from django_stack.variables import InvalidEnvironmentError, read
from hypothesis import given
from hypothesis import strategies as st
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.app.conftest import APP, CLOUD, LOCAL, SECRET_KEY

POSTGRES = "postgres://user:p%40ss%2F@host:5433/name"
OLD_KEY = SECRET_KEY[::-1]
PARTS = {  # the split form of DEFAULT_STORAGE_DSN, as Divio's newer template reads it
    "DEFAULT_STORAGE_BUCKET": "b-1",
    "DEFAULT_STORAGE_ACCESS_KEY_ID": "KEY",
    "DEFAULT_STORAGE_SECRET_ACCESS_KEY": "se/cr+et",
    "DEFAULT_STORAGE_REGION": "eu-west-1",
    "DEFAULT_STORAGE_CUSTOM_DOMAIN": "m.x.org",
    "DEFAULT_STORAGE_ENDPOINT_URL": "http://media:9000",
}


def settings_of(environ: dict[str, str]) -> dict[str, Any]:
    """The settings that an environment means, for a project with nothing but Django's security middleware."""
    found = read(environ)
    middleware = ["django.middleware.security.SecurityMiddleware"]
    return {"ENVIRONMENT": found, **environment_settings.settings(found, {"MIDDLEWARE": middleware})}


def at(settings: dict[str, Any], path: str) -> Any:
    """A setting by its path: "DATABASES.default.HOST"."""
    value: Any = settings
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else getattr(value, name)
    return value


# What comes of nothing at all: one row for each variable.
ABSENT = {
    "DATABASE_URL": ("DATABASES.default.NAME", ":memory:"),
    "SECRET_KEY": ("ENVIRONMENT.secret_key", ""),
    "SECRET_KEY_FALLBACKS": ("SECRET_KEY_FALLBACKS", []),
    "DOMAIN": ("ALLOWED_HOSTS", []),
    "DOMAIN_ALIASES": ("CSRF_TRUSTED_ORIGINS", []),
    "DOMAIN_REDIRECTS": ("REDIRECTED_HOSTS", []),
    "DEFAULT_STORAGE_DSN": ("STORAGES.default.BACKEND", "django_stack.storages.RefusingStorage"),
    "CSRF_TRUSTED_ORIGINS": ("ENVIRONMENT.trusted_origins", ()),
    "DJANGO_DEBUG": ("DEBUG", False),
    "DJANGO_BUILD": ("ENVIRONMENT.build", False),
    "SECURE_SSL_REDIRECT": ("SECURE_SSL_REDIRECT", True),
    "SECURE_HSTS_SECONDS": ("SECURE_HSTS_SECONDS", 365 * 24 * 3600),
    "SECURE_HSTS_INCLUDE_SUBDOMAINS": ("SECURE_HSTS_INCLUDE_SUBDOMAINS", True),
    "SECURE_PROXY_SSL_HEADER": ("SECURE_PROXY_SSL_HEADER", None),
    "CACHE_URL": ("CACHES.default.BACKEND", "django.core.cache.backends.locmem.LocMemCache"),
    "EMAIL_URL": ("EMAIL_BACKEND", "django.core.mail.backends.console.EmailBackend"),
    "DEFAULT_FROM_EMAIL": ("DEFAULT_FROM_EMAIL", None),
    "SENTRY_DSN": ("ENVIRONMENT.sentry_dsn", ""),
    "STATIC_ROOT": ("STATIC_ROOT", "/srv/static"),
    "STAGE": ("STAGE", ""),
    "GIT_BRANCH": ("GIT_BRANCH", ""),
    "SITE_NAME": ("SITE_NAME", ""),
    "PORT": ("ENVIRONMENT.port", 8000),
    "WEB_CONCURRENCY": ("ENVIRONMENT.workers", None),
}
ANY_TEXT = {"STAGE", "GIT_BRANCH", "SITE_NAME"}  # no text is malformed

VALID: list[tuple[dict[str, str], str, object]] = [
    ({"DJANGO_DEBUG": "True"}, "DEBUG", True),
    ({"DEBUG": "True"}, "DEBUG", True),
    ({"DJANGO_DEBUG": "False", "DEBUG": "True"}, "DEBUG", False),
    ({"DJANGO_BUILD": "True"}, "ENVIRONMENT.build", True),
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
    ({"SECRET_KEY_FALLBACKS": f" {OLD_KEY}, {SECRET_KEY} ,,"}, "SECRET_KEY_FALLBACKS", [OLD_KEY, SECRET_KEY]),
    ({"DOMAIN": "WWW.Example.com"}, "ALLOWED_HOSTS", ["www.example.com"]),
    ({"DOMAIN_ALIASES": "localhost, 127.0.0.1"}, "ALLOWED_HOSTS", ["localhost", "127.0.0.1"]),
    (
        {"DOMAIN": "a.b", "DOMAIN_ALIASES": "a.b,.c.d", "DOMAIN_REDIRECTS": "e.f"},
        "ALLOWED_HOSTS",
        ["a.b", ".c.d", "e.f"],
    ),
    ({"DOMAIN": "a.b", "DOMAIN_ALIASES": ".c.d"}, "CSRF_TRUSTED_ORIGINS", ["https://a.b", "https://*.c.d"]),
    ({"DOMAIN": "a.b", "SECURE_SSL_REDIRECT": "False"}, "CSRF_TRUSTED_ORIGINS", ["http://a.b", "https://a.b"]),
    (
        {"DOMAIN": "a.b", "CSRF_TRUSTED_ORIGINS": "https://a.b:8443, HTTP://*.C.d,https://[::1]:3"},
        "CSRF_TRUSTED_ORIGINS",
        ["https://a.b", "https://a.b:8443", "http://*.c.d", "https://[::1]:3"],
    ),
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
    *(
        ({**PARTS}, f"STORAGES.default.OPTIONS.location.{attribute}", expected)
        for attribute, expected in {
            "bucket": "b-1",
            "key": "KEY",
            "secret": "se/cr+et",
            "region": "eu-west-1",
            "domain": "m.x.org",
            "endpoint": "http://media:9000",
            "signed": False,
        }.items()
    ),
    ({**PARTS, "DEFAULT_STORAGE_DSN": "file:///data/"}, "MEDIA_ROOT", "/data/"),
    ({"DATABASE_URL": POSTGRES}, "DATABASES.default.OPTIONS.keepalives", 1),
    ({"DATABASE_URL": POSTGRES}, "DATABASES.default.OPTIONS.keepalives_idle", 10),
    ({"DATABASE_URL": POSTGRES}, "DATABASES.default.OPTIONS.keepalives_interval", 5),
    ({"DATABASE_URL": POSTGRES}, "DATABASES.default.OPTIONS.keepalives_count", 2),
    ({"DATABASE_URL": POSTGRES}, "DATABASES.default.OPTIONS.tcp_user_timeout", 20_000),
    ({"DATABASE_URL": POSTGRES + "?tcp_user_timeout=900"}, "DATABASES.default.OPTIONS.tcp_user_timeout", 900),
    ({"DATABASE_URL": POSTGRES + "?keepalives=0&sslrootcert=/a.pem"}, "DATABASES.default.OPTIONS.keepalives", 0),
    ({"DATABASE_URL": POSTGRES.replace("postgres", "postgis")}, "DATABASES.default.OPTIONS.keepalives", 1),
    ({"DATABASE_URL": POSTGRES + "?currentSchema=a"}, "DATABASES.default.OPTIONS.options", "-c search_path=a"),
    ({"CACHE_URL": "rediss://cache/?timeout=60&key_prefix=a"}, "CACHES.default.KEY_PREFIX", "a"),
    ({"CACHE_URL": "redis://cache:6379?timeout=none"}, "CACHES.default.TIMEOUT", None),
    ({"CACHE_URL": "redis://cache:6379/0?socket_timeout=3"}, "CACHES.default.OPTIONS", {"socket_timeout": 3}),
    ({"CACHE_URL": "redis://a:1,b:2/0"}, "CACHES.default.LOCATION", ["redis://a:1/0", "redis://b:2/0"]),
    ({"CACHE_URL": "redis:///run/redis.sock"}, "CACHES.default.LOCATION", "unix:///run/redis.sock"),
    ({"CACHE_URL": "filecache:///var/cache"}, "CACHES.default.LOCATION", "/var/cache"),
    ({"CACHE_URL": "locmemcache://?timeout=5"}, "CACHES.default.TIMEOUT", 5),
    ({"EMAIL_URL": "consolemail://"}, "EMAIL_BACKEND", "django.core.mail.backends.console.EmailBackend"),
    ({"EMAIL_URL": "filemail:///var/mail"}, "EMAIL_FILE_PATH", "/var/mail"),
    ({"DEFAULT_FROM_EMAIL": "The site <me@x.org>"}, "SERVER_EMAIL", "The site <me@x.org>"),
    (
        {"SENTRY_DSN": "https://key@sentry.example.com/42"},
        "ENVIRONMENT.sentry_dsn",
        "https://key@sentry.example.com/42",
    ),
    ({"PORT": "80"}, "ENVIRONMENT.port", 80),
    ({"WEB_CONCURRENCY": " 3 "}, "ENVIRONMENT.workers", 3),
]

# Not the one spelling that counts: the safe side.
SAFE_SIDE: list[tuple[dict[str, str], str, object]] = [
    ({"DJANGO_DEBUG": "true"}, "DEBUG", False),
    ({"DJANGO_DEBUG": "1"}, "DEBUG", False),
    ({"DEBUG": "app:*"}, "DEBUG", False),
    ({"DJANGO_BUILD": "yes"}, "ENVIRONMENT.build", False),
    ({"SECURE_SSL_REDIRECT": "false"}, "SECURE_SSL_REDIRECT", True),
    ({"SECURE_SSL_REDIRECT": "0"}, "SECURE_SSL_REDIRECT", True),
    ({"SECURE_HSTS_INCLUDE_SUBDOMAINS": "no"}, "SECURE_HSTS_INCLUDE_SUBDOMAINS", True),
    ({}, "SESSION_COOKIE_SECURE", True),
    ({}, "CSRF_COOKIE_SECURE", True),
    # empty is absent
    ({"DATABASE_URL": "", "DOMAIN": " ", "SECRET_KEY": ""}, "DATABASES.default.NAME", ":memory:"),
]

MALFORMED: list[tuple[dict[str, str], str]] = [
    ({"DATABASE_URL": "nonsense"}, "DATABASE_URL is not a database URL"),
    ({"DATABASE_URL": "postgres://app:hun/ter2@host/db"}, "DATABASE_URL is not a database URL"),
    ({"DATABASE_URL": "postgres://app:hunter2@[host/db"}, "DATABASE_URL is not a database URL"),
    ({"DATABASE_URL": "carrierpigeon://app:hunter2@host/db"}, "DATABASE_URL is not a database URL"),
    ({"DATABASE_URL": "postgres://app:hunter2@host/"}, "DATABASE_URL names no database"),
    ({"DEFAULT_STORAGE_DSN": "/data/media/"}, "DEFAULT_STORAGE_DSN must begin with s3:// or file:///"),
    ({"DEFAULT_STORAGE_DSN": "s3://KEY:hun/ter2@bucket.s3.amazonaws.com/"}, "DEFAULT_STORAGE_DSN is not a URL"),
    (
        {"DEFAULT_STORAGE_DSN": "s3://KEY:hunter2#@bucket.s3.amazonaws.com/"},
        "DEFAULT_STORAGE_DSN has a # or a space",
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
    ({"CSRF_TRUSTED_ORIGINS": "a.b"}, "CSRF_TRUSTED_ORIGINS has 'a.b', which is not an origin, like https://"),
    ({"CSRF_TRUSTED_ORIGINS": "https://a.b/"}, "which is not an origin"),
    ({"CSRF_TRUSTED_ORIGINS": "https://*"}, "which is not an origin"),
    ({"CSRF_TRUSTED_ORIGINS": "ftp://a.b"}, "which is not an origin"),
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
    ({"DEFAULT_DATABASE_DSN": "postgres://app:hun/ter2@host/db"}, "DEFAULT_DATABASE_DSN is not a database URL"),
    ({"DATABASE_URL": " ", "DEFAULT_DATABASE_DSN": "hunter2"}, "DEFAULT_DATABASE_DSN is not a database URL"),
    ({"DATABASE_URL": "postgres://app:5/hunter2@host/db"}, "DATABASE_URL is not a database URL"),
    ({"DATABASE_URL": "postgres://app:5?hunter2@host/db"}, "DATABASE_URL is not a database URL"),
    ({"DATABASE_URL": "postgres://app:5#hunter2@host/db"}, "DATABASE_URL is not a database URL"),
    ({"DATABASE_URL": "postgres://app:hunter2@host:70000/db"}, "DATABASE_URL is not a database URL"),
    ({"DATABASE_URL": "postgres://a:hunter2@host/db?sslmode=bogus"}, "DATABASE_URL has an sslmode that is none of"),
    ({"DATABASE_URL": "postgres://a:b@host/db?sslmode=require&sslmode=disable"}, "has an argument twice"),
    (
        {"DATABASE_URL": "postgres://a:b@host/db?ssl_mode=require"},
        "has unknown options of libpq (did you mean sslmode?).",
    ),
    ({"DATABASE_URL": "postgres://a:b@host/db?hunter2=x"}, "has unknown options of libpq."),
    ({"DATABASE_URL": "postgis://a:b@host/db?connect_timeout=soon"}, "an option connect_timeout that is not a number"),
    ({"DATABASE_URL": "postgres://a:b@host/db?keepalives=true"}, "an option keepalives that is not a number"),
    ({"SECRET_KEY_FALLBACKS": f"{SECRET_KEY},hunter2"}, "SECRET_KEY_FALLBACKS is too weak"),
    ({"SECRET_KEY_FALLBACKS": "django-insecure-" + SECRET_KEY}, "SECRET_KEY_FALLBACKS is too weak"),
    ({"DOMAIN": ".example.com"}, "DOMAIN has '.example.com', which is not one host name"),
    ({"DOMAIN": "a.b,c.d"}, "DOMAIN has 'a.b,c.d', which is not a host name"),
    ({"CACHE_URL": "redis://:hun[ter2@host"}, "CACHE_URL is not a cache URL"),
    ({"CACHE_URL": "redis://:hun/ter2@host:6379/1"}, "CACHE_URL is not a cache URL"),
    ({"CACHE_URL": "redis://:hun?ter2@host:6379/1"}, "CACHE_URL is not a cache URL"),
    ({"CACHE_URL": "redis://:hun#ter2@host:6379/1"}, "CACHE_URL is not a cache URL"),
    ({"CACHE_URL": "redis://:hunter2@host:port/1"}, "CACHE_URL is not a cache URL"),
    ({"CACHE_URL": "redis://host:6379/one"}, "CACHE_URL is not a cache URL"),
    ({"CACHE_URL": "redis://host:6379/0/1"}, "CACHE_URL is not a cache URL"),
    ({"CACHE_URL": "redis://"}, "CACHE_URL is not a cache URL"),
    ({"CACHE_URL": "redis://host?timeout=soon"}, "CACHE_URL has an argument timeout that is not a whole number"),
    ({"CACHE_URL": "redis://host?timeouts=5"}, "has unknown arguments (did you mean timeout?)."),
    ({"CACHE_URL": "redis://host?socket_timeout=-1"}, "an argument socket_timeout that is not a number of seconds"),
    ({"CACHE_URL": "dbcache://"}, "CACHE_URL is not a cache URL"),
    ({"CACHE_URL": "dbcache://a;b"}, "CACHE_URL is not a cache URL"),
    ({"CACHE_URL": "filecache://relative/folder"}, "CACHE_URL is not a cache URL"),
    ({"CACHE_URL": "locmemcache:///hunter2"}, "CACHE_URL is not a cache URL"),
    (
        {"CACHE_URL": "memcache://host"},
        "CACHE_URL asks for pymemcache://, but the package `pymemcache` is",
    ),
    ({"EMAIL_URL": "smtp://"}, "EMAIL_URL is not an e-mail URL"),
    ({"EMAIL_URL": "smtp+tls://me:hunter2@"}, "EMAIL_URL is not an e-mail URL"),
    ({"EMAIL_URL": "smtp://a/hunter2@host"}, "EMAIL_URL is not an e-mail URL"),
    ({"EMAIL_URL": "smtp://a:hunter2@host:port"}, "EMAIL_URL is not an e-mail URL"),
    ({"EMAIL_URL": "smtp://a:hunter2@host?ssl=perhaps"}, "has an argument ssl that is neither true nor false"),
    ({"EMAIL_URL": "filemail://"}, "EMAIL_URL is not an e-mail URL"),
    ({"DEFAULT_FROM_EMAIL": "nobody"}, "DEFAULT_FROM_EMAIL is not an e-mail address"),
    ({"DEFAULT_FROM_EMAIL": "me@x.org, you@x.org"}, "DEFAULT_FROM_EMAIL is not an e-mail address"),
    ({"DEFAULT_FROM_EMAIL": "me@x.org\nBcc: all@x.org"}, "DEFAULT_FROM_EMAIL is not an e-mail address"),
    ({"STATIC_ROOT": "static"}, "STATIC_ROOT is not an absolute folder"),
    ({"STATIC_ROOT": "/"}, "STATIC_ROOT is not an absolute folder"),
    ({"SENTRY_DSN": "https://hunter2@host"}, "SENTRY_DSN is not a Sentry DSN"),
    ({"SENTRY_DSN": "https://hunter2@host/name"}, "SENTRY_DSN is not a Sentry DSN"),
    ({"SENTRY_DSN": "https://hunter2@host:port/1"}, "SENTRY_DSN is not a Sentry DSN"),
    ({"SENTRY_DSN": "https://host/1"}, "SENTRY_DSN is not a Sentry DSN"),
    *(
        ({name: "hunter2"}, f"{name} is set without DEFAULT_STORAGE_BUCKET.")
        for name in PARTS
        if name != "DEFAULT_STORAGE_BUCKET"
    ),
    *(
        ({**PARTS, name: value}, f"DEFAULT_STORAGE_BUCKET, with the other DEFAULT_STORAGE_ variables, {message}")
        for name, value, message in (
            ("DEFAULT_STORAGE_BUCKET", "hunter 2", "names no bucket"),
            ("DEFAULT_STORAGE_ACCESS_KEY_ID", "", "has a key without a secret, or a secret without a key"),
            ("DEFAULT_STORAGE_REGION", "hunter 2", "has an invalid region"),
            ("DEFAULT_STORAGE_CUSTOM_DOMAIN", "https://hunter2", "has an argument domain that is not a host name"),
            ("DEFAULT_STORAGE_ENDPOINT_URL", "hunter2:9000", "has an argument endpoint_url that is not an http"),
        )
    ),
]


@pytest.mark.parametrize("variable", ABSENT)
def test_absent_variable_means_the_safe_default(variable: str) -> None:
    path, expected = ABSENT[variable]
    assert at(settings_of({}), path) == expected


@pytest.mark.parametrize(("environ", "path", "expected"), VALID)
def test_variable_becomes_setting(environ: dict[str, str], path: str, expected: object) -> None:
    assert at(settings_of(environ), path) == expected


@pytest.mark.parametrize(("environ", "path", "expected"), SAFE_SIDE)
def test_what_is_not_the_exact_word_is_on_the_safe_side(environ: dict[str, str], path: str, expected: object) -> None:
    assert at(settings_of(environ), path) == expected


@pytest.mark.parametrize(("environ", "message"), MALFORMED)
def test_malformed_value_is_named_without_its_secret(environ: dict[str, str], message: str) -> None:
    with pytest.raises(InvalidEnvironmentError) as caught:
        read(environ)
    assert message in str(caught.value)
    assert len(caught.value.problems) == 1
    assert "hun" not in everything_said(caught.value), "nor a part of it"


def everything_said(error: BaseException) -> str:
    """Message and arguments of an error and of all errors behind it, hidden ones included."""
    behind = [each for each in (error.__cause__, error.__context__) if each]
    own = traceback.format_exception_only(error)
    return "".join([*own, repr(error.args), *(everything_said(each) for each in behind)])


LOOSE = [
    "{}://a:hunter2@[host/1",
    "{}://a:hunter2@host:hunter2/1",
    "{}://a:hun/ter2@host/1",
    "{}://a:hun#ter2@host/1",
    "{}://a:5?hunter2=hunter2@host/1",
    "{}://a:hunter2@host:99999999/1?hunter2=hunter2&hunter&endpoint_url=http://[hunter2",
    "hunter2",
]


@pytest.mark.parametrize(
    "parse",
    [
        *(storage_dsn.parse, database_url.database, cache_url.cache, email_url.email),
        *(values.sentry, values.mail_address, values.folder),
    ],
)
def test_no_error_has_another_one_behind_it_that_repeats_the_secret(parse: Callable[[str], Any]) -> None:
    """A library's ValueError does, and would stay in `__context__` behind `from None`, for error reporters to see."""
    said = []
    for scheme, text in product(["s3", "file", "postgres", "redis", "smtp+tls", "https", "hunter2"], LOOSE):
        try:
            parse(text.format(scheme))
        except MalformedError as error:
            said.append(everything_said(error))
    assert said
    assert not [line for line in said if "hun" in line]


def test_an_error_that_nobody_thought_of_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    def careless(text: str) -> None:
        raise RuntimeError(text)

    monkeypatch.setattr("django_stack.variables.cache", careless)
    with pytest.raises(InvalidEnvironmentError, match=r"^CACHE_URL cannot be read\.$") as caught:
        read({"CACHE_URL": "hunter2"})
    assert "hunter2" not in everything_said(caught.value)


def test_every_documented_variable_has_its_three_rows() -> None:
    """The table of docs/variables.md: absent, valid, malformed."""
    page = (APP.parent / "docs" / "variables.md").read_text()
    section = page.partition("## Every variable")[2].partition("\n## ")[0]
    table = re.findall(r"^\| (`[^|]+) \|", section, re.MULTILINE)
    documented = {name for cell in table for name in re.findall(r"`([A-Z_]+)`", cell)}
    assert documented == set(ABSENT)
    assert {name for environ, *_ in VALID for name in environ} >= documented
    third = {name for rows in (MALFORMED, SAFE_SIDE) for environ, *_ in rows for name in environ}
    assert third | ANY_TEXT >= documented


def test_the_docs_table_of_other_spellings_is_true() -> None:
    """docs/variables.md, "Coming from elsewhere": each scheme in its middle column is understood."""
    page = (APP.parent / "docs" / "variables.md").read_text()
    rows = re.findall(r"^\|([^|]+)\|([^|]+)\|([^|]*)\|$", page.partition("## Coming from elsewhere")[2], re.MULTILINE)
    schemes = set(re.findall(r"`([a-z+]+)://", "".join(middle for _, middle, _ in rows)))
    assert {"psql", "valkey", "submission", "rediss"} <= schemes
    known = {*database_url.ENGINES, *cache_url.SCHEMES, *email_url.SCHEMES}
    assert schemes <= known
    words = set(re.findall(r"([a-z_A-Z]+)=", "".join(middle for _, middle, _ in rows)))
    libpq = {"sslmode", "channel_binding", "options"}
    assert words <= {*database_url.SETTINGS, *database_url.DJANGO_OPTIONS, *libpq, "currentSchema", "ssl"} | {
        *cache_url.REDIS,
        *email_url.SMTP,
    }


@given(st.dictionaries(st.sampled_from(sorted(ANY_TEXT)), st.text(max_size=60)))
def test_free_text_is_taken_as_it_is(environ: dict[str, str]) -> None:
    found = settings_of(environ)
    assert all(found[name] == text.strip() for name, text in environ.items())


# What a project had defined before


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
    page = (APP.parent / "docs" / "bring-your-own.md").read_text()
    section = page.partition("### What apply overwrites")[2].partition("\n### ")[0]
    named = re.findall(r"`([A-Z_]+\*?)`", section)
    assert [name for name in lost if not any(fnmatch(name, each) for each in named)] == []
    assert [each for each in named if not any(fnmatch(name, each) for name in lost)] == []


@pytest.mark.parametrize("name", ["CACHES", "DATABASES", "STORAGES"])
def test_a_projects_other_aliases_are_kept(name: str) -> None:
    mine = {"BACKEND": "mine"}
    found = environment_settings.settings(read(CLOUD), {name: {"other": mine, "default": mine}})[name]
    assert found["other"] == mine
    assert found["default"] != mine, "where the default one is, the stack says"


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


@pytest.mark.report("tabbycat#1841")
@pytest.mark.parametrize(
    ("value", "said"),
    [
        ('"postgres://u:hunter2@h/d"', 'is in quotes ("), which are not part of the value: remove them.'),
        ("'redis://:hunter2@h'", "is in quotes ('), which are not part of the value: remove them."),
        ("{name}=postgres://u:hunter2@h/d", "begins with its own name: write only what comes after {name}=."),
        ("export {name}=smtp://u:hunter2@h", "begins with its own name: write only what comes after {name}=."),
        ("${{{name}}}", "is a placeholder that was not filled in: write the value itself."),
        ("${name}", "is a placeholder that was not filled in: write the value itself."),
        ("$(cat /run/secrets/hunter2)", "is a placeholder that was not filled in: write the value itself."),
    ],
)
@pytest.mark.parametrize("name", ["DATABASE_URL", "CACHE_URL", "EMAIL_URL", "DEFAULT_STORAGE_DSN"])
def test_what_is_around_a_value_is_named(name: str, value: str, said: str) -> None:
    with pytest.raises(InvalidEnvironmentError) as caught:
        read({name: value.format(name=name)})
    assert caught.value.problems == [f"{name} {said.format(name=name)}"]


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
