"""A stack with a cache and a mail server: what the app does with them, and what it does without."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import redis
import requests
from playwright.sync_api import Page, expect

from tests.e2e.conftest import MakeStack
from tests.e2e.stacks import SERVING, Stack
from tests.e2e.visitors import Visitor
from tests.waiting import wait_until

pytestmark = [pytest.mark.docker, pytest.mark.pulumi]

# Sessions in cache and database: each page of somebody who is logged in asks the cache.
SESSIONS = 'SESSION_ENGINE = "django.contrib.sessions.backends.cached_db"\n\napply(globals())\n'


@pytest.fixture(scope="module")
def services(make_stack: MakeStack) -> Stack:
    """A stack with both, up."""
    stack = make_stack("services", SERVING | {"cache": "valkey", "mail": "mailpit"})
    settings = stack.app / "config/settings.py"
    settings.write_text(settings.read_text().replace("\napply(globals())\n", f"\n{SESSIONS}"))
    stack.up()
    return stack


def python(stack: Stack, program: str) -> str:
    """What a program prints in the web's container, with Django set up."""
    status, output = stack.container("web").exec_run(["python", "manage.py", "shell", "--no-imports", "-c", program])
    assert status == 0, output.decode()
    return str(output.decode().strip())


def client(stack: Stack, output: str) -> Any:
    """Valkey, from this machine, by an output of the stack."""
    return redis.Redis.from_url(stack.outputs()[output], socket_timeout=5)


def mails(stack: Stack) -> list[dict[str, Any]]:
    """The mails that Mailpit shows, the newest first."""
    answer = requests.get(f"{stack.outputs()['mail_url']}/api/v1/messages", timeout=10)
    found: list[dict[str, Any]] = answer.json()["messages"]
    return found


def send(stack: Stack, subject: str) -> None:
    python(
        stack,
        "from django.conf import settings; from django.core.mail import send_mail; "
        f"send_mail({subject!r}, f'Choose a password: {{settings.SITE_URL}}/reset/abc/', None, ['you@example.com'])",
    )


def test_a_mail_arrives_and_its_link_leads_back_to_the_site(services: Stack) -> None:
    send(services, "Your password")
    (mail,) = [one for one in mails(services) if one["Subject"] == "Your password"]
    assert mail["To"][0]["Address"] == "you@example.com"
    text = requests.get(f"{services.outputs()['mail_url']}/api/v1/message/{mail['ID']}", timeout=10).json()["Text"]
    (link,) = re.findall(r"http\S+", text)
    assert link == f"{services.url}/reset/abc/", "scheme, host and port are those that visitors use"
    assert requests.get(link, timeout=10).status_code == 404, "the site answers there"


def test_the_page_of_mails_shows_them_to_people(services: Stack, page: Page) -> None:
    send(services, "Shown to people")
    said = services.run("django-stack", "ready", "-s", services.name).stdout
    assert f"The mails that the site sends: {services.outputs()['mail_url'].rstrip('/')}/\n" in said
    page.goto(services.outputs()["mail_url"])
    page.get_by_text("Shown to people").first.click()
    expect(page.get_by_role("tabpanel")).to_contain_text("Choose a password")
    expect(page.get_by_role("link", name=f"{services.url}/reset/abc/")).to_be_visible()


def test_mails_outlive_a_restart(services: Stack) -> None:
    send(services, "Kept")
    services.container("mail").restart(timeout=5)
    wait_until(lambda: _answers(services.outputs()["mail_url"]), "Mailpit's page after a restart", 20)
    assert "Kept" in [mail["Subject"] for mail in mails(services)]


def _answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/readyz", timeout=2).ok
    except requests.ConnectionError:
        return False


