"""Bodies of requests in every framing that HTTP has, over real sockets: read whole, or refused, and never lost."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from tests.app.served import Site, served

LIMIT = 200_000
FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"
PARTS = b"Content-Type: multipart/form-data; boundary=x\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
END = b"0\r\n\r\n"


def head(*lines: bytes, path: bytes = b"/echo", version: bytes = b"1.1", close: bool = True) -> bytes:
    """The head of a POST."""
    end = b"Connection: close\r\n" if close else b""
    return b"POST %s HTTP/%s\r\nHost: localhost\r\n" % (path, version) + b"".join(lines) + end + b"\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def parts(size: int) -> bytes:
    """A form with a field and a file."""
    return (
        b'--x\r\nContent-Disposition: form-data; name="word"\r\n\r\nyes\r\n'
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' + b"f" * size + b"\r\n--x--\r\n"
    )


def status(answer: bytes) -> int:
    return int(answer.split()[1])


def seen(answer: bytes) -> Any:
    """What the view got."""
    assert status(answer) == 200, answer
    return json.loads(answer.partition(b"\r\n\r\n")[2])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """By gunicorn, as in the image."""
    with served(tmp_path_factory.mktemp("site"), "gunicorn", f"REQUEST_MAX_BYTES = {LIMIT}") as site:
        yield site


@pytest.fixture(scope="module")
def developing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """By runserver."""
    with served(tmp_path_factory.mktemp("site"), "runserver", f"REQUEST_MAX_BYTES = {LIMIT}") as site:
        yield site


@pytest.mark.report("gunicorn#2947")
def test_a_form_in_chunks_reaches_the_view(site: Site) -> None:
    answer = site.raw(head(FORM, CHUNKED), chunk(b"word=y"), chunk(b"es&other=1"), END)
    assert seen(answer)["fields"] == {"word": "yes", "other": "1"}


@pytest.mark.report("gunicorn#2947")
def test_a_form_in_chunks_passes_the_csrf_check(site: Site) -> None:
    """As the report's: the token is in the body."""
    page = site.raw(b"GET /form HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    token = page.partition(b"\r\n\r\n")[2].split()[0]
    cookie = page.partition(b"csrftoken=")[2].partition(b";")[0]
    lines = [FORM, CHUNKED, b"Cookie: csrftoken=" + cookie + b"\r\n"]
    answer = site.raw(head(*lines, path=b"/form"), chunk(b"word=yes&csrfmiddlewaretoken=" + token), END)
    assert (status(answer), answer.endswith(b" yes")) == (200, True)


@pytest.mark.report("gunicorn#2947")
@pytest.mark.parametrize("size", [10, 150_000])
def test_a_file_in_chunks_reaches_the_view_whole(site: Site, size: int) -> None:
    body = parts(size)
    chunks = [chunk(body[begin : begin + 7_000]) for begin in range(0, len(body), 7_000)]
    found = seen(site.raw(head(PARTS, CHUNKED), *chunks, END))
    assert (found["fields"], found["files"]) == ({"word": "yes"}, {"file": size})


@pytest.mark.parametrize(
    ("lines", "body", "expected"),
    [
        ((), END, ""),
        ((), b"3;name=value\r\nabc\r\n" + END, "abc"),
        ((), b"3\r\nabc\r\n0\r\nX-Checksum: 1\r\n\r\n", "abc"),
        ((b"Expect: 100-continue\r\n",), chunk(b"abc") + END, "abc"),
        ((b"Content-Encoding: identity\r\n",), chunk(b"abc") + END, "abc"),
    ],
    ids=["empty", "extension", "trailer", "expecting", "identity"],
)
def test_other_chunked_bodies_that_are_well_formed(
    site: Site, lines: tuple[bytes, ...], body: bytes, expected: str
) -> None:
    answer = site.raw(head(b"Content-Type: text/plain\r\n", CHUNKED, *lines), body)
    answer = answer.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert seen(answer)["body"] == expected


def test_requests_in_chunks_follow_each_other_on_one_connection(site: Site) -> None:
    first = head(FORM, CHUNKED, close=False) + chunk(b"word=first") + END
    answer = site.raw(first + head(FORM, b"Content-Length: 11\r\n") + b"word=second")
    assert answer.count(b"HTTP/1.1 200 OK") == 2
    assert b'"first"' in answer
    assert b'"second"' in answer


@pytest.mark.report("gunicorn#2947")
@pytest.mark.parametrize("size", [LIMIT + 1, 3 * LIMIT, 8 * LIMIT])
def test_the_limit_holds_for_chunks_too(site: Site, size: int) -> None:
    answer = site.raw(head(FORM, CHUNKED), chunk(b"x" * size) + END)
    assert status(answer) == 413


@pytest.mark.parametrize(
    "announced", [b"4\r\nabc\r\n", b"zz\r\nabc\r\n", b"\r\nabc\r\n", b"-3\r\nabc\r\n", b"3\r\nabcde\r\n"]
)
def test_malformed_chunks_are_400_and_the_end_of_the_connection(site: Site, announced: bytes) -> None:
    """What follows them must not be taken for a request."""
    answer = site.raw(
        head(FORM, CHUNKED, close=False) + announced + END + b"GET /echo HTTP/1.1\r\nHost: localhost\r\n\r\n"
    )
    assert status(answer) == 400
    assert answer.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (head(FORM, CHUNKED, b"Content-Length: 3\r\n") + chunk(b"abc") + END, 400),
        (head(FORM, b"Content-Length: 3\r\nContent-Length: 4\r\n") + b"abcd", 400),
        (head(FORM, b"Content-Length: 3, 3\r\n") + b"abc", 400),
        (head(FORM, b"Content-Length: +3\r\n") + b"abc", 400),
        (head(FORM, CHUNKED, CHUNKED) + chunk(b"abc") + END, 400),
        (head(FORM, CHUNKED, version=b"1.0") + chunk(b"abc") + END, 400),
        (head(FORM, b"Transfer-Encoding: gzip\r\n") + b"abc", 400),
        (head(FORM, b"Transfer-Encoding: gzip, chunked\r\n") + chunk(b"abc") + END, 501),
        (head(FORM, b"Transfer-Encoding: rot13\r\n") + b"abc", 501),
        (head(FORM, b"Expect: a-miracle\r\n", b"Content-Length: 3\r\n") + b"abc", 417),
    ],
)
def test_a_body_of_uncertain_length_is_refused(site: Site, request_: bytes, expected: int) -> None:
    """Two readers that disagree about its end are how a request is smuggled past the first of them."""
    answer = site.raw(request_, leave=True)
    assert (status(answer), answer.count(b"HTTP/1.1 ")) == (expected, 1)


