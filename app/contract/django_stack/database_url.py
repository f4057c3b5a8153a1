"""DATABASE_URL: an entry of DATABASES, in the spellings of dj-database-url, django-environ and libpq.

    postgres://USER:PASSWORD@HOST:5432/NAME?sslmode=require

Spellings of other tools (Prisma, for instance) are refused, and the error says what to write here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import Any
from urllib.parse import unquote, urlencode

import dj_database_url

from django_stack.malformed import MalformedError, attempt, known_only
from django_stack.urls import ENCODED, arguments_of, host_of, installed, url_parts, yes_or_no

# Makes libpq give up after 20 s on a server that disappeared without a word (a fail-over, a cut cable). In seconds,
# except tcp_user_timeout (for unacknowledged data) in milliseconds. The query of DATABASE_URL overrides these.
TIMEOUTS = {
    "connect_timeout": 5,
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 2,
    "tcp_user_timeout": 20_000,
}
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
VERIFIED = ("verify-ca", "verify-full")
# Django's own entries of OPTIONS, besides libpq's: docs.djangoproject.com/en/5.2/ref/databases
DJANGO_OPTIONS = {"assume_role", "isolation_level", "pool", "prepare_threshold", "server_side_binding"}
SQLITE_OPTIONS = {"cached_statements", "check_same_thread", "init_command", "timeout", "transaction_mode"}
SQLITE_URI = {"cache", "immutable", "mode", "nolock", "psow", "vfs"}  # sqlite.org/uri.html, for a name with file:
# Settings of a database that django-environ reads from the query.
SETTINGS = {"atomic_requests", "autocommit", "conn_health_checks", "conn_max_age", "disable_server_side_cursors"}

# Arguments of other tools, each with what to write instead.
INSTEAD = {
    "connection_limit": "it is Prisma's; connections follow from the number of worker processes, or from pool=true",
    "encrypt": "write sslmode=require",
    "pgbouncer": "it is Prisma's; write disable_server_side_cursors=true",
    "pool_max_conns": "it is pgx's; write pool=true",
    "pool_mode": "it is Supabase's; write disable_server_side_cursors=true for a pooler in transaction mode",
    "pool_size": "it is SQLAlchemy's; write pool=true",
    "pool_timeout": "it is Prisma's; write connect_timeout=SECONDS",
    "prepared_statements": "Django prepares none; remove it",
    "prepareThreshold": "it is JDBC's; Django prepares none, remove it",
    "schema": "it is Prisma's; write currentSchema=NAME",
    "search_path": "write currentSchema=NAME",
    "socket_timeout": "it is Prisma's; write tcp_user_timeout=MILLISECONDS",
    "sslaccept": "it is Prisma's; write sslmode=verify-full, or sslmode=require for sslaccept=accept_invalid_certs",
    "sslrequire": "write sslmode=require",
    "statement_cache_size": "it is Prisma's; Django prepares none, remove it",
    "statement_timeout": "write options=-c%20statement_timeout%3DMILLISECONDS",
    "timeout": "write connect_timeout=SECONDS",
}


@dataclass(frozen=True)
class Engine:
    """The backend of a scheme; `like` is dj-database-url's scheme of the same form, `module` what the backend needs."""

    like: str
    backend: str
    module: str = ""
    package: str = ""


