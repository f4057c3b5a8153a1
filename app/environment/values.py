"""Reads one value each: text in, the typed value out, or a `MalformedError` that says what is wrong and never a secret.

A library's own error may repeat a part of a password. Its words are never passed on, and ours are said outside of its
handler, so that it is not found behind them either (`__context__`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from difflib import get_close_matches
from email.utils import parseaddr
from importlib.util import find_spec
from pathlib import PurePath
from typing import Any, TypeVar
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

import dj_database_url
from django.core.validators import validate_email
from environ import Env

T = TypeVar("T")

# What libpq does about a server that is gone without a word (a fail-over, a cut cable): it gives up after 20 s.
# Seconds, but tcp_user_timeout (for data that nobody acknowledges) milliseconds. A DATABASE_URL's own query wins.
PATIENCE = {
    "connect_timeout": 5,
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 2,
    "tcp_user_timeout": 20_000,
}
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
DJANGO_OPTIONS = {"assume_role", "server_side_binding"}  # what Django itself reads in OPTIONS, besides libpq's own

# Schemes of CACHE_URL, each with the package that it needs.
CACHES = {
    "redis": "redis",
    "rediss": "redis",
    "pymemcache": "pymemcache",
    "pylibmc": "pylibmc",
    "dbcache": "",
    "filecache": "",
    "locmemcache": "",
    "dummycache": "",
}
CACHE_ARGUMENTS = {"timeout", "key_prefix", "version"}
REDIS_NUMBERS = {"socket_timeout", "socket_connect_timeout", "health_check_interval", "max_connections"}
REDIS_ARGUMENTS = {*REDIS_NUMBERS, "ssl_ca_certs"}


class MalformedError(ValueError):
    """What is wrong with a value, as the end of a sentence that begins with the variable's name; never a secret."""


def attempt(read: Callable[[], T]) -> T | None:
    """What `read` returns, or None in place of any error."""
    try:
        return read()
    except Exception:
        return None


def url_parts(text: str) -> SplitResult | None:
    """The parts of a URL, or None if it is none: an @ behind the host is a password that was not URL-encoded."""
    parts = attempt(lambda: urlsplit(text))
    if parts is None or parts.fragment or "@" in parts.path + parts.query or re.search(r"[\x00-\x1f\x7f]", text):
        return None
    return parts


def known_only(arguments: Iterable[str], known: Collection[str], what: str = "arguments") -> None:
    """Refuses an argument that has no meaning here: a typo would silently change what is connected to, or how.

    It is not repeated, as it could be a piece of a secret that was not URL-encoded; what was meant perhaps is said.
    """
    if unknown := set(arguments) - set(known):
        near = {meant for name in unknown for meant in get_close_matches(name, known, n=1)}
        hint = f" (did you mean {', '.join(sorted(near))}?)" if near else ""
        rest = f"; known are {', '.join(sorted(known))}" if len(known) < 12 else ""
        raise MalformedError(f"has unknown {what}{hint}{rest}.")


def words(text: str) -> tuple[str, ...]:
    """A comma list without blanks."""
    return tuple(word.strip() for word in text.split(",") if word.strip())


def secret_key(text: str) -> str:
    """Django's own measure of a good key (security.W009), applied before a server starts."""
    if len(text) < 50 or len(set(text)) < 5 or text.startswith("django-insecure-"):
        raise MalformedError("is too weak: it needs 50 random characters or more, and not the ones of `startproject`.")
    return text


def secret_keys(text: str) -> tuple[str, ...]:
    """A comma list of keys: an old one still signs sessions, so it must be as good as a new one."""
    return tuple(secret_key(word) for word in words(text))


HOST = re.compile(r"\.?[a-z0-9_]([a-z0-9_.-]*[a-z0-9])?|\[[0-9a-f:.]+\]", re.IGNORECASE)


def host_name(text: str) -> str:
    """A host name or address; a leading dot stands for all its subdomains, as in ALLOWED_HOSTS."""
    if len(text) > 253 or ".." in text or not HOST.fullmatch(text):
        raise MalformedError(f"has {text[:100]!r}, which is not a host name (without scheme, port, path or *).")
    return text.lower()


