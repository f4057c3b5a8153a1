"""What `django-stack compare` asks of each stack, and how the answers differ."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from infra.commands import stack
from infra.commands.operations import Operations, platform_of, read_settings
from infra.commands.operations.versions import versions_of

MARK = "django-stack compare: "  # begins the line with the answer, among others that the app may print
SETTING = "meant-differences"
# Facts by name, as texts: of the server, the interpreter, the names of variables, the settings. Secrets are redacted
# here, since in the cloud the answer goes through the log: by Django's own filter, which knows them by their names, and
# those in settings of other names, such as CELERY_BROKER_URL.
PROGRAM = """
import hashlib, json, os, platform, re
import django
from django.conf import settings
from django.db import connection
from django.views.debug import get_default_exception_reporter_filter

found = {"python": platform.python_version(), "django": django.get_version()}

def ask(line):
    with connection.cursor() as cursor:
        cursor.execute(line)
        return cursor.fetchall()

version = int(ask("show server_version_num")[0][0])
found["postgresql"] = str(version // 10000)
found["postgresql-minor"] = str(version % 10000)
more = "datlocprovider, coalesce(datcollversion, '')" if version >= 150000 else "'c', ''"
columns = f"pg_encoding_to_char(encoding), datcollate, datctype, {more}"
row = ask(f"select {columns} from pg_database where datname = current_database()")[0]
encoding, collation, kind, provider, of_library = row
spelled = lambda name: re.sub(r"(?i)utf-?8", "UTF-8", name)
found["encoding"], found["collation"], found["ctype"] = encoding, spelled(collation), spelled(kind)
found["locale-provider"] = {"c": "libc", "i": "icu", "b": "builtin"}.get(provider, provider)
found["collation-version"] = of_library
for name, number in ask("select extname, extversion from pg_extension"):
    found[f"extension-{name}"] = number
for name in os.environ:
    found[f"variable-{name}"] = "set"
hidden = get_default_exception_reporter_filter()
secrets = [value for name, value in os.environ.items() if hidden.cleanse_setting(name, value) != value]
secrets = sorted((value for value in secrets if len(value) > 5), key=len, reverse=True)  # True and False are none
for name, value in hidden.get_safe_settings().items():
    text = re.sub(r" at 0x[0-9a-f]+", "", repr(value))
    text = re.sub("://[^/?# ]*@", "://********@", text)
    for secret in secrets:
        text = text.replace(secret, "********")
    long = len(text) > 200
    found[f"setting-{name}"] = f"{text[:150]}… {hashlib.sha256(text.encode()).hexdigest()[:12]}" if long else text
for name, value in (("cache", settings.CACHES["default"]), ("storage", settings.STORAGES["default"])):
    found[name] = value["BACKEND"]
answer = json.dumps(found)
for place in range(0, len(answer), 8000):  # some logs cut longer lines
    print("MARK" + answer[place : place + 8000])
""".replace("MARK", MARK)

# Variables that belong to the container, not to the stack; those that begin with one of the first.
AROUND_PREFIXES = ("AWS_", "ECS_", "LC_")
AROUND = {
    "HOME",
    "HOSTNAME",
    "LANG",
    "OLDPWD",
    "PATH",
    "PWD",
    "SHLVL",
    "SSL_CERT_FILE",
    "TERM",
    "DJANGO_SETTINGS_MODULE",
}
# Settings with the addresses, names and keys of a stack, which are its own on purpose.
OWN = {
    *("ALLOWED_HOSTS", "ANYMAIL", "CACHES", "CSRF_TRUSTED_ORIGINS", "DATABASES", "DEFAULT_FROM_EMAIL", "EMAIL_HOST"),
    *("EMAIL_HOST_PASSWORD", "EMAIL_HOST_USER", "EMAIL_PORT", "EMAIL_USE_SSL", "EMAIL_USE_TLS", "GIT_BRANCH"),
    *("MEDIA_ORIGIN", "MEDIA_ROOT", "MEDIA_URL", "REDIRECTED_HOSTS", "SECRET_KEY", "SECRET_KEY_FALLBACKS"),
    *("SERVER_EMAIL", "SITE_DOMAIN", "SITE_NAME", "SITE_URL", "STAGE", "STORAGES"),
}
# What the two platforms differ in by themselves, and why; only between a local stack and one in the cloud.
_HTTPS = "the cloud has https, a local stack hasn't"
BETWEEN_PLATFORMS = {
    "collation-version": "RDS has a C library of its own; a dump makes indexes anew",
    "postgresql-minor": "RDS and the image have minor versions of their own",
    "setting-CSRF_COOKIE_SECURE": _HTTPS,
    "setting-LANGUAGE_COOKIE_SECURE": _HTTPS,
    "setting-SECURE_HSTS_INCLUDE_SUBDOMAINS": _HTTPS,
    "setting-SECURE_HSTS_SECONDS": _HTTPS,
    "setting-SECURE_PROXY_SSL_HEADER": _HTTPS,
    "setting-SECURE_SSL_REDIRECT": _HTTPS,
    "setting-SESSION_COOKIE_SECURE": _HTTPS,
    "variable-SECURE_PROXY_SSL_HEADER": _HTTPS,
    "variable-WEB_CONCURRENCY": "Fargate's memory decides it",
    "extension-rdsadmin": "RDS's own",
}


class ComparisonError(Exception):
    """A stack can't be asked; the message says which and why."""


@dataclass(frozen=True)
class Difference:
    """One thing that two stacks differ in: its values there, None where there is none; the reason if it is meant."""

    name: str
    values: tuple[str | None, str | None]
    reason: str = ""


def facts_of(name: str, found: Operations) -> dict[str, str]:
    """What a running stack says of itself, by name; a minute in the cloud, which needs a task. Raises
    ComparisonError."""
    status, text = found.output(["python", "manage.py", "shell", "-c", PROGRAM])
    lines = [line for line in text.splitlines() if MARK in line]
    if not lines:
        last = (text.strip().splitlines() or [""])[-1]
        raise ComparisonError(f"the app of the stack {name} doesn't answer (exit status {status}): {last}")
    said: dict[str, str] = json.loads("".join(line.partition(MARK)[2] for line in lines))
    facts = {key: value for key, value in said.items() if _counts(key)}
    version = next((one.hash for one in versions_of(name).all() if one.runs), None)
    return {**facts, **({"image": version} if version else {})}


def _counts(name: str) -> bool:
    kind, _, rest = name.partition("-")
    if kind == "variable":
        return rest not in AROUND and not rest.startswith(AROUND_PREFIXES)
    return kind != "setting" or rest not in OWN


def meant(names: tuple[str, str]) -> dict[str, str]:
    """The reasons by what differs: from the settings of both stacks, and what the platforms differ in."""
    platforms = {platform_of(name) for name in names}
    found = dict(BETWEEN_PLATFORMS) if len(platforms) > 1 else {}
    for name in reversed(names):
        listed = read_settings(name).get(f"{stack.project_name()}:{SETTING}")
        found |= _reasons(listed)
    return found


def _reasons(listed: Any) -> dict[str, str]:
    """The setting as the stack's file has it: an object, or one as a JSON text."""
    if isinstance(listed, str):
        try:
            listed = json.loads(listed)
        except ValueError:
            listed = None
    return {str(name): str(reason) for name, reason in listed.items()} if isinstance(listed, dict) else {}


def differences(one: Mapping[str, str], other: Mapping[str, str], reasons: Mapping[str, str]) -> list[Difference]:
    """What differs, in the order of the names; what isn't meant comes first."""
    found = [
        Difference(name, (one.get(name), other.get(name)), reasons.get(name, ""))
        for name in sorted(one.keys() | other.keys())
        if one.get(name) != other.get(name)
    ]
    return sorted(found, key=lambda difference: bool(difference.reason))
