"""A stack without https: projects whose cookies demand https, and tunnels that bring it back, over a real socket."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.app.environment import CLOUD, LOCAL, settings_of
from tests.app.served import Site, manage, served
from tests.e2e.visitors import chromium

# As cookiecutter-django's production.py, and its kin.
DEMANDING = """
SESSION_COOKIE_NAME = "__Secure-sessionid"
CSRF_COOKIE_NAME = "__Host-csrftoken"
LANGUAGE_COOKIE_NAME = "__Secure-language"
LANGUAGE_COOKIE_SECURE = True
SESSION_COOKIE_DOMAIN = ".example.com"
CSRF_COOKIE_DOMAIN = "example.com"
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "None"
SESSION_ENGINE = "django.contrib.sessions.backends.cache"
"""


@pytest.mark.browser
@pytest.mark.report("joining bug 5")
def test_chromium_logs_in_whatever_the_projects_cookies_demand(tmp_path: Path) -> None:
    more = {"DJANGO_SUPERUSER_PASSWORD": "a-good-password", "WEB_CONCURRENCY": "3"}
    with served(tmp_path, "gunicorn", DEMANDING, **more) as site:
        assert manage(tmp_path, "migrate").returncode == 0
        created = manage(tmp_path, "createsuperuser", "--noinput", "--username=ada", "--email=a@b.org", **more)
        assert created.returncode == 0, created.stderr
        with chromium() as browser:
            page = browser.new_page()
            page.goto(f"http://localhost:{site.port}/admin/")
            page.get_by_label("Username").fill("ada")
            page.get_by_label("Password").fill("a-good-password")
            page.get_by_role("button", name="Log in").click()
            for _ in range(8):  # whichever of the processes answers
                page.goto(f"http://localhost:{site.port}/admin/")
                assert page.get_by_role("button", name="Log out").count() == 1
            assert {cookie["name"] for cookie in page.context.cookies()} >= {"sessionid", "csrftoken"}


@pytest.mark.report("joining bug 5")
@pytest.mark.parametrize("kind", ["SESSION", "CSRF", "LANGUAGE"])
@pytest.mark.parametrize("prefix", ["__Secure-", "__Host-", "__secure-", "__HOST-", "__Http-", "__Host-Http-"])
def test_prefixes_that_demand_https_are_taken_off_without_it_only(kind: str, prefix: str) -> None:
    project = {f"{kind}_COOKIE_NAME": prefix + "mine"}
    assert settings_of(LOCAL, **project)[f"{kind}_COOKIE_NAME"] == "mine"
    assert settings_of(CLOUD, **project)[f"{kind}_COOKIE_NAME"] == prefix + "mine"


@pytest.mark.parametrize("name", ["mine", "__mine", "my__Host-x"])
def test_other_names_stay(name: str) -> None:
    assert settings_of(LOCAL, SESSION_COOKIE_NAME=name)["SESSION_COOKIE_NAME"] == name


@pytest.mark.report("joining bug 5")
@pytest.mark.parametrize(
    ("environ", "domain", "expected"),
    [
        (LOCAL, ".example.com", None),
        (LOCAL, "localhost", "localhost"),
        (CLOUD, ".example.com", ".example.com"),
        (CLOUD, "WWW.Example.com", "WWW.Example.com"),
        (CLOUD, "xample.com", None),
        (CLOUD, "other.example.com", None),
        ({**CLOUD, "DOMAIN": "d1.cloudfront.net"}, ".example.com", None),
    ],
)
def test_a_cookies_domain_stays_where_the_site_is_part_of_it(
    environ: dict[str, str], domain: str, expected: str | None
) -> None:
    for kind in ("SESSION", "CSRF", "LANGUAGE"):
        assert settings_of(environ, **{f"{kind}_COOKIE_DOMAIN": domain})[f"{kind}_COOKIE_DOMAIN"] == expected


def test_same_site_none_needs_https() -> None:
    for none in ("None", "none"):
        assert settings_of(LOCAL, SESSION_COOKIE_SAMESITE=none)["SESSION_COOKIE_SAMESITE"] == "Lax"
        assert settings_of(CLOUD, SESSION_COOKIE_SAMESITE=none)["SESSION_COOKIE_SAMESITE"] == none
    for other in ("Strict", None, False):
        assert settings_of(LOCAL, SESSION_COOKIE_SAMESITE=other)["SESSION_COOKIE_SAMESITE"] == other


@pytest.mark.parametrize("engine", ["cache", "cached_db"])
def test_sessions_are_not_kept_in_a_cache_that_each_process_has_for_itself(engine: str) -> None:
    project = {"SESSION_ENGINE": f"django.contrib.sessions.backends.{engine}"}
    assert settings_of(LOCAL, **project)["SESSION_ENGINE"] == "django.contrib.sessions.backends.db"
    shared = {**LOCAL, "CACHE_URL": "dbcache://cache"}
    assert settings_of(shared, **project)["SESSION_ENGINE"] == project["SESSION_ENGINE"]
    assert "django.contrib.sessions" not in settings_of(shared, **project, INSTALLED_APPS=["shop"])["INSTALLED_APPS"]
    own = {"SESSION_CACHE_ALIAS": "own", "CACHES": {"own": {"BACKEND": "django.core.cache.backends.redis.RedisCache"}}}
    assert settings_of(LOCAL, **project, **own)["SESSION_ENGINE"] == project["SESSION_ENGINE"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["shop"], ["django_stack", "shop", "django.contrib.sessions"]),
        (["django.contrib.sessions", "shop"], ["django_stack", "django.contrib.sessions", "shop"]),
        (
            ["shop", "django.contrib.sessions.apps.SessionsConfig"],
            ["django_stack", "shop", "django.contrib.sessions.apps.SessionsConfig"],
        ),
    ],
)
def test_sessions_in_the_database_have_their_table(given: list[str], expected: list[str]) -> None:
    """In a cache they need no app, and two of one label end Django."""
    project = {"SESSION_ENGINE": "django.contrib.sessions.backends.cache", "INSTALLED_APPS": given}
    assert settings_of(LOCAL, **project)["INSTALLED_APPS"] == expected


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        (LOCAL, False),
        (CLOUD, True),  # which is www.example.com
        ({**CLOUD, "DOMAIN": "example.org", "DOMAIN_ALIASES": "www.example.org"}, True),
        ({**CLOUD, "DOMAIN": "example.org", "DOMAIN_ALIASES": ".example.org"}, True),
        ({**CLOUD, "DOMAIN": "d1.cloudfront.net"}, False),
    ],
)
def test_nobody_is_sent_to_a_www_that_is_not_answered(environ: dict[str, str], expected: bool) -> None:
    assert settings_of(environ, PREPEND_WWW=True)["PREPEND_WWW"] is expected


TUNNEL = "x.ngrok.example"
PROXY = "https://site.example:8443"


@pytest.fixture(scope="module", params=["gunicorn", "runserver"])
def tunnelled(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A stack whose domain-aliases name a tunnel, with a proxy's origin besides."""
    folder = tmp_path_factory.mktemp("site")
    aliases = f"localhost,127.0.0.1,{TUNNEL},.app.github.example,site.example"
    with served(folder, request.param, DOMAIN_ALIASES=aliases, CSRF_TRUSTED_ORIGINS=PROXY) as site:
        yield site