PG, GIS, PROMETHEUS = "django.db.backends.postgresql", "django.contrib.gis.db.backends", "django_prometheus.db.backends"
MYSQL, MYSQL_CONNECTOR = ("MySQLdb", "mysqlclient"), ("mysql.connector", "mysql-connector-python")
METRICS = ("django_prometheus", "django-prometheus")
TIMESCALE = ("timescale", "django-timescaledb")
COCKROACH = ("django_cockroachdb", "django-cockroachdb")
ENGINES = {
    **dict.fromkeys(("postgres", "postgresql", "psql", "pgsql"), Engine("postgres", PG)),
    "postgis": Engine("postgres", f"{GIS}.postgis"),
    "timescale": Engine("postgres", "timescale.db.backends.postgresql", *TIMESCALE),
    "timescalegis": Engine("postgres", "timescale.db.backends.postgis", *TIMESCALE),
    "prometheus_postgresql": Engine("postgres", f"{PROMETHEUS}.postgresql", *METRICS),
    "prometheus_postgis": Engine("postgres", f"{PROMETHEUS}.postgis", *METRICS),
    **dict.fromkeys(("cockroach", "cockroachdb"), Engine("postgres", "django_cockroachdb", *COCKROACH)),
    "redshift": Engine("postgres", "django_redshift_backend", "django_redshift_backend", "django-redshift-backend"),
    "sqlite": Engine("sqlite", "django.db.backends.sqlite3"),
    "spatialite": Engine("sqlite", f"{GIS}.spatialite"),
    "prometheus_sqlite": Engine("sqlite", f"{PROMETHEUS}.sqlite3", *METRICS),
    "prometheus_spatialite": Engine("sqlite", f"{PROMETHEUS}.spatialite", *METRICS),
    **dict.fromkeys(("mysql", "mysql2"), Engine("mysql", "django.db.backends.mysql", *MYSQL)),
    "mysqlgis": Engine("mysqlgis", f"{GIS}.mysql", *MYSQL),
    "mysql-connector": Engine("mysql-connector", "mysql.connector.django", *MYSQL_CONNECTOR),
    "prometheus_mysql": Engine("mysql", f"{PROMETHEUS}.mysql", *METRICS),
    "oracle": Engine("oracle", "django.db.backends.oracle", "oracledb", "oracledb"),
    "oraclegis": Engine("oracle", f"{GIS}.oracle", "oracledb", "oracledb"),
    # dj-database-url's mssql:// is sql_server.pyodbc, which ended with Django 3; django-environ's is its successor
    **dict.fromkeys(("mssql", "mssqlms"), Engine("mssqlms", "mssql", "mssql", "mssql-django")),
    "pyodbc": Engine("mssql", "sql_server.pyodbc", "sql_server", "django-mssql-backend"),
}
# Backends that do what Django's own for PostgreSQL does, and more.
EXTENDED = {ENGINES[scheme].backend for scheme in ("postgis", "prometheus_postgresql", "prometheus_postgis")}
# Schemes of other tools, each with what to write instead.
OTHER_SCHEMES = {
    "jdbc:postgresql": "write postgres://USER:PASSWORD@HOST:5432/NAME",
    "ldap": "can't be Django's first database; define it in the project's own settings under another alias",
    "mariadb": "write mysql://",
    "prisma": "is Prisma's own proxy; write the database's own postgres://USER:PASSWORD@HOST:5432/NAME",
    "prisma+postgres": "is Prisma's own proxy; write the database's own postgres://USER:PASSWORD@HOST:5432/NAME",
    "sqlite3": "write sqlite:///PATH",
    "timescaledb": "write timescale://, or postgres:// without the package django-timescaledb",
}


