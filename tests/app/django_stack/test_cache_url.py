"""CACHE_URL in the spellings of django-environ, which is asked itself, django-cache-url 3.4, redis-py and kombu.

Every scheme and every option that they know means what it means there, or is refused with the right form named.
"""

from __future__ import annotations

import re
import ssl
from typing import Any

import pytest
from django.core.cache.backends.redis import RedisCache
from django_stack.cache_url import OURS, TIMEOUTS, cache
from django_stack.malformed import MalformedError
from environ import Env
from redis.connection import SSLConnection, UnixDomainSocketConnection

from tests.app.environment import everything_said

pytestmark = pytest.mark.report("tabbycat#1841")

HOST_NAME = {"ssl_check_hostname": True}  # whichever redis-py is installed


@pytest.mark.usefixtures("everything_installed")
@pytest.mark.parametrize("scheme", sorted(Env.CACHE_SCHEMES))
def test_every_scheme_of_a_cache_means_the_same(scheme: str) -> None:
    url = {
        "dbcache": "dbcache://a_table",
        "filecache": "filecache:///var/cache",
        **dict.fromkeys(("dummycache", "locmemcache"), f"{scheme}://"),
    }.get(scheme, f"{scheme}://host:6379")
    theirs, ours = Env.cache_url_config(url), cache(url)
    if scheme == "memcache":  # its backend is gone since Django 4.1
        theirs["BACKEND"] = Env.CACHE_SCHEMES["pymemcache"]
    theirs["BACKEND"] = OURS.get(theirs["BACKEND"], theirs["BACKEND"])
    if scheme in ("valkey", "valkeys"):  # it forgets the scheme, which Django's backend needs
        theirs["LOCATION"] = f"redis{scheme.removeprefix('valkey')}://{theirs['LOCATION']}"
    assert ours == theirs | ({"OPTIONS": HOST_NAME} if scheme in ("rediss", "valkeys") else {})


