"""What only PostgreSQL, gunicorn and a real socket can trip over."""

from __future__ import annotations

import re
import socket
import time
from contextlib import ExitStack

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


@pytest.mark.parametrize("length", [20 * 1024**2, 10**12])
def test_a_body_that_is_far_too_large_is_413_and_the_end_of_the_connection(site: Site, length: int) -> None:
    head = f"POST /upload/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", site.port), timeout=20) as connection:
        connection.sendall(head + (bytes(length) if length < 10**9 else b"some of it"))
        answer = connection.recv(65536)
        assert answer.startswith(b"HTTP/1.1 413 ")
        if length > 10**9:
            while data := connection.recv(65536):
                answer += data
            assert b"Too large" in answer


def test_an_upload_in_chunks_without_a_token_is_refused(site: Site) -> None:
    """Sent without a length, as no browser does. One with a token is served: test_serving.py."""
    head = b"POST /upload/ HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
    chunks = b"".join(b"10000\r\n" + bytes(0x10000) + b"\r\n" for _ in range(40)) + b"0\r\n\r\n"
    answer = raw(site, head + b"Connection: close\r\n\r\n" + chunks)
    assert answer.split()[1] == b"403", answer[:500]


@pytest.mark.parametrize("method", ["TRACE", "OPTIONS", "PUT", "DELETE", "PATCH", "PROPFIND", "HEAD", "X"])
def test_a_method_that_nobody_expects_is_the_visitors_mistake(site: Site, method: str) -> None:
    for path in ("/", "/upload/", "/login/", "/admin/", "/healthz/ready"):
        answer = raw(site, f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        assert int(answer.split()[1]) < 500, (path, answer[:500])


def test_sixty_four_who_send_a_little_and_dawdle_hold_nobody_up(site: Site) -> None:
    """Eight times as many as there are threads: at the log-in, at the upload, at the head.

    That they are let go in the end: tests/app/django_stack/test_slow_visitors.py.
    """
    post = "POST {} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\nx"
    begun = [post.format("/login/", 100), post.format("/upload/", 10**7), "GET / HTTP/1.1\r\n", ""]
    with ExitStack() as stack:
        for _ in range(16):
            for head in begun:
                connection = stack.enter_context(socket.create_connection(("127.0.0.1", site.port), timeout=20))
                connection.sendall(head.encode())
        started = time.monotonic()
        assert [site.get(path).status_code for path in ("/", "/login/", "/healthz/ready") * 3] == [200] * 9
        site.visitor()
        assert time.monotonic() - started < 15, "20 s are IDLE_TIMEOUT"


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
