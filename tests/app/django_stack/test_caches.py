"""The site outlives its cache: while the server is away, every key is a miss, and pages don't wait for it."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache.backends.redis import RedisCache as DjangoRedisCache
from django_stack import caches
from django_stack.caches import PAUSE, RedisCache
from redis.exceptions import AuthenticationError, OutOfMemoryError, ReadOnlyError, ResponseError
from redis.exceptions import ConnectionError as AwayError


@pytest.fixture(autouse=True)
def nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caches, "_try_again", {})


@pytest.fixture
def away() -> RedisCache:
    """A cache at a port where nobody listens."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    return RedisCache(f"redis://:hunter2@127.0.0.1:{port}/1", {})


@pytest.fixture
def silent() -> Iterator[RedisCache]:
    """A cache whose server takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield RedisCache(f"redis://127.0.0.1:{server.getsockname()[1]}/1", {})


def test_every_operation_is_a_miss_while_the_server_is_away(away: RedisCache) -> None:
    assert away.get("a") is None
    assert away.get("a", "otherwise") == "otherwise"
    assert away.add("a", 1) is False
    assert away.set("a", 1) is None
    assert away.touch("a") is False
    assert away.delete("a") is False
    assert away.get_many(["a", "b"]) == {}
    assert away.set_many({"a": 1, "b": 2}) == ["a", "b"], "those that were not stored"
    assert away.delete_many(["a"]) is None
    assert away.has_key("a") is False
    assert "a" not in away
    assert away.clear() is False
    assert away.get_or_set("a", lambda: "made", 60) == "made"
    for change in (away.incr, away.decr):
        with pytest.raises(ValueError, match="Key 'a' not found"):
            change("a")


def test_a_page_waits_for_a_silent_server_once_and_not_for_long(silent: RedisCache) -> None:
    begun = time.monotonic()
    for _ in range(20):
        assert silent.get("a") is None
    assert time.monotonic() - begun < 3


def test_times_of_the_url_win_over_ours() -> None:
    assert RedisCache("redis://host", {"OPTIONS": {"socket_timeout": 30}})._options == {
        "socket_connect_timeout": 1,
        "socket_timeout": 30,
    }


def test_it_is_tried_again_after_a_pause_and_told_once_each_way(
    away: RedisCache, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="django_stack.caches")
    now = [1000.0]
    asked: list[str] = []
    monkeypatch.setattr(caches.time, "monotonic", lambda: now[0])
    answer: list[Any] = [AwayError("nobody is at host:6379")]

    def get(_: DjangoRedisCache, key: str, *_arguments: Any) -> Any:
        asked.append(key)
        if isinstance(answer[0], Exception):
            raise answer[0]
        return answer[0]

    monkeypatch.setattr(DjangoRedisCache, "get", get)
    other = RedisCache("redis://127.0.0.1:6399/0", {})
    assert [away.get("a"), away.get("b")] == [None, None]
    assert asked == ["a"], "within the pause, nobody is asked"
    other.get("c")
    assert asked == ["a", "c"], "another server's absence is its own"
    now[0] += PAUSE
    assert away.get("d") is None
    answer[0] = "there"
    now[0] += PAUSE
    assert [away.get("e"), away.get("f")] == ["there", "there"]
    assert asked == ["a", "c", "d", "e", "f"]
    told = [record.getMessage() for record in caplog.records if "nobody is at host" in record.getMessage()]
    assert len(told) == 2, "once for each server"
    assert caplog.messages[-1] == "The cache answers again."
    assert "hunter2" not in caplog.text


def test_another_thread_that_finds_the_server_back_meanwhile_breaks_nothing(
    away: RedisCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Taken(dict[str, float]):
        """One whose key another thread takes away after each look at it."""

        def __contains__(self, key: object) -> bool:
            return self.pop(str(key), None) is not None

        def get(self, key: str, default: Any = None) -> Any:
            return self.pop(key, default)

    away.get("a")
    monkeypatch.setattr(caches, "_try_again", Taken(caches._try_again))
    assert away.get("a", "otherwise") == "otherwise"
    monkeypatch.setattr(DjangoRedisCache, "get", lambda *_: "there")
    assert away.get("a") == "there"


@pytest.mark.parametrize("error", [OutOfMemoryError("maxmemory"), ReadOnlyError("a replica")])
def test_a_server_that_stores_nothing_more_is_read_all_the_same(
    away: RedisCache, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def refuse(*_: Any) -> None:
        raise error

    monkeypatch.setattr(DjangoRedisCache, "set", refuse)
    monkeypatch.setattr(DjangoRedisCache, "get", lambda *_: "kept")
    away.set("a", 1)
    assert away.get("b") == "kept"


def test_a_wrong_password_is_said_and_a_wrong_command_is_no_absence(
    away: RedisCache, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def answer(error: Exception) -> None:
        def get(*_: Any) -> None:
            raise error

        monkeypatch.setattr(DjangoRedisCache, "get", get)

    answer(ResponseError("WRONGTYPE"))
    with pytest.raises(ResponseError):
        away.get("a")
    answer(AuthenticationError("invalid username-password pair"))
    assert away.get("a") is None
    assert "invalid username-password pair" in caplog.text
