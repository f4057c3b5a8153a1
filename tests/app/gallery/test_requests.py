"""Requests that no form of the gallery's sends: too large, broken off, with wrong fields, to wrong addresses."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client, RequestFactory
from django_stack.middleware import BodyLimit

from tests.app.gallery.conftest import send

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("local")]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("length", [300_000, 10**12])
@pytest.mark.filterwarnings("ignore:No directory at")
def test_too_large_a_body_is_413_under_runservers_server_too(live_server: Any, settings: Any, length: int) -> None:
    """Over a real socket, by the very server class of runserver, which makes a 500 of headers that are not an app's."""
    settings.REQUEST_MAX_BYTES = 100_000
    host, port = live_server.thread.host, live_server.thread.port
    with socket.create_connection((host, port), timeout=10) as connection:
        connection.sendall(f"POST /upload/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n".encode())
        if length < 10**9:
            connection.sendall(bytes(length))
        assert connection.recv(12) == b"HTTP/1.1 413"


def test_more_fields_or_files_than_any_form_has_are_refused(visitor: Client) -> None:
    assert visitor.post("/upload/", {f"x{n}": "y" for n in range(2000)}).status_code == 400
    files = {f"x{n}": SimpleUploadedFile("a.png", b"x") for n in range(200)}
    assert visitor.post("/upload/", files).status_code == 400


@pytest.mark.parametrize("following", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:x"])
def test_after_the_log_in_nobody_is_sent_to_another_site(client: Client, member: Any, following: str) -> None:
    form = {"username": member.username, "password": "a-good-password", "next": following}
    assert client.post("/login/", form)["Location"] == "/"


def test_a_body_above_the_limit_is_taken_and_thrown_away_so_that_a_browser_shows_the_answer(visitor: Client) -> None:
    from django.conf import settings

    response = send(visitor, b"x" * (settings.REQUEST_MAX_BYTES + 1))
    assert response.status_code == 413
    assert "Connection" not in response
    assert b"Too large" in response.content


def test_a_huge_body_is_refused_unread(visitor: Client) -> None:
    response = visitor.generic("POST", "/upload/", b"", "multipart/form-data; boundary=x", CONTENT_LENGTH=str(10**12))
    assert response.status_code == 413
    assert b"Too large" in response.content


def test_no_answer_has_a_header_of_the_connection(visitor: Client) -> None:
    """They are the server's (PEP 3333, hop-by-hop); runserver makes a 500 of them."""
    for length in (10, 20_000_000, 10**12):
        response = visitor.generic("POST", "/upload/", b"", "text/plain", CONTENT_LENGTH=str(length))
        assert not {"Connection", "Keep-Alive", "Transfer-Encoding", "Upgrade"} & set(response.headers)


def test_a_body_that_breaks_off_is_408_whatever_was_made_of_its_half(rf: RequestFactory) -> None:
    """With gunicorn's own body, and a reader that gives up as `django_stack.worker` does."""
    from django.http import HttpResponse, UnreadablePostError
    from django_stack.worker import TooSlowError
    from gunicorn.http.body import Body

    class Stalled:
        def read(self, _: int) -> bytes:
            raise TooSlowError

    def view(request: Any) -> Any:
        with pytest.raises(UnreadablePostError):
            request.read()
        return HttpResponse("made of a half")

    request = rf.post("/upload/", b"x" * 50, "text/plain")
    request.META["wsgi.input"] = Body(Stalled())
    request._stream = request.META["wsgi.input"]
    response = BodyLimit(view)(request)
    assert (response.status_code, b"It took too long" in response.content) == (408, True)


@pytest.mark.parametrize(
    ("body", "type"),
    [
        (b"nonsense", "multipart/form-data; boundary=x"),
        (b"nonsense", "multipart/form-data"),
        (
            b"--x\r\nContent-Disposition: form-data; name=image; filename=a\r\n\r\ncut",
            "multipart/form-data; boundary=x",
        ),
        (b"\xff\xfe" * 50, "application/x-www-form-urlencoded; charset=utf-7"),
    ],
)
def test_a_bad_form_is_the_visitors_mistake(visitor: Client, body: bytes, type: str) -> None:
    assert visitor.generic("POST", "/upload/", body, type).status_code in (400, 422)


@pytest.mark.parametrize("address", ["/?page=0", "/?page=nonsense", "/?page=99", "/pictures/999999/", "/pictures/%00/"])
def test_a_wrong_address_is_a_styled_404(visitor: Client, address: str) -> None:
    response = visitor.get(address)
    assert response.status_code == 404
    assert b"Nothing here" in response.content


def test_a_number_beyond_the_database_is_a_404(visitor: Client) -> None:
    assert visitor.get(f"/pictures/{10**30}/").status_code == 404
