"""The cloud stack with a cache: a real task reaches a real Valkey by TLS and password, and outlives it."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager

import docker
import pytest

from tests.rehearsal.stacks import Stack

pytestmark = [pytest.mark.docker, pytest.mark.pulumi, pytest.mark.rehearsal]

HOSTS = r"master\.django-stack-rehearsal\.[0-9a-f]{6}\.[a-z0-9-]+\.cache\.amazonaws\.com"


@pytest.fixture(scope="module")
def cached(
    tmp_path_factory: pytest.TempPathFactory, engine: docker.DockerClient, task_network_lock: None
) -> Iterator[Stack]:
    """A stack with a cache, up."""
    stack = Stack(tmp_path_factory.mktemp("rehearsal"), engine)
    try:
        stack.up(print, {"django-stack:cache": "valkey"})
        yield stack
    finally:
        stack.down()


def python(stack: Stack, program: str) -> str:
    """What a program prints in a task of the site, with Django set up."""
    line = ["python", "manage.py", "shell", "--no-imports", "-c", program]
    status, output = stack.web().exec_run(line)
    assert status == 0, output.decode()
    return str(output.decode().strip())


def test_a_task_uses_the_cache_by_tls_and_a_certificate_that_is_verified(cached: Stack) -> None:
    answer = python(
        cached,
        "import os; from django.core.cache import cache; cache.set('greeting', 'hello', 60); "
        "client = cache._cache.get_client(); connection = client.connection_pool.get_connection(); "
        "print(cache.get('greeting'), type(connection).__name__, connection.cert_reqs.name, connection.check_hostname, "
        "os.environ['CACHE_URL'].rpartition('@')[2], os.environ['REDIS_URL'].rpartition('@')[2])",
    )
    broker = rf"{HOSTS}:6379/0\?ssl_cert_reqs=required"
    assert re.fullmatch(rf"hello SSLConnection CERT_REQUIRED True {HOSTS}:6379/1 {broker}", answer), answer


def test_emptying_the_cache_leaves_the_brokers_keys(cached: Stack) -> None:
    answer = python(
        cached,
        "import os, redis; from django.core.cache import cache; "
        "broker = redis.Redis.from_url(os.environ['REDIS_URL']); broker.lpush('celery', 'a task'); "
        "cache.set('a', 1); cache.clear(); "
        "print(cache.get('a'), broker.llen('celery'), broker.config_get('maxmemory-policy')['maxmemory-policy'])",
    )
    assert answer == "None 1 volatile-lru"


@contextmanager
def away(stack: Stack) -> Iterator[None]:
    node = stack.engine.containers.get(stack.emulator.find("rg_id=django-stack-rehearsal"))
    node.kill()
    try:
        yield
    finally:
        node.start()


def test_without_its_cache_the_site_serves(cached: Stack) -> None:
    with away(cached):
        begun = time.monotonic()
        answer = python(cached, "from django.core.cache import cache; print(cache.get('greeting', 'nothing'))")
        said, answer = answer.splitlines()
        assert "The cache does not answer, the site goes on without it" in said
        assert answer == "nothing"
        for _ in range(5):
            assert cached.get("/").status == 200
        assert time.monotonic() - begun < 30


def test_a_second_update_changes_nothing_after_a_refresh_either(cached: Stack) -> None:
    status, output = cached.update("--refresh", "--expect-no-changes")
    assert status == 0, output


def test_the_password_is_nowhere_in_clear(cached: Stack) -> None:
    password = python(cached, "import os; print(os.environ['CACHE_URL'])").partition("://:")[2].partition("@")[0]
    assert len(password) == 32
    assert password not in cached.run_pulumi("stack", "export")[1]
    definitions = cached.client("ecs").list_task_definitions()["taskDefinitionArns"]
    shown = cached.client("ecs").describe_task_definition(taskDefinition=definitions[-1])["taskDefinition"]
    assert password not in str(shown)


def test_a_second_node_and_the_end_of_the_cache(cached: Stack) -> None:
    cached.change(cache_multi_az=True)
    status, output = cached.update()
    assert status == 0, output
    group = cached.client("elasticache").describe_replication_groups()["ReplicationGroups"][0]
    assert group["MemberClusters"] == ["django-stack-rehearsal-001", "django-stack-rehearsal-002"]
    cached.change(cache=None, cache_multi_az=None)
    status, output = cached.update()
    assert status == 0, output
    assert cached.client("elasticache").describe_replication_groups()["ReplicationGroups"] == []
    assert python(cached, "import os; print('CACHE_URL' in os.environ)") == "False"
    assert cached.get("/").status == 200
