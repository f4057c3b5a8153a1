"""Behind a load balancer: probes by address, host names, redirects, the proxy's header, a login over plain http."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError, connections
from django.db.migrations.loader import MigrationLoader
from django.test import Client, RequestFactory
from django_stack import health, visitors

from tests.app.environment import CLOUD, LOCAL

GALLERY = ["gallery.0001_initial", "gallery.0002_picture_thumbnail"]  # its migrations
BY_ADDRESS = {"HTTP_HOST": "10.0.12.7:8000"}


@pytest.fixture
def just_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that was not ready yet."""
    monkeypatch.setattr(health, "was_ready", bytearray(1))


@pytest.mark.usefixtures("cloud")
def test_liveness_answers_by_address_over_http_without_the_database_once_it_was_ready(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No `db` fixture: any query would fail this test. docs/handbook.md, fault 5: there a probe by address gets 400."""
    monkeypatch.setattr(health, "was_ready", bytearray([1]))
    response = client.get("/healthz/live", **BY_ADDRESS)
    assert (response.status_code, response.json()) == (200, {"status": "ok"})
    assert response["Cache-Control"] == "no-store"


@pytest.mark.usefixtures("cloud", "db", "just_started")
def test_liveness_is_earned_by_having_been_ready_and_kept_from_then_on(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A load balancer gives a version requests, and takes the old one's away, because of this answer."""
    with monkeypatch.context() as patch:
        patch.setattr(connections["default"], "cursor", broken)
        response = client.get("/healthz/live", **BY_ADDRESS)
        assert (response.status_code, response.json()["database"]) == (503, "does not answer")
    assert client.get("/healthz/live", **BY_ADDRESS).status_code == 200
    with monkeypatch.context() as patch:
        patch.setattr(connections["default"], "cursor", broken)
        assert client.get("/healthz/live", **BY_ADDRESS).status_code == 200
        assert client.get("/healthz/ready", **BY_ADDRESS).status_code == 503


@pytest.mark.usefixtures("cloud", "db", "just_started")
def test_a_server_whose_migrations_are_missing_is_not_alive_yet(client: Client) -> None:
    with connections["default"].cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'gallery'")
    response = client.get("/healthz/live", **BY_ADDRESS)
    assert (response.status_code, response.json()["migrations not applied"]) == (503, GALLERY)


def broken(*_: object) -> None:
    raise OperationalError("connection to db.example.com failed for user app")


@pytest.mark.usefixtures("cloud", "db")
def test_readiness_answers_by_address_over_http(client: Client) -> None:
    response = client.get("/healthz/ready", **BY_ADDRESS)
    assert (response.status_code, response.json()["migrations"]) == (200, "applied")


@pytest.mark.usefixtures("cloud", "db")
def test_readiness_names_the_migrations_that_are_missing(client: Client) -> None:
    with connections["default"].cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'gallery'")
    response = client.get("/healthz/ready", **BY_ADDRESS)
    assert response.status_code == 503
    assert response.json()["migrations not applied"] == GALLERY


@pytest.mark.usefixtures("cloud", "db")
def test_readiness_imports_no_migration_when_all_are_applied(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each worker would import thousands of them when it starts, to find out that there is nothing to do."""
    assert health.names_of_migrations() == {*MigrationLoader(connections["default"]).disk_migrations}
    monkeypatch.setattr(health, "MigrationExecutor", lambda connection: pytest.fail("migrations are imported"))
    assert client.get("/healthz/ready", **BY_ADDRESS).status_code == 200


@pytest.mark.usefixtures("cloud", "db")
@pytest.mark.parametrize("error", [ImportError("a broken package"), ModuleNotFoundError("of another module", name="x")])
def test_readiness_asks_djangos_loader_where_names_cannot_tell(
    error: ImportError, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(name: str) -> object:
        raise error

    monkeypatch.setattr(health, "import_module", refuse)
    assert health.names_of_migrations() is None
    with connections["default"].cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'gallery'")
    assert client.get("/healthz/ready", **BY_ADDRESS).json()["migrations not applied"] == GALLERY


@pytest.mark.usefixtures("cloud", "db")
def test_readiness_says_that_the_database_does_not_answer_and_not_where_it_is(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reason's own words name hosts and users."""
    with monkeypatch.context() as patch:
        patch.setattr(connections["default"], "cursor", broken)
        response = client.get("/healthz/ready", **BY_ADDRESS)
    assert (response.status_code, response.json()) == (503, {"status": "unavailable", "database": "does not answer"})


@pytest.mark.usefixtures("cloud")
@pytest.mark.parametrize("host", ["evil.example", "10.0.12.7", "www.example.com.evil.example", "www.example.com:x", ""])
def test_other_hosts_are_refused(client: Client, host: str) -> None:
    response = client.get("/", secure=True, HTTP_HOST=host)
    assert response.status_code == 400
    assert b"That request made no sense" in response.content


@pytest.mark.usefixtures("cloud")
@pytest.mark.parametrize("host", ["example.com", "old.example.com", "OLD.example.com:443"])
def test_redirected_domains_go_to_the_domain_with_path_and_query(client: Client, host: str) -> None:
    response = client.get("/pictures/1/?page=2&q=%C3%A9", HTTP_HOST=host)
    assert response.status_code == 301
    assert response["Location"] == "https://www.example.com/pictures/1/?page=2&q=%C3%A9"


def test_redirects_over_plain_http_keep_scheme_and_port(client: Client, handed: Callable[..., None]) -> None:
    handed({**LOCAL, "DOMAIN_REDIRECTS": "old.localhost"})
    assert client.get("/x", HTTP_HOST="old.localhost:8000")["Location"] == "http://localhost:8000/x"


@pytest.mark.usefixtures("cloud")
def test_a_redirect_never_leads_to_another_site(client: Client) -> None:
    response = client.get("//evil.example/%2e%2e", HTTP_HOST="example.com")
    assert response["Location"].startswith("https://www.example.com/")


@pytest.mark.usefixtures("cloud", "db")
def test_the_proxys_header_is_believed_when_configured_so_there_is_no_loop(client: Client) -> None:
    """docs/handbook.md, fault 4: there gunicorn answers https with a redirect to https, for ever."""
    assert client.get("/", HTTP_HOST="www.example.com", HTTP_X_FORWARDED_PROTO="https").status_code == 200
    assert client.get("/", HTTP_HOST="www.example.com", HTTP_X_FORWARDED_PROTO="http").status_code == 301


@pytest.mark.usefixtures("db")
def test_the_proxys_header_is_not_believed_unless_configured(client: Client, handed: Callable[..., None]) -> None:
    handed({**CLOUD, "SECURE_PROXY_SSL_HEADER": ""})
    assert client.get("/", HTTP_HOST="www.example.com", HTTP_X_FORWARDED_PROTO="https").status_code == 301


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("environ", "host", "secure"), [(LOCAL, "localhost:8000", False), (CLOUD, "www.example.com", True)]
)
def test_login_with_csrf_works(
    handed: Callable[..., None], member: Any, environ: dict[str, str], host: str, secure: bool
) -> None:
    """docs/handbook.md, fault 5: there the admin's login is refused on a custom domain."""
    handed({**environ, "DJANGO_DEBUG": ""})
    client = Client(enforce_csrf_checks=True, HTTP_HOST=host, HTTP_X_FORWARDED_PROTO="https" if secure else "http")
    client.get("/login/", secure=secure)
    origin = f"{'https' if secure else 'http'}://{host}"
    form = {
        "username": member.username,
        "password": "a-good-password",
        "csrfmiddlewaretoken": client.cookies["csrftoken"].value,
    }
    response = client.post("/login/", form, secure=secure, HTTP_ORIGIN=origin, HTTP_REFERER=origin + "/login/")
    assert (response.status_code, response["Location"]) == (302, "/")
    assert bool(client.cookies["sessionid"]["secure"]) is secure
    evil = client.post("/login/", form, secure=secure, HTTP_ORIGIN="https://evil.example")
    assert evil.status_code == 403
    assert b"This form has expired" in evil.content


@pytest.mark.usefixtures("cloud", "db")
def test_security_headers(client: Client) -> None:
    response = client.get("/", secure=True, HTTP_HOST="www.example.com", HTTP_X_FORWARDED_PROTO="https")
    assert response["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Referrer-Policy"] == "same-origin"
    assert response["X-Frame-Options"] == "DENY"
    assert response["Cross-Origin-Opener-Policy"] == "same-origin"
    policy = response["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy


@pytest.mark.usefixtures("local", "db")
def test_sessions_outlive_a_rotated_key(client: Client, member: Any, settings: Any) -> None:
    client.force_login(member)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another" * 10
    assert b"Log out" in client.get("/").content


@pytest.mark.parametrize(
    ("header", "proxies", "forwarded", "expected"),
    [
        ("", None, "198.51.100.7", "10.0.0.1"),  # no proxy: the header is the visitor's own invention
        ("X-Forwarded-Proto", None, "198.51.100.7", "198.51.100.7"),
        ("X-Forwarded-Proto", None, "6.6.6.6, 198.51.100.7", "198.51.100.7"),
        ("X-Forwarded-Proto", None, "6.6.6.6,2001:DB8::1", "2001:db8::1"),
        ("X-Forwarded-Proto", None, "", "10.0.0.1"),
        ("X-Forwarded-Proto", None, "198.51.100.7, nonsense", "10.0.0.1"),
        ("X-Forwarded-Proto", None, "198.51.100.7, ", "10.0.0.1"),
        ("CloudFront-Forwarded-Proto", None, "6.6.6.6, 198.51.100.7, 64.252.64.1", "198.51.100.7"),
        ("CloudFront-Forwarded-Proto", None, "64.252.64.1", "10.0.0.1"),
        ("X-Forwarded-Proto", 3, "6.6.6.6, 198.51.100.7, 172.16.0.1, 64.252.64.1", "198.51.100.7"),
        ("X-Forwarded-Proto", 0, "198.51.100.7", "10.0.0.1"),
    ],
)
def test_a_visitors_address_is_what_our_own_proxies_say(
    handed: Callable[..., None],
    settings: Any,
    rf: RequestFactory,
    header: str,
    proxies: int | None,
    forwarded: str,
    expected: str,
) -> None:
    handed({**CLOUD, "SECURE_PROXY_SSL_HEADER": header})
    settings.TRUSTED_PROXIES = proxies
    request = rf.get("/", REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR=forwarded)
    assert visitors.address(request) == expected


@pytest.mark.usefixtures("cloud", "db")
@pytest.mark.parametrize("path", ["/login/", "/admin/login/"])
def test_whoever_guesses_passwords_locks_nobody_else_out_behind_a_load_balancer(
    client: Client, admin_user: Any, path: str
) -> None:
    """And an invented X-Forwarded-For in front of the load balancer's own entry does not help them."""

    def log_in(password: str, forwarded: str) -> int:
        form = {"username": admin_user.username, "password": password}
        more = {"HTTP_HOST": "www.example.com", "HTTP_X_FORWARDED_PROTO": "https", "REMOTE_ADDR": "10.0.0.1"}
        return client.post(path, form, HTTP_X_FORWARDED_FOR=forwarded, **more).status_code

    statuses = [log_in("wrong", f"203.0.113.{n}, 198.51.100.66") for n in range(12)]
    assert statuses == [200] * 9 + [429] * 3
    assert log_in("password", "198.51.100.66") == 429
    assert log_in("password", "198.51.100.7") == 302
