"""Reads and checks the environment variables of the contract between a stack and the app.

`read()` is pure: a mapping in, an `Environment` out, or one `InvalidEnvironmentError` that lists every malformed value.
No message ever repeats the value of a variable that may hold a secret.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any, TypeVar
from urllib.parse import urlsplit

import dj_database_url
from environ import Env

from environment import storage_dsn

# A variable of the contract, and the names under which other platforms know it.
OTHER_NAMES = {"DATABASE_URL": "DEFAULT_DATABASE_DSN", "DJANGO_DEBUG": "DEBUG"}

T = TypeVar("T")
YEAR = 365 * 24 * 3600  # seconds


class InvalidEnvironmentError(Exception):
    """Some variables are malformed; `problems` has one line for each, without any secret."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True)
class Environment:
    """The contract, typed. `None`, "" and empty tuples mean that a variable is absent."""

    debug: bool
    stage: str
    git_branch: str
    site_name: str
    secret_key: str = field(repr=False)
    secret_key_fallbacks: tuple[str, ...] = field(repr=False)
    database: dict[str, Any] | None = field(repr=False)
    storage: storage_dsn.S3 | storage_dsn.Files | None
    cache: dict[str, Any] | None = field(repr=False)
    email: dict[str, Any] | None = field(repr=False)
    from_email: str
    domain: str
    domain_aliases: tuple[str, ...]
    domain_redirects: tuple[str, ...]
    ssl_redirect: bool
    hsts_seconds: int
    hsts_subdomains: bool
    proxy_ssl_header: str
    sentry_dsn: str = field(repr=False)
    static_root: str
    port: int
    workers: int | None

    @property
    def missing(self) -> list[str]:
        """One line for each variable without which nothing that needs a database or a key may run."""
        lines = []
        if self.database is None:
            lines.append(
                "DATABASE_URL is not set (postgres://USER:PASSWORD@HOST:5432/NAME). "
                "`pulumi up` hands it over from the stack's database; "
                "its value: `pulumi stack output DATABASE_URL --show-secrets`."
            )
        if not self.secret_key:
            lines.append(
                "SECRET_KEY is not set (50 random characters or more). "
                "`pulumi up` makes one for each stack; its value: `pulumi stack output SECRET_KEY --show-secrets`."
            )
        return lines

    @property
    def missing_for_servers(self) -> list[str]:
        """`missing`, and one line for everything else without which a server would only answer with errors."""
        lines = list(self.missing)
        if not (self.domain or self.domain_aliases or self.debug):
            lines.append(
                "DOMAIN is not set (the site's host name, like www.example.com), so every request would be refused. "
                "`pulumi up` hands it over from the stack's address; its value: `pulumi stack output DOMAIN`."
            )
        if isinstance(self.storage, storage_dsn.Files) and not self.debug:
            lines.append(
                "DEFAULT_STORAGE_DSN is a file: folder, which only runserver with DJANGO_DEBUG=True serves. "
                "Use an S3 bucket (`pulumi config set media s3`) or turn debug on."
            )
        return lines


def read(environ: Mapping[str, str]) -> Environment:
    """Reads the contract's variables from a mapping such as `os.environ`.

    Raises:
        InvalidEnvironmentError: values are malformed; every one of them is named.
    """
    problems: list[str] = []

    def value(name: str) -> str:
        return (environ.get(name, "").strip() or environ.get(OTHER_NAMES.get(name, ""), "")).strip()

    def parsed(name: str, parse: Callable[[str], T], default: T) -> T:
        text = value(name)
        if not text:
            return default
        try:
            return parse(text)
        except ValueError as error:
            problems.append(f"{name} {error}")
            return default

    environment = Environment(
        debug=value("DJANGO_DEBUG") == "True",
        stage=value("STAGE"),
        git_branch=value("GIT_BRANCH"),
        site_name=value("SITE_NAME"),
        secret_key=parsed("SECRET_KEY", secret_key, ""),
        secret_key_fallbacks=parsed("SECRET_KEY_FALLBACKS", words, ()),
        database=parsed("DATABASE_URL", database, None),
        storage=parsed("DEFAULT_STORAGE_DSN", storage_dsn.parse, None) or storage_of_parts(environ, problems),
        cache=parsed("CACHE_URL", cache, None),
        email=parsed("EMAIL_URL", email, None),
        from_email=value("DEFAULT_FROM_EMAIL"),
        domain=parsed("DOMAIN", host_name, ""),
        domain_aliases=parsed("DOMAIN_ALIASES", host_names, ()),
        domain_redirects=parsed("DOMAIN_REDIRECTS", host_names, ()),
        ssl_redirect=value("SECURE_SSL_REDIRECT") != "False",
        hsts_seconds=parsed("SECURE_HSTS_SECONDS", seconds, YEAR),
        hsts_subdomains=value("SECURE_HSTS_INCLUDE_SUBDOMAINS") != "False",
        proxy_ssl_header=parsed("SECURE_PROXY_SSL_HEADER", header_name, ""),
        sentry_dsn=parsed("SENTRY_DSN", sentry, ""),
        static_root=value("STATIC_ROOT"),
        port=parsed("PORT", port, 8000),
        workers=parsed("WEB_CONCURRENCY", processes, None),
    )
    if environment.domain_redirects and not value("DOMAIN"):
        problems.append("DOMAIN_REDIRECTS is set without DOMAIN, so there is nowhere to redirect to.")
    if problems:
        raise InvalidEnvironmentError(problems)
    return environment


