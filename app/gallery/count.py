"""How many pictures there are, from the cache: counting a large table is slow, asking for its newest row is not.

What the cache says holds while the newest picture is the same, and for a minute at most. So a new picture is counted at
once, also where each process has a cache of its own. Without an answer of the cache the database counts.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from django.core.cache import cache
from django.core.paginator import Paginator
from django.utils.functional import cached_property

from gallery.models import Picture

logger = logging.getLogger(__name__)

KEY = "gallery:count"
LIFE = 60  # seconds
REST = 10.0  # seconds for which a cache that failed is left alone, so that pages do not wait for it

resting_until = 0.0


def pictures() -> int:
    """The number of pictures."""
    newest = Picture.objects.order_by("-pk").values_list("pk", flat=True).first()
    if newest is None:
        return 0
    known = ask(cache.get, KEY)
    if isinstance(known, tuple) and known[0] == newest:
        return int(known[1])
    number = Picture.objects.count()
    ask(cache.set, KEY, (newest, number), LIFE)
    return number


def forget() -> None:
    """For a picture that was deleted."""
    ask(cache.delete, KEY)


def ask(call: Callable[..., Any], *arguments: object) -> Any:
    """The cache's answer, or None if it has none or fails, whatever its client raises."""
    global resting_until  # noqa: PLW0603
    if time.monotonic() < resting_until:
        return None
    try:
        return call(*arguments)
    except Exception as error:
        resting_until = time.monotonic() + REST
        logger.warning("The cache does not answer (%s); the database counts the pictures.", type(error).__name__)
        return None


class CountedPages(Paginator):
    """Pages of all pictures."""

    @cached_property
    def count(self) -> int:
        return pictures()