@pytest.mark.parametrize("framing", [b"Content-Length: 40\r\n", CHUNKED])
def test_half_a_form_is_not_taken_for_a_whole_one(site: Site, framing: bytes) -> None:
    """The visitor left, or gave a wrong length. gunicorn alone calls what came the whole."""
    body = b"word=yes&amount=1"
    answer = site.raw(head(FORM, framing), body if b"Length" in framing else b"28\r\n" + body, leave=True)
    assert status(answer) in (400, 408)


@pytest.mark.parametrize("lines", [(b"Content-Length: %d\r\n",), (CHUNKED,)])
def test_a_compressed_form_is_415_not_an_empty_one(site: Site, lines: tuple[bytes, ...]) -> None:
    body = gzip.compress(b"word=yes")
    framing = [line % len(body) if b"%d" in line else line for line in lines]
    sent = body if framing != [CHUNKED] else chunk(body) + END
    assert status(site.raw(head(FORM, b"Content-Encoding: gzip\r\n", *framing), sent)) == 415


def test_another_compressed_body_is_the_views_affair(site: Site) -> None:
    """A webhook may take it."""
    lines = b"Content-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n"
    assert seen(site.raw(head(lines), b"{}"))["body"] == "{}"


@pytest.mark.report("gunicorn#2947")
@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ((CHUNKED,), 411),
        ((CHUNKED, b"Content-Length: 3\r\n"), 400),
        ((b"Transfer-Encoding: gzip\r\n",), 501),
        ((b"Content-Length: -3\r\n",), 400),
        ((b"Content-Length: " + b"9" * 5000 + b"\r\n",), 413),
    ],
)
def test_runserver_refuses_what_it_cannot_read_and_takes_it_for_nothing_else(
    developing: Site, lines: tuple[bytes, ...], expected: int
) -> None:
    """The rest would be read as the next request on the connection."""
    answer = developing.raw(head(FORM, *lines, close=False) + chunk(b"word=yes") + END)
    assert (status(answer), answer.count(b"HTTP/1.1 ")) == (expected, 1)


def test_runserver_takes_a_form_with_a_length(developing: Site) -> None:
    assert seen(developing.raw(head(FORM, b"Content-Length: 8\r\n") + b"word=yes"))["fields"] == {"word": "yes"}


@pytest.mark.report("gunicorn#2947")
def test_who_dawdles_between_chunks_is_answered_408(tmp_path: Path) -> None:
    """The view does not see the half that came."""
    short_timeout = "from django_stack import worker\nworker.IDLE_TIMEOUT = 0.3"
    with served(tmp_path, "gunicorn", short_timeout) as site:
        assert status(site.raw(head(FORM, CHUNKED) + chunk(b"word=yes"))) == 408
        assert status(site.raw(head(FORM, CHUNKED) + b"8\r\nword")) == 408


@pytest.mark.report("gunicorn#2947")
def test_behind_an_asgi_server_too(settings: Any) -> None:
    """It has taken the chunks apart; Django still asks how long the form is."""
    from django.core.handlers.asgi import ASGIRequest
    from django.http import HttpResponse
    from django_stack.middleware import BodyLimit

    headers = [(b"transfer-encoding", b"chunked"), (b"content-type", b"multipart/form-data; boundary=x")]
    scope = {"type": "http", "method": "POST", "path": "/", "headers": headers, "query_string": b""}
    answer = BodyLimit(lambda request: HttpResponse(request.POST["word"]))(ASGIRequest(scope, BytesIO(parts(10))))
    assert (answer.status_code, answer.content) == (200, b"yes")
    settings.REQUEST_MAX_BYTES = 5
    assert BodyLimit(lambda _: HttpResponse())(ASGIRequest(scope, BytesIO(parts(10)))).status_code == 413
