"""DATABASE_URL in the spellings of dj-database-url and django-environ, which are asked, and of other drivers.

Every scheme and every option that they know means what it means there, or is refused with the right form named.
"""

from __future__ import annotations

import re
import sqlite3
import warnings
from typing import Any

import dj_database_url
import pytest
from django_stack.database_url import TIMEOUTS, database
from django_stack.malformed import MalformedError
from environ import Env

from tests.app.environment import everything_said

pytestmark = pytest.mark.report("tabbycat#1841")

PLACE = ("ENGINE", "NAME", "USER", "PASSWORD", "HOST", "PORT")
POSTGRES = "postgres://me:hun%2Fter2@host:5433/name"
NO_FIRST_DATABASE = {"ldap"}
IN_THE_IMAGE = {"postgres", "postgresql", "psql", "pgsql", "postgis", "sqlite", "spatialite"}
WITHOUT_A_HOST = {"sqlite", "spatialite", "prometheus_sqlite", "prometheus_spatialite"}


def of_postgres(query: str) -> dict[str, Any]:
    """The settings of a database but its place and libpq's patience."""
    config = database(f"{POSTGRES}?{query}")
    options = {name: value for name, value in config["OPTIONS"].items() if TIMEOUTS.get(name) != value}
    return {**config, "OPTIONS": options}


def what_libraries_say(scheme: str) -> list[dict[str, Any]]:
    """The place of a database by both libraries, as far as they know the scheme."""
    tail = ":///folder/db.sqlite3" if scheme in WITHOUT_A_HOST else "://me:hun%2Fter2@host:5433/name"
    found: list[dict[str, Any]] = []
    if scheme in dj_database_url.ENGINE_SCHEMES:
        found.append(dict(dj_database_url.parse(f"{scheme}{tail}")))
    if scheme in Env.DB_SCHEMES:
        # no scheme has an underscore in Python's urlsplit, so that django-environ's own names fail there
        found.append({**Env.db_url_config(f"{scheme.replace('_', '')}{tail}"), "ENGINE": Env.DB_SCHEMES[scheme]})
    return [{name: config.get(name, "") for name in PLACE} for config in found]


@pytest.mark.usefixtures("everything_installed")
@pytest.mark.parametrize("scheme", sorted({*dj_database_url.ENGINE_SCHEMES, *Env.DB_SCHEMES} - NO_FIRST_DATABASE))
def test_every_scheme_of_a_database_means_the_same(scheme: str) -> None:
    tail = ":///folder/db.sqlite3" if scheme in WITHOUT_A_HOST else "://me:hun%2Fter2@host:5433/name"
    config = database(scheme + tail)
    with warnings.catch_warnings(action="ignore"):
        readings = what_libraries_say(scheme)
    place = {name: str(config[name]) for name in PLACE}
    assert place in [{name: str(value) for name, value in each.items()} for each in readings]


@pytest.mark.parametrize("scheme", sorted({*dj_database_url.ENGINE_SCHEMES, *Env.DB_SCHEMES}))
def test_a_scheme_whose_package_is_missing_names_the_package(scheme: str) -> None:
    url = f"{scheme}:///folder/db" if scheme in WITHOUT_A_HOST else f"{scheme}://me:hunter2@host/name"
    if scheme in IN_THE_IMAGE:
        assert database(url)["ENGINE"].startswith("django.")
        return
    with pytest.raises(MalformedError, match=r"package `[a-z-]+` is not|can't be Django's first database") as caught:
        database(url)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("scheme", ["postgresql+psycopg", "postgresql+psycopg2", "postgres+asyncpg", "PostgreSQL"])
def test_a_driver_named_as_in_sqlalchemy_is_left_to_django(scheme: str) -> None:
    assert database(f"{scheme}://me:p@host/name")["ENGINE"] == "django.db.backends.postgresql"


