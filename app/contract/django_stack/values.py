"""Parsers of plain values: each takes a text and returns the typed value, or raises `MalformedError`.

URLs have modules of their own: `database_url.py`, `cache_url.py`, `email_url.py`, `storage_dsn.py`.
"""

from __future__ import annotations

import re
from email.utils import parseaddr
from functools import partial
from importlib.util import find_spec
from pathlib import PurePath

from django.core.validators import validate_email

from django_stack.malformed import MalformedError, attempt
from django_stack.urls import url_parts


def words(text: str) -> tuple[str, ...]:
    """Comma-separated words, without surrounding spaces."""
    return tuple(word.strip() for word in text.split(",") if word.strip())


def secret_key(text: str) -> str:
    """A key that passes Django's own check (security.W009), which here applies before a server starts."""
    if len(text) < 50 or len(set(text)) < 5 or text.startswith("django-insecure-"):
        raise MalformedError("is too weak: it needs 50 random characters or more, and not the ones of `startproject`.")
    return text


def secret_keys(text: str) -> tuple[str, ...]:
    """Comma-separated keys. Old keys still verify signatures, so they must be as strong as new ones."""
    return tuple(secret_key(word) for word in words(text))


HOST = re.compile(r"\.?[a-z0-9_]([a-z0-9_.-]*[a-z0-9])?|\[[0-9a-f:.]+\]", re.IGNORECASE)


def host_name(text: str) -> str:
    """A host name or address; a leading dot includes all subdomains, as in ALLOWED_HOSTS."""
    if len(text) > 253 or ".." in text or not HOST.fullmatch(text):
        raise MalformedError(f"has {text[:100]!r}, which is not a host name (without scheme, port, path or *).")
    return text.lower()


def domain(text: str) -> str:
    """The one host name to which visitors are redirected, so without a leading dot."""
    if text.startswith("."):
        raise MalformedError(f"has {text[:100]!r}, which is not one host name; DOMAIN_ALIASES takes a leading dot.")
    return host_name(text)


def host_names(text: str) -> tuple[str, ...]:
    """Comma-separated host names."""
    return tuple(host_name(word) for word in words(text))


def origins(text: str) -> tuple[str, ...]:
    """Comma-separated origins (scheme, host and perhaps port), as in a browser's Origin header; `*.` means
    subdomains."""
    for word in words(text):
        match = re.fullmatch(r"https?://(\*\.)?([^/?#@:\s*]+|\[[^/\]]+\])(:\d{1,5})?", word, re.IGNORECASE)
        if not match or not attempt(partial(host_name, match[2])):
            raise MalformedError(f"has {word[:100]!r}, which is not an origin, like https://www.example.com:8443.")
    return tuple(word.lower() for word in words(text))


def site_url(text: str) -> str:
    """Scheme, host and perhaps port under which visitors reach the site, without a slash at the end."""
    place = text.rstrip("/")
    if "," in place or "*" in place or not attempt(lambda: origins(place)):
        raise MalformedError(
            f"has {text[:100]!r}, which is not scheme and host of a site, like https://www.example.com."
        )
    return place.lower()


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


def sentry(text: str) -> str:
    """The address of a Sentry project."""
    if not find_spec("sentry_sdk"):
        raise MalformedError("is set, but the package `sentry-sdk` is not installed.")
    from sentry_sdk.utils import Dsn  # noqa: PLC0415  (optional)

    if not url_parts(text) or re.search(r"\s", text) or not attempt(lambda: Dsn(text)):
        raise MalformedError("is not a Sentry DSN (https://KEY@HOST/PROJECT).")
    return text