def words(text: str) -> tuple[str, ...]:
    """A comma list without blanks."""
    return tuple(word.strip() for word in text.split(",") if word.strip())


def secret_key(text: str) -> str:
    """Django's own measure of a good key (security.W009), applied before a server starts."""
    if len(text) < 50 or len(set(text)) < 5 or text.startswith("django-insecure-"):
        raise ValueError("is too weak: it needs 50 random characters or more, and not the ones of `startproject`.")
    return text


HOST = re.compile(r"\.?[a-z0-9_]([a-z0-9_.-]*[a-z0-9])?|\[[0-9a-f:.]+\]", re.IGNORECASE)


def host_name(text: str) -> str:
    """A host name or address; a leading dot stands for all its subdomains, as in ALLOWED_HOSTS."""
    if len(text) > 253 or ".." in text or not HOST.fullmatch(text):
        raise ValueError(f"has {text[:100]!r}, which is not a host name (without scheme, port, path or *).")
    return text.lower()


def host_names(text: str) -> tuple[str, ...]:
    """A comma list of host names."""
    return tuple(host_name(word) for word in words(text))


def header_name(text: str) -> str:
    """The name of an HTTP header, as the key of `request.META`."""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]*", text):
        raise ValueError(f"has {text[:100]!r}, which is not the name of a header, like X-Forwarded-Proto.")
    return "HTTP_" + text.upper().replace("-", "_")


def seconds(text: str) -> int:
    """A number of seconds, 0 or more."""
    if not re.fullmatch(r"[0-9]{1,10}", text):
        raise ValueError(f"has {text[:100]!r}, which is not a number of seconds.")
    return int(text)


def port(text: str) -> int:
    """A port to listen on."""
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 0 < int(text) < 65536:
        raise ValueError(f"has {text[:100]!r}, which is not a port, 1 to 65535.")
    return int(text)


def processes(text: str) -> int:
    """A number of worker processes."""
    if not re.fullmatch(r"[0-9]{1,3}", text) or int(text) < 1:
        raise ValueError(f"has {text[:100]!r}, which is not a number of worker processes, 1 to 999.")
    return int(text)


def database(text: str) -> dict[str, Any]:
    """An entry of DATABASES: persistent connections that are checked before use and given up on after seconds."""
    try:
        config: dict[str, Any] = dict(dj_database_url.parse(text, conn_max_age=60, conn_health_checks=True))
    except (ValueError, KeyError):  # the library's own words may repeat a part of the password
        raise ValueError(
            "is not a database URL (postgres://USER:PASSWORD@HOST:5432/NAME, each part URL-encoded)."
        ) from None
    if config["ENGINE"].endswith("postgresql"):
        if not config["NAME"]:
            raise ValueError("names no database (postgres://USER:PASSWORD@HOST:5432/NAME).")
        config.setdefault("OPTIONS", {}).setdefault("connect_timeout", 5)
    return config


def cache(text: str) -> dict[str, Any]:
    """An entry of CACHES, in the spelling of django-environ; `db://TABLE` is accepted too."""
    text = re.sub(r"^db://", "dbcache://", text)
    scheme = urlsplit(text).scheme
    if scheme not in Env.CACHE_SCHEMES:
        raise ValueError(
            "is not a cache URL (redis://HOST:6379/0, memcache://HOST:11211, dbcache://TABLE, locmemcache://)."
        )
    if scheme.startswith("redis") and not find_spec("redis"):
        raise ValueError("asks for Redis, but the package `redis` is not installed.")
    return dict(Env.cache_url_config(text))


def email(text: str) -> dict[str, Any]:
    """Settings EMAIL_*, in the spelling of django-environ."""
    try:
        scheme = urlsplit(text).scheme
        if scheme in Env.EMAIL_SCHEMES:
            return {name: setting for name, setting in Env.email_url_config(text).items() if setting not in (None, "")}
    except ValueError:
        pass
    raise ValueError("is not an e-mail URL (smtp+tls://USER:PASSWORD@HOST:587, smtp+ssl://…:465, consolemail://).")


def sentry(text: str) -> str:
    """The address of a Sentry project."""
    if not find_spec("sentry_sdk"):
        raise ValueError("is set, but the package `sentry-sdk` is not installed.")
    if not re.fullmatch(r"https?://[^@/]+@[^@/]+/.*\d+", text):
        raise ValueError("is not a Sentry DSN (https://KEY@HOST/PROJECT).")
    return text


def storage_of_parts(environ: Mapping[str, str], problems: list[str]) -> storage_dsn.S3 | None:
    """The split form of DEFAULT_STORAGE_DSN that Divio's newer template reads: DEFAULT_STORAGE_BUCKET and so on."""

    def part(name: str) -> str:
        return environ.get(f"DEFAULT_STORAGE_{name}", "").strip()

    if not part("BUCKET") or part("DSN"):
        return None
    try:
        return storage_dsn.S3.of(
            bucket=part("BUCKET"),
            key=part("ACCESS_KEY_ID"),
            secret=part("SECRET_ACCESS_KEY"),
            region=part("REGION"),
            domain=part("CUSTOM_DOMAIN"),
            endpoint=part("ENDPOINT_URL"),
        )
    except ValueError as error:
        problems.append(f"DEFAULT_STORAGE_BUCKET with its companions {error}")
        return None