@pytest.mark.usefixtures("everything_installed")
@pytest.mark.parametrize(
    ("url", "backend", "location"),
    [  # django-cache-url's own table
        ("db://a_table", "db.DatabaseCache", "a_table"),
        ("dummy://", "dummy.DummyCache", ""),
        ("file:///var/cache", "filebased.FileBasedCache", "/var/cache"),
        ("locmem://", "locmem.LocMemCache", ""),
        ("locmem://one", "locmem.LocMemCache", "one"),
        ("memcached://host:11211", "memcached.PyLibMCCache", "host:11211"),
        ("memcached:///tmp/memcached.sock", "memcached.PyLibMCCache", "unix:/tmp/memcached.sock"),
        ("memcached://a:1,b:2", "memcached.PyLibMCCache", ["a:1", "b:2"]),
        ("pymemcache://host:11211", "memcached.PyMemcacheCache", "host:11211"),
        ("pymemcached://host:11211", "memcached.PyMemcacheCache", "host:11211"),
        ("redis://:p@host:6379/1", "redis.RedisCache", "redis://:p@host:6379/1"),
        ("rediss://me:p@host:6379/1", "redis.RedisCache", "rediss://me:p@host:6379/1"),
        ("hiredis://host/2", "redis.RedisCache", "redis://host/2"),
        ("redis:///run/redis.sock/1", "redis.RedisCache", "unix:///run/redis.sock?db=1"),
        # redis-py's and kombu's
        ("unix:///run/redis.sock?db=3", "redis.RedisCache", "unix:///run/redis.sock?db=3"),
        ("unix://me:p@/run/redis.sock", "redis.RedisCache", "unix://me:p@/run/redis.sock"),
        ("redis+socket:///run/redis.sock?virtual_host=2", "redis.RedisCache", "unix:///run/redis.sock?db=2"),
        ("redis://host?db=4", "redis.RedisCache", "redis://host/4"),
        # django-environ's several hosts
        ("redis://a:1,b:2/0", "redis.RedisCache", ["redis://a:1/0", "redis://b:2/0"]),
    ],
)
def test_a_cache_is_where_it_is_elsewhere(url: str, backend: str, location: object) -> None:
    found = cache(url)
    if backend == "memcached.PyMemcacheCache":
        backend = Env.CACHE_SCHEMES["pymemcache"].removeprefix("django.core.cache.backends.")
    wanted = f"django.core.cache.backends.{backend}"
    assert (found["BACKEND"], found["LOCATION"]) == (OURS.get(wanted, wanted), location)
    assert found.get("OPTIONS", {}) == (HOST_NAME if url.startswith("rediss") else {})


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("timeout=60&key_prefix=a&version=2", {"TIMEOUT": 60, "KEY_PREFIX": "a", "VERSION": 2}),
        ("TIMEOUT=60&KEY_PREFIX=a", {"TIMEOUT": 60, "KEY_PREFIX": "a"}),
        ("timeout=None", {"TIMEOUT": None}),
        ("key_function=shop.keys.make", {"KEY_FUNCTION": "shop.keys.make"}),
        ("socket_timeout=0.5&socket_connect_timeout=3", {"socket_timeout": 0.5, "socket_connect_timeout": 3}),
        ("max_connections=9&health_check_interval=30", {"max_connections": 9, "health_check_interval": 30}),
        ("retry_on_timeout=true&socket_keepalive=True", {"retry_on_timeout": True, "socket_keepalive": True}),
        ("protocol=3&client_name=web", {"protocol": 3, "client_name": "web"}),
        ("ssl_cert_reqs=none", {"ssl_cert_reqs": "none"}),
        ("ssl_cert_reqs=None", {"ssl_cert_reqs": "none"}),
        ("ssl_cert_reqs=CERT_NONE", {"ssl_cert_reqs": "none"}),
        ("ssl_cert_reqs=ssl.CERT_NONE", {"ssl_cert_reqs": "none"}),
        ("ssl_cert_reqs=optional", {"ssl_cert_reqs": "optional"}),
        ("ssl_cert_reqs=CERT_REQUIRED", {"ssl_cert_reqs": "required"}),
        ("ssl_ca_certs=/ca.pem&ssl_check_hostname=false", {"ssl_ca_certs": "/ca.pem", "ssl_check_hostname": False}),
    ],
)
def test_a_caches_arguments_reach_django_or_redis_py(query: str, expected: dict[str, Any]) -> None:
    found = cache(f"rediss://:p@host:6379/1?{query}")
    options = {"ssl_check_hostname": expected.get("ssl_cert_reqs") != "none"}
    options |= {name: value for name, value in expected.items() if name.islower()}
    of_django = {name: value for name, value in expected.items() if name.isupper()}
    assert {name: found[name] for name in found.keys() - {"BACKEND", "LOCATION"}} == {**of_django, "OPTIONS": options}
    RedisCache(found["LOCATION"], {})._class([found["LOCATION"]], **options).get_client()


@pytest.mark.parametrize(
    ("query", "verify", "check_hostname"),
    [
        ("", ssl.CERT_REQUIRED, True),
        ("?ssl_cert_reqs=none", ssl.CERT_NONE, False),
        ("?ssl_cert_reqs=required&ssl_check_hostname=false", ssl.CERT_REQUIRED, False),
    ],
)
def test_a_certificate_is_verified_unless_the_url_says_otherwise(
    query: str, verify: ssl.VerifyMode, check_hostname: bool
) -> None:
    found = cache(f"rediss://:p@host:6379/1{query}")
    pool = RedisCache(found["LOCATION"], {"OPTIONS": found.get("OPTIONS", {})})._cache.get_client().connection_pool
    connection = pool.connection_class(**pool.connection_kwargs)
    assert isinstance(connection, SSLConnection)
    assert (connection.cert_reqs, connection.check_hostname) == (verify, check_hostname)


def test_a_socket_is_reached_by_redis_py() -> None:
    found = cache("unix://me:p%2F@/run/redis.sock?db=3")
    pool = RedisCache(found["LOCATION"], {})._cache.get_client().connection_pool
    assert pool.connection_class is UnixDomainSocketConnection
    kwargs = {name: pool.connection_kwargs[name] for name in ("path", "db", "username", "password")}
    assert kwargs == {"path": "/run/redis.sock", "db": 3, "username": "me", "password": "p/"}


