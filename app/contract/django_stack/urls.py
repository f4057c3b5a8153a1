"""What the parsers of DATABASE_URL, CACHE_URL and EMAIL_URL share."""

from __future__ import annotations

import re
from importlib.util import find_spec
from urllib.parse import SplitResult, parse_qsl, urlsplit

from django_stack.malformed import MalformedError, attempt

YES, NO = {"1", "true", "yes", "on", "y", "t"}, {"0", "false", "no", "off", "n", "f"}
# Added to the error about a URL that can't be parsed: usually the password was not encoded.
ENCODED = "a password URL-encoded: / # ? @ [ ] % are %2F %23 %3F %40 %5B %5D %25"


def url_parts(text: str, addresses: frozenset[str] = frozenset()) -> SplitResult | None:
    """The parts of a URL, or None if it is not one: an @ after the host means a password that was not URL-encoded.

    The arguments in `addresses` may contain one.
    """
    parts = attempt(lambda: urlsplit(text))
    if parts is None or parts.fragment or "@" in parts.path or re.search(r"[\x00-\x1f\x7f]", text):
        return None
    at = [name for name, value in parse_qsl(parts.query, keep_blank_values=True) if "@" in name + value]
    if "@" in parts.query and not (at and addresses.issuperset(at)):
        return None
    return parts


def host_of(netloc: str) -> str | None:
    """The host in USER:PASSWORD@HOST:PORT; None if there is none, or if the port is invalid."""

    def read() -> str | None:
        parts = urlsplit(f"//{netloc}")
        return parts.hostname if parts.port != 0 else None

    return attempt(read)


def yes_or_no(name: str, text: str) -> bool:
    """An argument that is true or false."""
    if text.lower() not in YES | NO:
        raise MalformedError(f"has an argument {name} that is neither true nor false.")
    return text.lower() in YES


def arguments_of(query: str) -> dict[str, str]:
    """The arguments of a query; refuses one that is given twice."""
    pairs = parse_qsl(query, keep_blank_values=True)
    if len(pairs) != len({name.lower() for name, _ in pairs}):
        raise MalformedError("has an argument twice.")
    return dict(pairs)


def installed(scheme: str, module: str, package: str) -> None:
    """Refuses a scheme whose package is not in the image."""
    if module and not attempt(lambda: find_spec(module)):
        raise MalformedError(f"asks for {scheme}, but the package `{package}` is not installed.")
