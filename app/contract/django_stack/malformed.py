"""The error of all parsers of a variable's value, and what the parsers share. Standard library only."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from difflib import get_close_matches
from typing import TypeVar

T = TypeVar("T")


class MalformedError(ValueError):
    """What is wrong with a value, as the end of a sentence that begins with the variable's name; never a secret."""


def attempt(read: Callable[[], T]) -> T | None:
    """What `read` returns, or None if it raises.

    A library's own error may contain a part of a password, so it is never passed on. Callers raise their error outside
    of the handler, so that it doesn't refer to the library's (`__context__`).
    """
    try:
        return read()
    except Exception:
        return None


def known_only(
    arguments: Iterable[str],
    known: Collection[str],
    what: str = "arguments",
    instead: Mapping[str, str] | None = None,
) -> None:
    """Refuses unknown arguments, since a typo would silently change the connection.

    The error doesn't repeat them, as they could be a piece of a secret that was not URL-encoded; it names similar known
    ones. `instead` maps names from other tools to what to write here.
    """
    unknown = set(arguments) - set(known)
    for name in sorted(unknown & set(instead or ())):
        raise MalformedError(f"has an argument {name}, which has no meaning here: {(instead or {})[name]}.")
    if unknown:
        near = {meant for name in unknown for meant in get_close_matches(name, known, n=1)}
        hint = f" (did you mean {', '.join(sorted(near))}?)" if near else ""
        rest = f"; known are {', '.join(sorted(known))}" if len(known) < 12 else ""
        raise MalformedError(f"has unknown {what}{hint}{rest}.")
