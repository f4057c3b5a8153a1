"""What only PostgreSQL, gunicorn and a real socket can trip over."""

from __future__ import annotations

import re
import socket

import pytest
import requests

from tests.image.services import Site

pytestmark = pytest.mark.docker


@pytest.mark.parametrize(
    "path",
    [
        "/?page=%00",
        "/?page=99999999999999999999999",
        "/pictures/99999999999999999999999/",
        "/pictures/9223372036854775808/",
        "/pictures/%00/",
        "/%00",
        "/%ff%fe",
        "/static/%2e%2e/%2e%2e/app/config/settings.py",
        "/static/..%2f..%2fetc/passwd",
        "/login/?next=%00",
        "//evil.example/%2f..",
    ],
)
def test_a_hostile_address_is_the_visitors_mistake(site: Site, path: str) -> None:
    answer = raw(site, f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    assert answer.split()[1] in {b"200", b"301", b"400", b"404"}, answer[:500]
    assert b"root:" not in answer
    assert b"INSTALLED_APPS" not in answer


@pytest.mark.parametrize("cookie", ["sessionid", "csrftoken", "messages"])
def test_a_null_byte_in_a_cookie_is_the_visitors_mistake(site: Site, cookie: str) -> None:
    r"""Cookies may be quoted, with \000 in them; PostgreSQL takes no such text."""
    for path in ("/", "/upload/", "/login/", "/admin/"):
        answer = site.get(path, headers={"Cookie": f'{cookie}="\\000aaaaaaaaaaaaaaaa"'})
        assert answer.status_code < 500, path


@pytest.mark.parametrize("path", ["/login/", "/admin/login/"])
@pytest.mark.parametrize("field", ["username", "password", "next", "something", "csrfmiddlewaretoken"])
def test_a_null_byte_in_a_login_is_the_visitors_mistake(site: Site, path: str, field: str) -> None:
    session = requests.Session()
    address = f"http://127.0.0.1:{site.port}{path}"
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', session.get(address, timeout=10).text)
    assert token
    form = {"csrfmiddlewaretoken": token[1], "username": "x", "password": "y"}
    form[field] = form.get(field, "") + "a\0b"
    assert session.post(address, data=form, timeout=10).status_code < 500


@pytest.mark.parametrize(
    "request_",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
        b"POST /upload/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET /\0 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ],
    ids=["nonsense", "version", "two-hosts", "large-header", "negative-length", "smuggling", "null"],
)
def test_what_is_not_http_is_refused(site: Site, request_: bytes) -> None:
    answer = raw(site, request_)
    assert answer == b"" or answer.split()[1] in {b"400", b"404", b"405", b"431", b"501", b"505"}, answer[:500]


def test_after_all_that_it_still_serves_and_nothing_was_an_error(site: Site) -> None:
    assert site.get().status_code == 200
    assert not [line for line in site.lines(stderr=True) if line.get("request_id")]


def raw(site: Site, request: bytes) -> bytes:
    """What the server answers to these bytes."""
    with socket.create_connection(("127.0.0.1", site.port), timeout=20) as connection:
        try:
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            answer = b""
            while data := connection.recv(65536):
                answer += data
        except ConnectionError:
            return b""
        return answer