@pytest.mark.parametrize(
    ("query", "name", "expected"),
    [
        ("conn_max_age=0", "CONN_MAX_AGE", 0),
        ("CONN_MAX_AGE=600", "CONN_MAX_AGE", 600),
        ("conn_max_age=None", "CONN_MAX_AGE", None),
        ("conn_health_checks=False", "CONN_HEALTH_CHECKS", False),
        ("atomic_requests=True", "ATOMIC_REQUESTS", True),
        ("autocommit=False", "AUTOCOMMIT", False),
        ("disable_server_side_cursors=True", "DISABLE_SERVER_SIDE_CURSORS", True),
    ],
)
def test_a_connections_settings_are_read_as_by_django_environ(query: str, name: str, expected: object) -> None:
    assert Env.db_url_config(f"{POSTGRES}?{query}")[name] == expected
    assert of_postgres(query)[name] == expected
    assert of_postgres(query)["OPTIONS"] == {}


def test_every_setting_that_django_environ_reads_is_known() -> None:
    for name in Env._DB_BASE_OPTIONS:
        assert of_postgres(f"{name}=1")[name] in (1, True)
        assert of_postgres(f"{name.lower()}=true" if name != "CONN_MAX_AGE" else f"{name}=1")[name] in (1, True)


@pytest.mark.parametrize(
    "query",
    [
        "sslmode=require",
        "sslmode=require&channel_binding=require",  # Neon
        "options=endpoint%3Dep-a-1",  # Neon, for old clients
        "currentSchema=shop",
        "options=-c%20statement_timeout%3D5000",
        "application_name=a&target_session_attrs=read-write",
        "sslmode=verify-full&sslrootcert=/ca.pem",
        "connect_timeout=9&keepalives=0",
        "host=/var/run/postgresql",
        "server_side_binding=true",
        "isolation_level=4",
        "assume_role=app",
    ],
)
def test_options_are_read_as_by_dj_database_url(query: str) -> None:
    assert of_postgres(query)["OPTIONS"] == dj_database_url.parse(f"{POSTGRES}?{query}")["OPTIONS"]


@pytest.mark.parametrize(
    ("query", "mode"),
    [
        ("ssl=true", "require"),
        ("ssl=1", "require"),
        ("ssl_require=true", "require"),
        ("ssl=require", "require"),
        ("ssl=verify-full", "verify-full"),
        ("ssl=true&sslmode=verify-full", "verify-full"),
        ("sslmode=no-verify", "require"),
        ("ssl=false", "disable"),
    ],
)
def test_tls_in_other_words_is_as_strict_as_there(query: str, mode: str) -> None:
    assert of_postgres(query)["OPTIONS"] == {"sslmode": mode}


def test_no_wish_for_tls_is_no_wish_against_it() -> None:
    assert of_postgres("ssl_require=false")["OPTIONS"] == {}


def test_a_schema_and_other_options_go_together() -> None:
    assert of_postgres("options=endpoint%3Dep-1&currentSchema=a")["OPTIONS"] == {
        "options": "endpoint=ep-1 -c search_path=a"
    }


@pytest.mark.parametrize(
    ("url", "host", "port", "name"),
    [
        ("postgres://me:p@a:5432,b:5433/db", "a,b", "5432,5433", "db"),
        ("postgres://me:p@a,b:5433/db", "a,b", "5432,5433", "db"),
        ("postgres://me:p@%2FVar%2Frun/db", "/Var/run", "", "db"),
        ("postgres:////cloudsql/project:region:x/db", "/cloudsql/project:region:x", "", "db"),
        ("postgres://me:p@//cloudsql/project:region:x/db", "/cloudsql/project:region:x", "", "db"),
        ("postgres:///db", "", "", "db"),
        ("postgres://me:p@host/%2Fdb", "host", "", "/db"),
    ],
)
def test_sockets_and_several_servers(url: str, host: str, port: str, name: str) -> None:
    config = database(url)
    assert (config["HOST"], config["PORT"], config["NAME"]) == (host, port, name)


@pytest.mark.usefixtures("everything_installed")
@pytest.mark.parametrize("query", ["pool=true", "pool=1", "pool=True&conn_max_age=0"])
def test_a_pool_keeps_the_connections_instead_of_django(query: str) -> None:
    config = of_postgres(query)
    assert (config["OPTIONS"], config["CONN_MAX_AGE"], config["CONN_HEALTH_CHECKS"]) == ({"pool": True}, 0, True)


