"""Django's Redis cache for a site that outlives it: while the server is away, every key is a miss.

As with memcached, what is written meanwhile is not kept, and what is deleted may be back when the server is.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any, TypeVar

from django.core.cache.backends.redis import RedisCache as DjangoRedisCache
from redis.exceptions import ConnectionError as AwayError
from redis.exceptions import OutOfMemoryError, ReadOnlyError
from redis.exceptions import TimeoutError as SilentError

from django_stack.cache_url import TIMEOUTS

T = TypeVar("T")
PAUSE = 5.0  # seconds after a failure until a process tries again
AWAY = (AwayError, SilentError)
# A server that is full of keys which don't expire, and one that has just become a replica; reading still works.
REFUSES = (OutOfMemoryError, ReadOnlyError)

logger = logging.getLogger("django_stack.caches")
_try_again: dict[str, float] = {}  # by the server's address; of this process


class RedisCache(DjangoRedisCache):
    """A cache whose operations do nothing while its server doesn't answer: `get` returns the default, `add` False,
    `incr` raises ValueError as for a missing key, and so on."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._options: dict[str, Any] = {**TIMEOUTS, **self._options}
        self._place = str(server).rpartition("@")[2]

    def add(self, key: Any, value: Any, *arguments: Any, **named: Any) -> Any:
        return self._or(False, super().add, key, value, *arguments, **named)

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        return self._or(default, super().get, key, default, version)

    def set(self, key: Any, value: Any, *arguments: Any, **named: Any) -> Any:
        return self._or(None, super().set, key, value, *arguments, **named)

    def touch(self, key: Any, *arguments: Any, **named: Any) -> Any:
        return self._or(False, super().touch, key, *arguments, **named)

    def delete(self, key: Any, version: int | None = None) -> Any:
        return self._or(False, super().delete, key, version)

    def get_many(self, keys: Any, version: int | None = None) -> Any:
        return self._or({}, super().get_many, keys, version)

    def has_key(self, key: Any, version: int | None = None) -> Any:
        return self._or(False, super().has_key, key, version)

    def incr(self, key: Any, delta: int = 1, version: int | None = None) -> Any:
        found = self._or(None, super().incr, key, delta, version)
        if found is None:
            raise ValueError(f"Key '{key}' not found.")
        return found

    def set_many(self, data: Any, *arguments: Any, **named: Any) -> Any:
        return self._or(list(data), super().set_many, data, *arguments, **named)

    def delete_many(self, keys: Any, version: int | None = None) -> Any:
        return self._or(None, super().delete_many, keys, version)

    def clear(self) -> Any:
        return self._or(False, super().clear)

    def _or(self, otherwise: T, operation: Callable[..., T], *arguments: Any, **named: Any) -> T:
        """What the operation returns, or `otherwise` while the server is away."""
        until = _try_again.get(self._place)  # one look, since another thread may take it away
        if until is not None and time.monotonic() < until:
            return otherwise
        try:
            result = operation(*arguments, **named)
        except AWAY as error:
            _try_again[self._place] = time.monotonic() + PAUSE
            if until is None:
                logger.warning("The cache does not answer, the site goes on without it: %s", error)
            return otherwise
        except REFUSES as error:
            logger.warning("The cache refuses to store: %s", error)
            return otherwise
        if until is not None and _try_again.pop(self._place, None) is not None:
            logger.info("The cache answers again.")
        return result
