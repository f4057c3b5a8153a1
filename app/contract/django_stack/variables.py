"""Reads and checks the environment variables of the contract between a stack and the app.

`read()` is pure: a mapping in, an `Environment` out, or one `InvalidEnvironmentError` that lists every malformed value.
No message ever repeats the value of a variable that may hold a secret.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from django_stack import storage_dsn
from django_stack.cache_url import cache
from django_stack.database_url import database
from django_stack.email_url import email
from django_stack.malformed import MalformedError
from django_stack.urls import installed
from django_stack.values import (
    domain,
    folder,
    header_name,
    host_names,
    mail_address,
    origins,
    port,
    processes,
    seconds,
    secret_key,
    secret_keys,
    sentry,
    site_url,
)

# A variable of the contract, and the names under which other platforms know it.
OTHER_NAMES = {"DATABASE_URL": "DEFAULT_DATABASE_DSN", "DJANGO_DEBUG": "DEBUG"}
STORAGE_PARTS = ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "REGION", "CUSTOM_DOMAIN", "ENDPOINT_URL")

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
    build: bool
    stage: str
    git_branch: str
    site_name: str
    secret_key: str = field(repr=False)
    secret_key_fallbacks: tuple[str, ...] = field(repr=False)
    database: dict[str, Any] | None = field(repr=False)
    database_variable: str
    storage: storage_dsn.S3 | storage_dsn.Files | None
    cache: dict[str, Any] | None = field(repr=False)
    email: dict[str, Any] | None = field(repr=False)
    from_email: str
    domain: str
    domain_aliases: tuple[str, ...]
    domain_redirects: tuple[str, ...]
    site_url: str
    trusted_origins: tuple[str, ...]
    ssl_redirect: bool
    hsts_seconds: int
    hsts_subdomains: bool
    proxy_ssl_header: str
    sentry_dsn: str = field(repr=False)
    static_root: str
    port: int
    workers: int | None

    @property
    def own_url(self) -> str:
        """The site's address as it follows from DOMAIN, where a stack names no other; nothing without one."""
        return f"{'https' if self.ssl_redirect else 'http'}://{self.domain}" if self.domain else ""

    @property
    def missing(self) -> list[str]:
        """One line for each missing variable that every program needs which uses a database or a key."""
        lines = []
        if self.database is None:
            lines.append(
                "DATABASE_URL is not set (postgres://USER:PASSWORD@HOST:5432/NAME). "
                "`pulumi up` sets it to the stack's database; "
                "its value: `pulumi stack output DATABASE_URL --show-secrets`."
            )
        elif in_memory(self.database):
            lines.append(
                f"{self.database_variable} asks for a database in memory, which is lost when its process ends, and "
                "which no other process sees. Remove it, and `pulumi up` sets the stack's database."
            )
        if not self.secret_key:
            lines.append(
                "SECRET_KEY is not set (50 random characters or more). "
                "`pulumi up` creates one for each stack; its value: `pulumi stack output SECRET_KEY --show-secrets`."
            )
        return lines

    @property
    def missing_for_servers(self) -> list[str]:
        """`missing`, and one line for everything else that a server lacks."""
        lines = list(self.missing)
        if not (self.domain or self.domain_aliases or self.debug):
            lines.append(
                "DOMAIN is not set (the site's host name, like www.example.com), so every request would be refused. "
                "`pulumi up` sets it to the stack's host name; its value: `pulumi stack output DOMAIN`."
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

    def named(name: str) -> str:
        other = OTHER_NAMES.get(name, "")
        return other if environ.get(other, "").strip() and not environ.get(name, "").strip() else name

    def value(name: str) -> str:
        return environ.get(named(name), "").strip()

    def parsed(name: str, parse: Callable[[str], T], default: T) -> T:
        text = value(name)
        if not text:
            return default
        try:
            return parse(text)
        except MalformedError as error:
            problems.append(f"{named(name)} {wrapping(named(name), text) or error}")
        except Exception:  # unexpected; its message may contain the value
            problems.append(f"{named(name)} cannot be read.")
        return default

    environment = Environment(
        debug=value("DJANGO_DEBUG") == "True",
        build=value("DJANGO_BUILD") == "True",
        stage=value("STAGE"),
        git_branch=value("GIT_BRANCH"),
        site_name=value("SITE_NAME"),
        secret_key=parsed("SECRET_KEY", secret_key, ""),
        secret_key_fallbacks=parsed("SECRET_KEY_FALLBACKS", secret_keys, ()),
        database=parsed("DATABASE_URL", database, None),
        database_variable=named("DATABASE_URL"),
        storage=parsed("DEFAULT_STORAGE_DSN", storage_of_dsn, None) or storage_of_parts(environ, problems),
        cache=parsed("CACHE_URL", cache, None),
        email=parsed("EMAIL_URL", email, None),
        from_email=parsed("DEFAULT_FROM_EMAIL", mail_address, ""),
        domain=parsed("DOMAIN", domain, ""),
        domain_aliases=parsed("DOMAIN_ALIASES", host_names, ()),
        domain_redirects=parsed("DOMAIN_REDIRECTS", host_names, ()),
        site_url=parsed("SITE_URL", site_url, ""),
        trusted_origins=parsed("CSRF_TRUSTED_ORIGINS", origins, ()),
        ssl_redirect=value("SECURE_SSL_REDIRECT") != "False",
        hsts_seconds=parsed("SECURE_HSTS_SECONDS", seconds, YEAR),
        hsts_subdomains=value("SECURE_HSTS_INCLUDE_SUBDOMAINS") != "False",
        proxy_ssl_header=parsed("SECURE_PROXY_SSL_HEADER", header_name, ""),
        sentry_dsn=parsed("SENTRY_DSN", sentry, ""),
        static_root=parsed("STATIC_ROOT", folder, ""),
        port=parsed("PORT", port, 8000),
        workers=parsed("WEB_CONCURRENCY", processes, None),
    )
    if environment.domain_redirects and not value("DOMAIN"):
        problems.append("DOMAIN_REDIRECTS is set without DOMAIN, so there is nowhere to redirect to.")
    if problems:
        raise InvalidEnvironmentError(problems)
    return environment


def wrapping(name: str, text: str) -> str:
    """A hint about quotes, the variable's name or a placeholder that are left in a value that can't be parsed; or
    ""."""
    if text[0] in "\"'" and text[0] == text[-1]:
        return f"is in quotes ({text[0]}), which are not part of the value: remove them."
    if text.startswith((f"{name}=", f"export {name}=")):
        return f"begins with its own name: write only what comes after {name}=."
    if re.fullmatch(r"\$\w+|\$[({].*[)}]|\{\{.*\}\}", text):
        return "is a placeholder that was not filled in: write the value itself."
    return ""


def in_memory(database: Mapping[str, Any]) -> bool:
    """True for SQLite in memory, as Django itself decides it (`DatabaseCreation.is_in_memory_db`)."""
    name = str(database["NAME"])
    return "sqlite" in database["ENGINE"] and (":memory:" in name or "mode=memory" in name)


def storage_of_dsn(text: str) -> storage_dsn.S3 | storage_dsn.Files:
    """The storage of a DSN; refuses S3 where its packages are not installed."""
    found = storage_dsn.parse(text)
    if isinstance(found, storage_dsn.S3):
        s3_is_installed()
    return found


def s3_is_installed() -> None:
    """Refuses S3 where its packages are not installed."""
    for module in ("storages", "boto3"):
        installed("S3", module, "django-storages[s3]")


def storage_of_parts(environ: Mapping[str, str], problems: list[str]) -> storage_dsn.S3 | None:
    """The split form of DEFAULT_STORAGE_DSN that Divio's newer template reads: DEFAULT_STORAGE_BUCKET and so on."""

    def part(name: str) -> str:
        return environ.get(f"DEFAULT_STORAGE_{name}", "").strip()

    if part("DSN"):
        return None
    if not part("BUCKET"):
        problems.extend(
            f"DEFAULT_STORAGE_{name} is set without DEFAULT_STORAGE_BUCKET." for name in STORAGE_PARTS if part(name)
        )
        return None
    try:
        s3_is_installed()
        return storage_dsn.S3.of(
            bucket=part("BUCKET"),
            key=part("ACCESS_KEY_ID"),
            secret=part("SECRET_ACCESS_KEY"),
            region=part("REGION"),
            domain=part("CUSTOM_DOMAIN"),
            endpoint=part("ENDPOINT_URL"),
        )
    except MalformedError as error:
        problems.append(f"DEFAULT_STORAGE_BUCKET, with the other DEFAULT_STORAGE_ variables, {error}")
        return None