def test_no_pool_is_how_it_is() -> None:
    assert of_postgres("pool=false")["CONN_MAX_AGE"] == 60


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("sqlite:///db.sqlite3", "db.sqlite3"),
        ("sqlite:////data/db.sqlite3?timeout=20&transaction_mode=IMMEDIATE", "/data/db.sqlite3"),
        ("sqlite://", ":memory:"),
        ("sqlite://:memory:", ":memory:"),
        ("sqlite:///:memory:", ":memory:"),
    ],
)
def test_a_sqlite_path(url: str, name: str) -> None:
    assert database(url)["NAME"] == name == dj_database_url.parse(url)["NAME"]


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("sqlite:///file::memory:?cache=shared", "file::memory:?cache=shared"),
        ("sqlite:///file:shop?mode=memory&cache=shared&timeout=5", "file:shop?mode=memory&cache=shared"),
    ],
)
def test_the_query_of_a_sqlite_uri_belongs_to_its_name(url: str, name: str) -> None:
    config = database(url)
    assert (config["NAME"], config["OPTIONS"]) == (name, {"timeout": 5} if "timeout" in url else {})
    with sqlite3.connect(config["NAME"], uri=True, **config["OPTIONS"]) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


REFUSED_DATABASES = [
    (f"{POSTGRES}?pool=5", "an argument pool that is neither true nor false"),
    (f"{POSTGRES}?schema=public", "write currentSchema=NAME"),
    (f"{POSTGRES}?pgbouncer=true", "write disable_server_side_cursors=true"),
    (f"{POSTGRES}?connection_limit=1", "connections follow from"),
    (f"{POSTGRES}?sslaccept=strict", "write sslmode=verify-full"),
    (f"{POSTGRES}?timeout=5", "write connect_timeout=SECONDS"),
    (f"{POSTGRES}?ssl=perhaps", "an argument ssl that is neither true nor false"),
    (f"{POSTGRES}?ssl=true&sslmode=disable", "contradicts its sslmode"),
    (f"{POSTGRES}?ssl=false&sslmode=require", "contradicts its sslmode"),
    (f"{POSTGRES}?conn_max_age=long", "an argument conn_max_age that is neither"),
    (f"{POSTGRES}?atomic_requests=maybe", "an argument atomic_requests that is neither true nor false"),
    (f"{POSTGRES}?isolation_level=9", "isolation_level that is none of"),
    (f"{POSTGRES}?hunter2=", "unknown options of libpq"),
    ("postgres://me:hunter2@/cloudsql/project:region:instance/db", "a socket is postgres://USER:PASSWORD@/NAME?host="),
    ("postgres://me:hunter2@host/db/", "has a slash in its database's name. Write %2F there"),
    (f"psql '{POSTGRES}'", "is a command of a shell: write only the URL in it"),
    ("jdbc:postgresql://host:5432/db?user=me&password=hunter2", "write postgres://USER:PASSWORD@HOST:5432/NAME"),
    ("timescaledb://me:hunter2@host/db", "write timescale://"),
    ("sqlite3:///db", "write sqlite:///PATH"),
    ("mariadb://me:hunter2@host/db", "write mysql://"),
    ("prisma://me:hunter2@host/db", "write the database's own"),
    ("sqlite://db.sqlite3", "sqlite:///relative/path, or sqlite:////absolute/path"),
    ("sqlite:///db?mode=memory", "unknown options of SQLite"),
    ("postgres://me:hunter2@a,b:port/db", "is not a database URL"),
    ("postgres://me:hun#ter2@host/db", "a password URL-encoded: / # ? @ [ ] % are %2F %23"),
    ("postgres://me:hun?ter2@host/db", "a password URL-encoded"),
]


@pytest.mark.parametrize(("url", "message"), REFUSED_DATABASES)
def test_what_has_no_meaning_is_refused_with_the_right_form(url: str, message: str) -> None:
    with pytest.raises(MalformedError, match=re.escape(message)) as caught:
        database(url)
    assert "hun" not in everything_said(caught.value)


def test_a_pool_needs_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("django_stack.urls.find_spec", lambda name: None if name == "psycopg_pool" else object())
    with pytest.raises(MalformedError, match="asks for pool=true, but the package `psycopg-pool` is not installed"):
        of_postgres("pool=true")


@pytest.mark.usefixtures("everything_installed")
def test_a_pool_and_persistent_connections_are_refused_together() -> None:
    with pytest.raises(MalformedError, match="Remove one"):
        of_postgres("pool=true&conn_max_age=60")