def domain(text: str) -> str:
    """The one host name that visitors are sent to, so without a leading dot."""
    if text.startswith("."):
        raise MalformedError(f"has {text[:100]!r}, which is not one host name; DOMAIN_ALIASES takes a leading dot.")
    return host_name(text)


def host_names(text: str) -> tuple[str, ...]:
    """A comma list of host names."""
    return tuple(host_name(word) for word in words(text))


def origins(text: str) -> tuple[str, ...]:
    """A comma list of scheme, host and perhaps port, as in a browser's Origin header; `*.` stands for subdomains."""
    for word in words(text):
        match = re.fullmatch(r"https?://(\*\.)?([^/?#@:\s*]+|\[[^/\]]+\])(:\d{1,5})?", word, re.IGNORECASE)
        if not match or not attempt(lambda found=match[2]: host_name(found)):
            raise MalformedError(f"has {word[:100]!r}, which is not an origin, like https://www.example.com:8443.")
    return tuple(word.lower() for word in words(text))


def header_name(text: str) -> str:
    """The name of an HTTP header, as the key of `request.META`."""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]*", text):
        raise MalformedError(f"has {text[:100]!r}, which is not the name of a header, like X-Forwarded-Proto.")
    return "HTTP_" + text.upper().replace("-", "_")


def number(text: str, least: int, most: int, what: str) -> int:
    """A whole number between two others."""
    if not re.fullmatch(r"[0-9]{1,10}", text) or not least <= int(text) <= most:
        raise MalformedError(f"has {text[:100]!r}, which is not {what}.")
    return int(text)


def seconds(text: str) -> int:
    return number(text, 0, 10**10, "a number of seconds")


def port(text: str) -> int:
    return number(text, 1, 65535, "a port, 1 to 65535")


def processes(text: str) -> int:
    return number(text, 1, 999, "a number of worker processes, 1 to 999")


def folder(text: str) -> str:
    """An absolute folder."""
    if not PurePath(text).is_absolute() or not PurePath(text).name or "\0" in text:
        raise MalformedError("is not an absolute folder, like /srv/static.")
    return text


def mail_address(text: str) -> str:
    """An address, with or without a name: `Name <me@example.com>`."""
    address = parseaddr(text)[1]
    valid = attempt(lambda: validate_email(address) is None)
    if not valid or not text.endswith((address, f"<{address}>")) or re.search(r"[\x00-\x1f]", text):
        raise MalformedError("is not an e-mail address (me@example.com, or Name <me@example.com>).")
    return text


def database(text: str) -> dict[str, Any]:
    """An entry of DATABASES: persistent connections that are checked before use and given up on after seconds."""
    config: dict[str, Any] | None = attempt(
        lambda: dict(dj_database_url.parse(text, conn_max_age=60, conn_health_checks=True))
    )
    if config is None or not url_parts(text):
        raise MalformedError("is not a database URL (postgres://USER:PASSWORD@HOST:5432/NAME, each part URL-encoded).")
    if config["ENGINE"].endswith(("postgresql", "postgis")):
        if not config["NAME"]:
            raise MalformedError("names no database (postgres://USER:PASSWORD@HOST:5432/NAME).")
        config["OPTIONS"] = {**PATIENCE, **libpq_options(config.get("OPTIONS", {}))}
    return config


def libpq_options(options: dict[str, Any]) -> dict[str, Any]:
    """The query of a PostgreSQL URL, checked: the first connection would be late to say it."""
    from psycopg import pq  # noqa: PLC0415  (another database does not need it)

    known = {option.keyword.decode() for option in pq.Conninfo.get_defaults()}
    known_only(options, known | DJANGO_OPTIONS, "options of libpq")
    if options.get("sslmode", "prefer") not in SSL_MODES:
        raise MalformedError(f"has an sslmode that is none of {', '.join(SSL_MODES)}.")
    for name in PATIENCE.keys() & options:
        if type(options[name]) is not int:
            raise MalformedError(f"has an option {name} that is not a number.")
    return options


