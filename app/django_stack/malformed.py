"""The error of every reader of a variable's value, and what the readers share. Needs Python's library alone."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from difflib import get_close_matches
from typing import TypeVar

T = TypeVar("T")


class MalformedError(ValueError):
    """What is wrong with a value, as the end of a sentence that begins with the variable's name; never a secret."""


def attempt(read: Callable[[], T]) -> T | None:
    """What `read` returns, or None in place of any error.

    A library's own error may repeat a part of a password. Its words are never passed on, and ours are said outside of
    its handler, so that it is not found behind them either (`__context__`).
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
    """Refuses an argument that has no meaning here: a typo would silently change what is connected to, or how.

    It is not repeated, as it could be a piece of a secret that was not URL-encoded; what was meant perhaps is said. The
    names in `instead` are other libraries'; each comes with what to write here.
    """
    unknown = set(arguments) - set(known)
    for name in sorted(unknown & set(instead or ())):
        raise MalformedError(f"has an argument {name}, which has no meaning here: {(instead or {})[name]}.")
    if unknown:
        near = {meant for name in unknown for meant in get_close_matches(name, known, n=1)}
        hint = f" (did you mean {', '.join(sorted(near))}?)" if near else ""
        rest = f"; known are {', '.join(sorted(known))}" if len(known) < 12 else ""
        raise MalformedError(f"has unknown {what}{hint}{rest}.")
