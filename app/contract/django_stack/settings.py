"""Turns the environment into Django settings, secure by default: `apply(globals())` at the end of a settings file.

`settings()` is a pure function, which the tests call; `apply()` puts its result into the settings file's namespace. It
overwrites settings of the contract on purpose: a leftover literal in a settings file must not override the stack.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from django.core.management.utils import get_random_secret_key

from django_stack import checks, database_url, logs, refusal, storage_dsn
from django_stack.mail import mail
from django_stack.variables import Environment, InvalidEnvironmentError, read

STATIC_ROOT = "/srv/static"  # outside /app: a source folder mounted there must not hide what the image collected
REQUEST_MAX_BYTES = 100 * 1024 * 1024

# Safe defaults of settings that do not depend on the environment, for projects that don't set them.
DEFAULTS = {
    "SECURE_REFERRER_POLICY": "same-origin",
    "X_FRAME_OPTIONS": "DENY",
    "DEFAULT_EXCEPTION_REPORTER_FILTER": "django_stack.logs.ReporterFilter",
}
KEPT_DATABASE_OPTIONS = {"ATOMIC_REQUESTS", "AUTOCOMMIT", "DISABLE_SERVER_SIDE_CURSORS", "TEST", "TIME_ZONE"}

COOKIE_PREFIX = re.compile(r"^__(Host-Http|Secure|Host|Http)-", re.IGNORECASE)

BEFORE = [
    "django_stack.health.Health",
    "django_stack.middleware.RequestLog",
    "django_stack.maintenance.Maintenance",
    "django_stack.middleware.Redirects",
    "django_stack.middleware.BodyLimit",
    "django_stack.middleware.NullBytes",
]
SECURITY = "django.middleware.security.SecurityMiddleware"
# Storages of static files that end at a reference to what isn't there; many of a project's own are made to forgive it.
STRICT = {
    "django.contrib.staticfiles.storage.ManifestStaticFilesStorage",
    "whitenoise.storage.CompressedManifestStaticFilesStorage",
    "storages.backends.s3.S3ManifestStaticStorage",
    "storages.backends.s3boto3.S3ManifestStaticStorage",
    "django_stack.files.StaticFiles",
}
WHITENOISE = "whitenoise.middleware.WhiteNoiseMiddleware"
MISSING = "django_stack.middleware.MissingStatic"
RUNSERVER = "whitenoise.runserver_nostatic"
MEDIA = "django_stack.middleware.DebugMedia"
GUARD = "django_stack.guard.Guard"
SESSIONS = "django.contrib.sessions"


def apply(namespace: dict[str, Any], build_commands: Iterable[str] = ()) -> None:
    """Overwrites a settings file's namespace with what the environment says.

    Ends the process if a value is malformed, or if one is missing that this program must have.

    Args:
        namespace: `globals()` of the settings file, with INSTALLED_APPS and MIDDLEWARE already in it.
        build_commands: the project's own management commands that run without a database while the image is built.
    """
    try:
        environment = read(os.environ)
    except InvalidEnvironmentError as error:
        refusal.exit_with_problems("The environment has values that cannot be used:", error.problems)
    refusal.refuse_program(sys.argv, environment, build_commands)
    found = settings(environment, namespace)
    checks.remember_replaced(namespace, found)
    namespace.update(found)
    checks.remember({name: value for name, value in found.items() if name not in DEFAULTS})
    namespace["DJANGO_STACK_BUILD_COMMANDS"] = tuple(build_commands)
    if environment.sentry_dsn:
        import sentry_sdk  # noqa: PLC0415  (optional)

        sentry_sdk.init(dsn=environment.sentry_dsn, environment=environment.stage or None, send_default_pii=False)


def settings(environment: Environment, project: Mapping[str, Any]) -> dict[str, Any]:
    """The settings for an environment, given those that the project already has."""
    return {
        "DEBUG": environment.debug,
        "STAGE": environment.stage,
        "GIT_BRANCH": environment.git_branch,
        "SITE_NAME": environment.site_name,
        "SECRET_KEY": environment.secret_key or get_random_secret_key(),
        "SECRET_KEY_FALLBACKS": list(environment.secret_key_fallbacks),
        "DJANGO_STACK_MISSING": environment.missing,
        "DJANGO_STACK_MISSING_FOR_SERVERS": environment.missing_for_servers,
        "INSTALLED_APPS": (installed := apps(project.get("INSTALLED_APPS", ()))),
        "MIDDLEWARE": middleware(environment, project.get("MIDDLEWARE", ())),
        "DATABASES": databases(environment, project),
        **uploads(project),
        "LOGGING": logging(environment, project),
        **hosts(environment),
        **without_www(environment, project),
        **transport_security(environment),
        **cookies(environment, project),
        **files(environment, project),
        **{name: project.get(name, default) for name, default in DEFAULTS.items()},
        **mail(environment, project),
        "CACHES": (in_force := caches(environment, project)),
        **sessions(project, in_force, installed),
        "SILENCED_SYSTEM_CHECKS": sorted({*project.get("SILENCED_SYSTEM_CHECKS", ()), "security.W021"}),
    }


def logging(environment: Environment, project: Mapping[str, Any]) -> dict[str, Any]:
    """The project's own configuration, in which the log of requests passes; or that of the stack."""
    own = project.get("LOGGING")
    if not own:
        return logs.configuration(environment.debug)
    return {**own, "loggers": {"django_stack": {"level": "INFO"}, **own.get("loggers", {})}}