@pytest.fixture
def django_redis(monkeypatch: pytest.MonkeyPatch, everything_installed: None) -> None:
    """What django-environ makes of the schemes once django-redis is installed."""
    for scheme in ("redis", "rediss"):
        monkeypatch.setitem(Env.CACHE_SCHEMES, scheme, "django_redis.cache.RedisCache")


@pytest.mark.usefixtures("django_redis")
def test_django_redis_gets_its_options_in_its_own_form() -> None:
    found = cache("rediss://host/1?client_class=django_redis.client.DefaultClient&ssl_cert_reqs=none&timeout=5")
    assert found == {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": "rediss://host/1",
        "TIMEOUT": 5,
        "OPTIONS": {
            "CLIENT_CLASS": "django_redis.client.DefaultClient",
            "IGNORE_EXCEPTIONS": True,
            "CONNECTION_POOL_KWARGS": {**TIMEOUTS, "ssl_cert_reqs": "none", "ssl_check_hostname": False},
        },
    }


@pytest.mark.usefixtures("django_redis")
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", {"IGNORE_EXCEPTIONS": True, "CONNECTION_POOL_KWARGS": TIMEOUTS}),
        (
            "?socket_timeout=3",
            {"IGNORE_EXCEPTIONS": True, "CONNECTION_POOL_KWARGS": {"socket_connect_timeout": 1, "socket_timeout": 3}},
        ),
        ("?ignore_exceptions=false", {"IGNORE_EXCEPTIONS": False}),
    ],
)
def test_a_site_outlives_the_cache_of_django_redis_too(query: str, expected: dict[str, Any]) -> None:
    assert cache(f"redis://host/1{query}")["OPTIONS"] == expected


@pytest.mark.parametrize("scheme", ["locmem", "db"])
def test_a_cache_that_django_culls_takes_its_limits(scheme: str) -> None:
    assert cache(f"{scheme}://name?max_entries=5&cull_frequency=2")["OPTIONS"] == {
        "MAX_ENTRIES": 5,
        "CULL_FREQUENCY": 2,
    }


REFUSED_CACHES = [
    ("redis://:hunter2@host?ssl_cert_reqs=none", "no TLS: write rediss:// instead of redis://"),
    ("redis://:hunter2@host?ssl=true", "write rediss:// instead of redis://"),
    ("rediss://:hunter2@host?ssl_cert_reqs=hunter2", "ssl_cert_reqs that is none of none, optional, required"),
    ("rediss:///run/redis.sock", "write unix:///SOCKET"),
    ("redis+tls://:hunter2@host", "write rediss://HOST:6379/0"),
    ("redis-sentinel://:hunter2@host", "needs django-redis"),
    ("redis-cache://:hunter2@host", "write redis://HOST:6379/0"),
    ("hiredis://host", "the package `hiredis` is not installed"),
    ("memcached://host", "the package `pymemcache` is not installed"),
    ("memcache://me:hunter2@host", "is not a cache URL"),
    ("uwsgicache://", "write redis://HOST:6379/0 or locmem://"),
    ("elasticache://host", "write memcache://HOST:11211"),
    ("djangopylibmc://host", "write pylibmc://HOST:11211"),
    ("redis://host?client_class=hunter2.Client", "is django-redis's, which is not installed"),
    ("redis://default:hunter2@host?family=0", "ioredis's; remove it"),
    ("redis://host?lib=redis-cache", "django-cache-url's; remove it"),
    ("redis://host?binary=1", "django-pylibmc's; remove it"),
    ("redis://host?decode_responses=true", "Django stores bytes"),
    ("redis://host/1?db=2", "names two databases"),
    ("redis://host?db=hunter2", "an argument db that is not a whole number"),
    ("redis://host?key_function=hunter2", "an argument key_function that is not the dotted path"),
    ("redis://host?max_entries=5", "unknown arguments"),
    ("unix://host:6379/0", "is not a cache URL"),
    ("valkey://:hun/ter2@host", "a password URL-encoded"),
]


@pytest.mark.parametrize(("url", "message"), REFUSED_CACHES)
def test_what_has_no_meaning_is_refused_with_the_right_form(url: str, message: str) -> None:
    with pytest.raises(MalformedError, match=re.escape(message)) as caught:
        cache(url)
    assert "hun" not in everything_said(caught.value)