def sent(site: Site, host: str, origin: str) -> tuple[int, bytes]:
    """A form, posted from a page of that origin to what the proxy or tunnel calls that host."""
    page = site.raw(f"GET /form HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    token = page.partition(b"\r\n\r\n")[2].split()[0]
    cookie = page.partition(b"csrftoken=")[2].partition(b";")[0]
    body = b"word=yes&csrfmiddlewaretoken=" + token
    head = (
        f"POST /form HTTP/1.1\r\nHost: {host}\r\nOrigin: {origin}\r\nReferer: {origin}/form\r\n"
        f"X-Forwarded-Proto: https\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\nCookie: csrftoken="
    )
    answer = site.raw(head.encode() + cookie + b"\r\n\r\n" + body)
    return int(answer.split()[1]), answer


@pytest.mark.report("obico-server#876")
@pytest.mark.parametrize(
    ("host", "origin"),
    [
        (TUNNEL, f"https://{TUNNEL}"),  # ngrok, cloudflared: Host as the visitor typed it
        ("localhost:8000", f"https://{TUNNEL}"),  # Codespaces, ngrok --host-header: Host rewritten
        ("a-8000.app.github.example", "https://a-8000.app.github.example"),
        ("site.example", PROXY),  # a proxy that drops the port
        ("localhost", "http://localhost"),
        ("127.0.0.1", "https://localhost"),
    ],
)
def test_a_form_comes_through_a_tunnel(tunnelled: Site, host: str, origin: str) -> None:
    assert sent(tunnelled, host, origin)[0] == 200


@pytest.mark.parametrize(
    "origin", ["https://evil.example", f"https://{TUNNEL}.evil.example", f"https://{TUNNEL}:444", "null"]
)
def test_forms_of_other_sites_are_refused_as_ever(tunnelled: Site, origin: str) -> None:
    assert sent(tunnelled, TUNNEL, origin)[0] == 403


@pytest.mark.report("obico-server#876")
def test_behind_a_tunnel_nothing_is_redirected_and_addresses_say_http(tunnelled: Site) -> None:
    """Nobody's word for https is believed: docs/bring-your-own.md says what that means."""
    request = f"GET /echo HTTP/1.1\r\nHost: {TUNNEL}\r\nX-Forwarded-Proto: https\r\nConnection: close\r\n\r\n"
    answer = tunnelled.raw(request.encode())
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert f'"address": "http://{TUNNEL}/echo", "secure": false'.encode() in answer


def test_with_https_plain_http_origins_stay_untrusted(handed: Callable[..., None]) -> None:
    assert settings_of(CLOUD)["CSRF_TRUSTED_ORIGINS"] == ["https://www.example.com", "https://example.net"]