def cache(text: str) -> dict[str, Any]:
    """An entry of CACHES, in the spelling of django-environ; `db://TABLE` and `memcache://` are accepted too."""
    text = re.sub(r"^db://", "dbcache://", re.sub(r"^memcache://", "pymemcache://", text))
    parts = url_parts(text)
    config = attempt(lambda: dict(Env.cache_url_config(text.partition("?")[0])))
    if parts is None or config is None or parts.scheme not in CACHES or not has_place(parts):
        raise MalformedError(
            "is not a cache URL (redis://:PASSWORD@HOST:6379/0, memcache://HOST:11211, dbcache://TABLE, "
            "filecache:///FOLDER, locmemcache://; a password URL-encoded)."
        )
    package = CACHES[parts.scheme]
    if package and not find_spec(package):
        raise MalformedError(f"asks for {parts.scheme}://, but the package `{package}` is not installed.")
    return config | cache_arguments(parts.query, package == "redis")


def has_place(parts: SplitResult) -> bool:
    """True if the URL of a cache or of a mail server says where it is, in the way of its scheme."""
    hosts = all(host_of(place) for place in parts.netloc.split(","))
    file = not parts.netloc and len(parts.path) > 1
    match parts.scheme:
        case "redis" | "rediss":  # a host and a database's number, or a socket
            return file or (hosts and bool(re.fullmatch(r"/?[0-9]{0,4}", parts.path)))
        case "pymemcache" | "pylibmc":
            return file or (hosts and parts.path in ("", "/"))
        case "dbcache":
            return bool(re.fullmatch(r"[A-Za-z_]\w*", parts.netloc)) and parts.path in ("", "/")
        case "smtp" | "smtps" | "smtp+tls" | "smtp+ssl":
            return hosts and parts.path in ("", "/")
        case "filecache" | "filemail":
            return file
    return parts.path in ("", "/")


def host_of(netloc: str) -> str | None:
    """The host in USER:PASSWORD@HOST:PORT; None if there is none, or the port is not one."""

    def read() -> str | None:
        parts = urlsplit(f"//{netloc}")
        return parts.hostname if parts.port != 0 else None

    return attempt(read)


def cache_arguments(query: str, redis: bool) -> dict[str, Any]:
    """What a cache's URL says behind the question mark. `timeout=none` keeps entries for ever."""
    given: dict[str, Any] = {name.lower(): value for name, value in parse_qsl(query, keep_blank_values=True)}
    known_only(given, CACHE_ARGUMENTS | REDIS_ARGUMENTS if redis else CACHE_ARGUMENTS)
    for name in sorted(given.keys() & {"timeout", "version", *REDIS_NUMBERS}):
        if name == "timeout" and given[name].lower() == "none":
            given[name] = None
        elif re.fullmatch(r"[0-9]{1,9}", given[name]):
            given[name] = int(given[name])
        else:
            raise MalformedError(f"has an argument {name} that is not a whole number.")
    options = {name: value for name, value in given.items() if name not in CACHE_ARGUMENTS}
    base = {name.upper(): value for name, value in given.items() if name in CACHE_ARGUMENTS}
    return {**base, "OPTIONS": options} if options else base


def email(text: str) -> dict[str, Any]:
    """Settings EMAIL_*, in the spelling of django-environ."""
    parts = url_parts(text)
    config = attempt(lambda: dict(Env.email_url_config(text)))
    if parts is None or config is None or parts.query or not has_place(parts):
        raise MalformedError(
            "is not an e-mail URL (smtp+tls://USER:PASSWORD@HOST:587, smtp+ssl://…:465, filemail:///FOLDER, "
            "consolemail://), or a part of it is not URL-encoded."
        )
    if parts.scheme == "filemail":
        config["EMAIL_FILE_PATH"] = unquote(parts.path)
    return {name: setting for name, setting in config.items() if setting not in (None, "")}


def sentry(text: str) -> str:
    """The address of a Sentry project."""
    if not find_spec("sentry_sdk"):
        raise MalformedError("is set, but the package `sentry-sdk` is not installed.")
    from sentry_sdk.utils import Dsn  # noqa: PLC0415  (optional)

    if not url_parts(text) or re.search(r"\s", text) or not attempt(lambda: Dsn(text)):
        raise MalformedError("is not a Sentry DSN (https://KEY@HOST/PROJECT).")
    return text