def apps(existing: Iterable[str]) -> list[str]:
    """The project's apps after this one. WhiteNoise serves static files under runserver, too: Django's own view
    compares only dates, which are all the same in a reproducible image, so that browsers would keep a file for
    years."""
    others = [app for app in existing if app not in {"django_stack", RUNSERVER}]
    return ["django_stack", *([RUNSERVER] if "django.contrib.staticfiles" in others else []), *others]


def databases(environment: Environment, project: Mapping[str, Any]) -> dict[str, Any]:
    """The environment decides where the default database is; the project how it is used, and about other databases.

    A backend of the project's own that extends Django's for PostgreSQL, such as GeoDjango's, is how it is used.

    The image's build and tests have one in memory; `refusal.py` makes sure that nothing else uses it.
    """
    own = project.get("DATABASES", {})
    place = environment.database or {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
    default = own.get("default", {})
    kept = {name: value for name, value in default.items() if name in KEPT_DATABASE_OPTIONS}
    if place["ENGINE"] == database_url.PG and default.get("ENGINE") in database_url.EXTENDED:
        kept["ENGINE"] = default["ENGINE"]
    return {**own, "default": {**place, **kept}}


def uploads(project: Mapping[str, Any]) -> dict[str, Any]:
    """How large a request may be, and where a large file is kept while it arrives: in the folder for temporary files,
    or in memory if there is none on a read-only root (only /dev/shm is left, which has just 64 MB in Docker)."""
    limit = project.get("REQUEST_MAX_BYTES", REQUEST_MAX_BYTES)
    try:
        return {
            "REQUEST_MAX_BYTES": limit,
            "FILE_UPLOAD_TEMP_DIR": project.get("FILE_UPLOAD_TEMP_DIR") or tempfile.gettempdir(),
        }
    except FileNotFoundError:
        return {
            "REQUEST_MAX_BYTES": limit,
            "FILE_UPLOAD_MAX_MEMORY_SIZE": limit,
            "FILE_UPLOAD_TEMP_DIR": "/dev/shm",  # noqa: S108
        }


def middleware(environment: Environment, existing: Iterable[str]) -> list[str]:
    """The project's middleware and this package's: health first (a load balancer probes by IP address, over plain
    http), WhiteNoise, MissingStatic and DebugMedia directly after SecurityMiddleware (no other middleware may compress
    a part of a file), the guard last, because Django creates the last one first."""
    inner = [name for name in existing if name not in {*BEFORE, WHITENOISE, MISSING, MEDIA, GUARD}]
    media = [MEDIA] if isinstance(environment.storage, storage_dsn.Files) else []
    behind = inner.index(SECURITY) + 1 if SECURITY in inner else 0
    inner[behind:behind] = [WHITENOISE, MISSING, *media]
    return [*BEFORE, *inner, GUARD]


def hosts(environment: Environment) -> dict[str, Any]:
    """Which host names are answered, and which of them are redirected to DOMAIN."""
    own = [name for name in (environment.domain, *environment.domain_aliases) if name]
    # A site without https may be behind a tunnel that has it (ngrok, cloudflared, Codespaces); then the browser's
    # Origin header says https.
    schemes = ["https"] if environment.ssl_redirect else ["http", "https"]
    origins = [f"{scheme}://{'*' if name.startswith('.') else ''}{name}" for name in own for scheme in schemes]
    return {
        "ALLOWED_HOSTS": list(dict.fromkeys([*own, *environment.domain_redirects])),
        "SITE_DOMAIN": environment.domain,
        "SITE_URL": environment.site_url or environment.own_url,
        "REDIRECTED_HOSTS": [name for name in environment.domain_redirects if name not in own],
        "CSRF_TRUSTED_ORIGINS": list(dict.fromkeys([*origins, *environment.trusted_origins])),
    }


def without_www(environment: Environment, project: Mapping[str, Any]) -> dict[str, Any]:
    """Turns PREPEND_WWW off if this stack does not answer the www. host, as with `localhost`."""
    own, www = (environment.domain, *environment.domain_aliases), f"www.{environment.domain}"
    answered = www in own or any(name.startswith(".") and www.endswith(name) for name in own)
    unwanted = project.get("PREPEND_WWW") and not environment.domain.startswith("www.") and not answered
    return {"PREPEND_WWW": False} if unwanted else {}


def transport_security(environment: Environment) -> dict[str, Any]:
    """https, secure cookies and HSTS. Without https (a local stack) cookies must not be secure, or no login works.

    HSTS includes subdomains by default, as in Rails' force_ssl, but not preload: "don't add it by default", says
    hstspreload.org, because it cannot be undone. So Django's warning about it (security.W021) is silenced.
    """
    secure = environment.ssl_redirect
    return {
        "SECURE_SSL_REDIRECT": secure,
        "SECURE_PROXY_SSL_HEADER": (environment.proxy_ssl_header, "https") if environment.proxy_ssl_header else None,
        "SESSION_COOKIE_SECURE": secure,
        "CSRF_COOKIE_SECURE": secure,
        "SECURE_HSTS_SECONDS": environment.hsts_seconds if secure else 0,
        "SECURE_HSTS_INCLUDE_SUBDOMAINS": secure and environment.hsts_subdomains,
        "SECURE_CONTENT_TYPE_NOSNIFF": True,
    }


def cookies(environment: Environment, project: Mapping[str, Any]) -> dict[str, Any]:
    """Corrects settings of cookies that browsers would refuse to store, so that nobody could log in.

    Over plain http (a local stack) these are a name with a prefix like __Secure-, which requires https (RFC 6265bis,
    section 4.1.3), and SameSite=None, which requires it, too; everywhere, a domain to which this site does not belong.
    """
    found: dict[str, Any] = {}
    for kind in ("SESSION", "CSRF", "LANGUAGE"):
        name, same_site, place = (project.get(f"{kind}_COOKIE_{what}") for what in ("NAME", "SAMESITE", "DOMAIN"))
        if not environment.ssl_redirect:
            if name and (bare := COOKIE_PREFIX.sub("", name)) != name:
                found[f"{kind}_COOKIE_NAME"] = bare
            if str(same_site).lower() == "none" and same_site is not None:
                found[f"{kind}_COOKIE_SAMESITE"] = "Lax"
        if place and environment.domain and not f".{environment.domain}".endswith(f".{place.lower().lstrip('.')}"):
            found[f"{kind}_COOKIE_DOMAIN"] = None
    if not environment.ssl_redirect and project.get("LANGUAGE_COOKIE_SECURE"):
        found["LANGUAGE_COOKIE_SECURE"] = False
    return found


def sessions(project: Mapping[str, Any], caches: Mapping[str, Any], installed: list[str]) -> dict[str, Any]:
    """Moves sessions to the database if the project keeps them in a cache that every process has for itself: another
    process, which answers the next request, would not know of the login or the logout.

    The app with their table is needed there only. It has nothing that an app before it could hide.
    """
    kind = project.get("SESSION_ENGINE", "")
    backend = str(caches.get(project.get("SESSION_CACHE_ALIAS", "default"), {}).get("BACKEND", ""))
    if not kind.endswith((".cache", ".cached_db")) or not backend.endswith((".LocMemCache", ".DummyCache")):
        return {}
    is_there = any(app.startswith(SESSIONS) for app in installed)  # by its name, or that of its configuration
    return {
        "SESSION_ENGINE": f"{SESSIONS}.backends.db",
        **({} if is_there else {"INSTALLED_APPS": [*installed, SESSIONS]}),
    }


def files(environment: Environment, project: Mapping[str, Any]) -> dict[str, Any]:
    """Static files, collected while the image is built and served by WhiteNoise; media in the storage of the DSN."""
    location = environment.storage
    media: dict[str, Any] = {"MEDIA_ORIGIN": location.origin if location else ""}
    if isinstance(location, storage_dsn.S3):
        default: dict[str, Any] = {"BACKEND": "django_stack.storages.S3Media", "OPTIONS": {"location": location}}
    elif isinstance(location, storage_dsn.Files):
        default = {"BACKEND": "django.core.files.storage.FileSystemStorage"}
        media |= {"MEDIA_ROOT": location.folder, "MEDIA_URL": location.url}
    else:
        default = project.get("STORAGES", {}).get("default") or {"BACKEND": "django_stack.files.RefusingStorage"}
    own = project.get("STORAGES", {}).get("staticfiles", {}).get("BACKEND") or project.get("STATICFILES_STORAGE") or ""
    static_url = project.get("STATIC_URL") or "/static/"
    path = urlsplit(static_url).path.lstrip("/")
    return {
        "STATIC_URL": static_url,
        # A CDN that reads from a bucket first asks for what isn't there by plain http, without the proxy's header; it
        # has redirected its visitors to https itself.
        "SECURE_REDIRECT_EXEMPT": [
            *project.get("SECURE_REDIRECT_EXEMPT", ()),
            *([f"^{re.escape(path)}"] if path else []),
        ],
        "STATIC_ROOT": environment.static_root or project.get("STATIC_ROOT") or STATIC_ROOT,
        "STORAGES": {
            **project.get("STORAGES", {}),
            "default": default,
            "staticfiles": {
                "BACKEND": "django_stack.files.StaticFiles",
                "OPTIONS": {"strict": own in STRICT and project.get("WHITENOISE_MANIFEST_STRICT") is not False},
            },
        },
        **media,
    }


def caches(environment: Environment, project: Mapping[str, Any]) -> dict[str, Any]:
    """Without CACHE_URL the project keeps its own cache."""
    own = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}, **project.get("CACHES", {})}
    return {**own, "default": environment.cache} if environment.cache else own