def database(text: str) -> dict[str, Any]:
    """An entry of DATABASES: persistent connections that are checked before use and given up on after seconds."""
    if text.startswith("psql "):  # as Neon and Render have it to copy
        raise MalformedError("is a command of a shell: write only the URL in it.")
    scheme, _, rest = text.partition("://")
    scheme = re.sub(r"^(postgres|postgresql)\+[a-z0-9_]+$", r"\1", scheme.lower())  # SQLAlchemy's names a driver
    if scheme in OTHER_SCHEMES:
        raise MalformedError(f"has the scheme {scheme}://, which has no meaning here: {OTHER_SCHEMES[scheme]}.")
    engine = ENGINES.get(scheme)
    parts = url_parts(f"{engine.like}://{rest}") if engine else None
    if engine is None or parts is None:
        raise MalformedError(f"is not a database URL (postgres://USER:PASSWORD@HOST:5432/NAME, {ENCODED}).")
    installed(f"{scheme}://", engine.module, engine.package)
    login, at, hosts = parts.netloc.rpartition("@")
    if engine.like == "sqlite" and parts.netloc not in ("", ":memory:"):
        raise MalformedError("has a host, but SQLite has none: sqlite:///relative/path, or sqlite:////absolute/path.")
    arguments = arguments_of(parts.query)
    settings = settings_of({name.lower(): value for name, value in arguments.items()})
    spelled = {name: value for name, value in arguments.items() if name.lower() not in SETTINGS}
    if engine.like == "postgres":
        spelled = libpq_arguments(spelled)
    several = engine.like == "postgres" and "," in hosts
    url = f"{engine.like}://{login}{at}{'several' if several else hosts}{parts.path}"
    query = f"?{urlencode(spelled)}" if spelled else ""
    found = attempt(
        lambda: dict(dj_database_url.parse(url + query, engine.backend, conn_max_age=60, conn_health_checks=True))
    )
    if found is None:
        raise MalformedError(f"is not a database URL (postgres://USER:PASSWORD@HOST:5432/NAME, {ENCODED}).")
    config = {**found, **settings}
    if engine.like == "sqlite":
        config |= sqlite_file(config, spelled)
    if engine.like == "postgres":
        config |= servers(hosts, parts.path)
        if not config["NAME"]:
            raise MalformedError("names no database (postgres://USER:PASSWORD@HOST:5432/NAME).")
        config["OPTIONS"] = {**TIMEOUTS, **checked(config.get("OPTIONS", {}))}
        if config["OPTIONS"].get("pool"):
            config["CONN_MAX_AGE"] = pooled(settings)
    return config


def settings_of(arguments: dict[str, str]) -> dict[str, Any]:
    """Django's own settings of a connection among the arguments."""
    found: dict[str, Any] = {}
    for name in sorted(SETTINGS & arguments.keys()):
        text = arguments[name]
        if name != "conn_max_age":
            found[name.upper()] = yes_or_no(name, text)
        elif text.lower() == "none":
            found[name.upper()] = None
        elif re.fullmatch(r"[0-9]{1,9}", text):
            found[name.upper()] = int(text)
        else:
            raise MalformedError("has an argument conn_max_age that is neither a whole number of seconds nor None.")
    return found


def sqlite_file(config: dict[str, Any], arguments: dict[str, str]) -> dict[str, Any]:
    """NAME and OPTIONS of a file, or of a URI like file:shop?mode=ro, whose query belongs to its name."""
    uri = SQLITE_URI if config["NAME"].startswith("file:") else set()
    known_only(arguments, SQLITE_OPTIONS | uri, "options of SQLite")
    query = urlencode({name: value for name, value in arguments.items() if name in uri})
    options = {name: value for name, value in config.get("OPTIONS", {}).items() if name not in uri}
    return {"NAME": config["NAME"] + (f"?{query}" if query else ""), "OPTIONS": options}


def libpq_arguments(arguments: dict[str, str]) -> dict[str, str]:
    """The arguments of a PostgreSQL URL in libpq's spelling. Unknown ones are refused now, not at the first connection.

    libpq itself translates `ssl=true` in a URL (postgresql.org/docs/current/libpq-connect.html, "instances of parameter
    ssl=true are translated"); `no-verify` is node-postgres's, `currentSchema` is JDBC's and dj-database-url's.
    """
    rest = {name: value for name, value in arguments.items() if name not in ("ssl", "ssl_require")}
    known_only(rest, options_of_libpq(rest) | DJANGO_OPTIONS | {"currentSchema"}, "options of libpq", INSTEAD)
    if rest.get("sslmode") == "no-verify":
        rest["sslmode"] = "require"
    for name in ("ssl", "ssl_require"):
        value = arguments.get(name, "")
        if not value or (name == "ssl_require" and not yes_or_no(name, value)):
            continue  # as in dj-database-url: nothing is asked for
        mode = value if value in SSL_MODES else "require" if yes_or_no(name, value) else "disable"
        if rest.setdefault("sslmode", mode) != mode and not (mode == "require" and rest["sslmode"] in VERIFIED):
            raise MalformedError(f"has an argument {name} that contradicts its sslmode; remove {name}.")
    if rest.get("options") and rest.get("currentSchema"):
        rest["options"] += f" -c search_path={rest.pop('currentSchema')}"
    return rest


