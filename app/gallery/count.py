"""How many pictures there are, from the cache: counting a large table is slow, asking for its newest row is not.

What the cache says holds while the newest picture is the same, and for a minute at most. So a new picture is counted at
once, also where each process has a cache of its own. While the cache is away, its backend says that it knows nothing.
"""

from __future__ import annotations

from django.core.cache import cache
from django.core.paginator import Paginator
from django.utils.functional import cached_property

from gallery.models import Picture

KEY = "gallery:count"
LIFE = 60  # seconds


def pictures() -> int:
    """The number of pictures."""
    newest = Picture.objects.order_by("-pk").values_list("pk", flat=True).first()
    if newest is None:
        return 0
    known = cache.get(KEY)
    if known and known[0] == newest:
        return int(known[1])
    number = Picture.objects.count()
    cache.set(KEY, (newest, number), LIFE)
    return number


def forget() -> None:
    """For a picture that was deleted."""
    cache.delete(KEY)


class CountedPages(Paginator):
    """Pages of all pictures."""

    @cached_property
    def count(self) -> int:
        return pictures()