def test_the_cache_is_valkey_by_its_password_and_holds_nothing_for_ever(services: Stack) -> None:
    answer = python(
        services,
        "from django.core.cache import cache; cache.set('greeting', 'hello', 60); "
        "print(type(cache._connections[cache._alias]).__module__, cache.get('greeting'))",
    )
    assert answer == "django_stack.caches hello"
    valkey = client(services, "CACHE_URL")
    (key,) = [key for key in valkey.scan_iter() if key.endswith(b":greeting")]
    assert 0 < valkey.ttl(key) <= 60
    assert valkey.config_get("maxmemory-policy") == {"maxmemory-policy": "volatile-lru"}
    assert valkey.config_get("save") == {"save": ""}
    assert valkey.config_get("appendonly") == {"appendonly": "no"}
    host, port = "127.0.0.1", services.ports["cache-port"]
    with pytest.raises(redis.AuthenticationError):
        redis.Redis(host, port).ping()


def test_emptying_the_cache_leaves_the_brokers_keys(services: Stack) -> None:
    broker = client(services, "REDIS_URL")
    broker.lpush("celery", "a task")
    python(services, "from django.core.cache import cache; cache.set('a', 1); cache.clear()")
    assert client(services, "CACHE_URL").dbsize() == 0
    assert broker.lrange("celery", 0, -1) == [b"a task"]
    broker.delete("celery")


@contextmanager
def _stopped(stack: Stack, part: str) -> Iterator[None]:
    stack.container(part).kill()
    try:
        yield
    finally:
        stack.container(part).start()


def test_without_its_cache_the_site_serves_and_nobody_is_logged_out(services: Stack) -> None:
    visitor = Visitor(services)
    visitor.upload("Before")
    assert client(services, "CACHE_URL").dbsize() > 0, "sessions are cached"
    with _stopped(services, "cache"):
        begun = time.monotonic()
        for _ in range(20):
            answer = visitor.session.get(services.url, timeout=20)
            assert answer.status_code == 200
            assert "Log out" in answer.text
        assert time.monotonic() - begun < 20, "no page waits for long"
        visitor.upload("Meanwhile")
        assert services.get("/healthz/ready").status_code == 200
    log = services.container("web").logs().decode()
    assert "The cache does not answer, the site goes on without it" in log

    def is_used_again() -> bool:
        return services.get().status_code == 200 and _has_keys(services, visitor)

    wait_until(is_used_again, "the cache to be used again", 30)


def _has_keys(stack: Stack, visitor: Visitor) -> bool:
    visitor.session.get(stack.url, timeout=20)
    try:
        return bool(client(stack, "CACHE_URL").dbsize())
    except redis.ConnectionError:
        return False


def test_a_second_update_changes_nothing(services: Stack) -> None:
    before = services.ids()
    done = services.up()
    assert "unchanged" in done.stdout
    assert not re.search(r"\d+ (created|updated|replaced|deleted)", done.stdout)
    assert services.ids() == before


def test_everything_is_published_on_the_loopback_alone_and_no_password_is_in_the_state(services: Stack) -> None:
    for part, inner in (("cache", "6379/tcp"), ("mail", "8025/tcp")):
        published = {port: bound for port, bound in services.container(part).ports.items() if bound}
        assert list(published) == [inner], "SMTP is for the stack's own containers"
        assert {one["HostIp"] for one in published[inner]} == {"127.0.0.1"}
    password = services.outputs()["CACHE_URL"].partition("://:")[2].partition("@")[0]
    assert len(password) == 32
    for file in services.folder.rglob("state/**/*.json"):
        assert password not in file.read_text()
    assert password not in services.log


def test_taken_away_again_they_leave_nothing(services: Stack) -> None:
    with services.configured(cache=None, mail=None):
        services.up()
        services.wait_until_ready()
        assert services.container("cache") is None
        assert services.container("mail") is None
        assert not {"CACHE_URL", "REDIS_URL", "mail_url"} & services.outputs().keys()
        assert python(services, "import os; print(sorted(os.environ.keys() & {'CACHE_URL', 'EMAIL_URL'}))") == "[]"