def options_of_libpq(names: Iterable[str]) -> set[str]:
    """The options of libpq by the driver that is installed: all of them, or by psycopg2 those of `names`."""
    if find_spec("psycopg"):
        from psycopg import pq  # noqa: PLC0415  (another database does not need it)

        return {option.keyword.decode() for option in pq.Conninfo.get_defaults()}
    installed("PostgreSQL", "psycopg2", "psycopg[binary]")
    from psycopg2 import extensions  # noqa: PLC0415

    return {name for name in names if attempt(partial(extensions.parse_dsn, f"{name}=1")) is not None}


def servers(hosts: str, path: str) -> dict[str, str]:
    """HOST, PORT and NAME of addresses that dj-database-url does not parse: several servers, or a socket's folder.

    libpq tries a:5432,b:5433/NAME in turn; django-environ writes a folder as postgres:////cloudsql/x/NAME.
    """
    if path.startswith("//"):
        folder, _, name = path[1:].rpartition("/")
        return {"HOST": unquote(folder), "NAME": unquote(name)}
    if "/" in path[1:]:
        raise MalformedError(
            "has a slash in its database's name. Write %2F there; a socket is postgres://USER:PASSWORD@/NAME"
            "?host=/FOLDER."
        )
    if "%2f" in hosts.lower():
        return {"HOST": unquote(re.sub(r":\d+$", "", hosts))}  # case-sensitive, unlike a host name
    if "," not in hosts:
        return {}
    found = [re.fullmatch(r"(.+?)(?::(\d+))?", host) for host in hosts.split(",") if host_of(host)]
    if len(found) != len(hosts.split(",")):
        raise MalformedError(f"is not a database URL (postgres://USER:PASSWORD@HOST:5432,HOST:5432/NAME, {ENCODED}).")
    ports = [match[2] or "5432" for match in found if match]
    return {"HOST": ",".join(match[1].strip("[]") for match in found if match), "PORT": ",".join(ports)}


def checked(options: dict[str, Any]) -> dict[str, Any]:
    """The options of a PostgreSQL connection, checked and with the types that libpq and Django take."""
    if options.get("sslmode", "prefer") not in SSL_MODES:
        raise MalformedError(f"has an sslmode that is none of {', '.join(SSL_MODES)}.")
    for name in (TIMEOUTS.keys() | {"isolation_level", "prepare_threshold"}) & options.keys():
        if type(options[name]) is not int:
            raise MalformedError(f"has an option {name} that is not a number.")
    for name in {"pool", "server_side_binding"} & options.keys():
        options[name] = yes_or_no(name, str(options[name]))
    if options.get("isolation_level", 1) not in (1, 2, 3, 4):
        raise MalformedError("has an isolation_level that is none of 1 (read uncommitted) to 4 (serializable).")
    return options


def pooled(settings: dict[str, Any]) -> int:
    """CONN_MAX_AGE with Django's connection pool, which keeps connections itself."""
    installed("pool=true", "psycopg_pool", "psycopg-pool")
    if settings.get("CONN_MAX_AGE", 0) != 0:
        raise MalformedError("has pool=true and a conn_max_age: Django's pool keeps connections itself. Remove one.")
    return 0
