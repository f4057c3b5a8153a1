"""Whatever a visitor sends, the answer is theirs to mend: below 500, always."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from django.test import Client
from django_stack import middleware
from hypothesis import example, given
from hypothesis import strategies as st

from tests.app.conftest import picture
from tests.fuzz.given import fuzz

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("local")]

NASTY = [
    "\0",
    "a\0b",
    "x" * 10_000,
    "../../etc/passwd",
    "..\\..\\x",
    "%00",
    "%2e%2e%2f",
    "\r\nX-Evil: 1",
    "'\"><script>",
]
TEXT = st.one_of(st.text(max_size=200), st.sampled_from(NASTY))
LATIN = st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=100)  # what a header can hold
PICTURE = picture()


@pytest.fixture
def visitor(visitor: Client) -> Client:
    """Answered with a 500 as browsers are."""
    visitor.raise_request_exception = False
    return visitor


@fuzz
@given(path=TEXT, query=TEXT)
@example(path="pictures/\0/", query="page=\0")
@example(path="/evil.example/", query="")
@example(path="static/../../config/settings.py", query="")
def test_any_address(visitor: Client, path: str, query: str) -> None:
    assert visitor.get(f"/{quote(path)}?{quote(query)}").status_code < 500


@fuzz
@given(
    path=st.sampled_from(["/", "/login/", "/upload/", "/admin/login/", "/admin/gallery/picture/"]),
    name=st.sampled_from(["page", "next", "q", "o", "uploaded__gte", "_changelist_filters", "_popup"]),
    value=TEXT,
)
def test_any_query(visitor: Client, admin_client: Client, path: str, name: str, value: str) -> None:
    admin_client.raise_request_exception = False
    for client in (visitor, admin_client):
        assert client.get(path, {name: value}).status_code < 500


@fuzz
@given(host=LATIN)
@example(host="localhost:99999999")
@example(host="[::1")
@example(host="localhost@evil.example")
@example(host="a," * 1000)
def test_any_host(visitor: Client, host: str) -> None:
    assert visitor.get("/", HTTP_HOST=host).status_code < 500


@fuzz
@given(
    name=st.sampled_from(
        [
            "ACCEPT",
            "ACCEPT_ENCODING",
            "ACCEPT_LANGUAGE",
            "COOKIE",
            "IF_MODIFIED_SINCE",
            "IF_NONE_MATCH",
            "ORIGIN",
            "RANGE",
            "REFERER",
            "USER_AGENT",
            "X_FORWARDED_FOR",
            "X_FORWARDED_HOST",
            "X_FORWARDED_PROTO",
            "X_REQUEST_ID",
        ]
    ),
    value=LATIN,
)
@example(name="COOKIE", value='sessionid="\\000aaaaaaaaaaaa"; csrftoken="\\000"; messages="\\000"')
def test_any_header(visitor: Client, name: str, value: str) -> None:
    for send in (visitor.get, visitor.post):
        assert send("/login/", **{f"HTTP_{name}": value}).status_code < 500


@pytest.mark.parametrize("more", [{"QUERY_STRING": "q=a%00"}, {"HTTP_COOKIE": 'sessionid="\\000aaaaaaaaaaaa"'}])
def test_a_null_byte_that_postgresql_would_stumble_over_is_refused_and_the_log_says_why(
    visitor: Client, more: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(middleware.logger, "warning", lambda text, *values: said.append(text % values))
    assert visitor.get("/", **more).status_code == 400
    assert said == ["refused with 400: a null byte in the query or in a cookie of /"]


@fuzz
@given(path=st.sampled_from(["/", "/upload/"]), length=LATIN)
@example(path="/upload/", length="-1")
@example(path="/upload/", length="\N{SUPERSCRIPT TWO}")
def test_any_content_length(visitor: Client, path: str, length: str) -> None:
    assert visitor.generic("POST", path, b"x", "text/plain", CONTENT_LENGTH=length).status_code < 500


@fuzz
@given(path=st.sampled_from(["/login/", "/admin/login/"]), username=TEXT, password=TEXT, following=TEXT)
def test_any_login(client: Client, path: str, username: str, password: str, following: str) -> None:
    client.raise_request_exception = False
    form = {"username": username, "password": password, "next": following}
    assert client.post(path, form).status_code < 500


@fuzz
@given(title=TEXT, name=TEXT, type=LATIN, content=st.one_of(st.binary(max_size=300), st.just(PICTURE)))
def test_any_upload(visitor: Client, title: str, name: str, type: str, content: bytes) -> None:
    body = (
        b'--x\r\nContent-Disposition: form-data; name="title"\r\n\r\n'
        + title.encode(errors="surrogatepass")
        + b'\r\n--x\r\nContent-Disposition: form-data; name="image"; filename="'
        + name.encode(errors="surrogatepass")
        + b'"\r\nContent-Type: '
        + type.encode("latin-1")
        + b"\r\n\r\n"
        + content
        + b"\r\n--x--\r\n"
    )
    assert visitor.generic("POST", "/upload/", body, "multipart/form-data; boundary=x").status_code < 500


@fuzz
@given(
    whole=st.sampled_from([picture(format) for format in ("PNG", "JPEG", "WEBP", "GIF")]),
    cut=st.integers(0, 1000),
    at=st.integers(0, 1000),
    byte=st.integers(0, 255),
)
def test_any_damaged_picture(visitor: Client, whole: bytes, cut: int, at: int, byte: int) -> None:
    content = bytearray(whole)
    content[at % len(content)] = byte
    del content[len(content) - cut % len(content) :]
    from django.core.files.uploadedfile import SimpleUploadedFile

    response = visitor.post("/upload/", {"title": "x", "image": SimpleUploadedFile("a.png", bytes(content))})
    assert response.status_code in (302, 422)


@fuzz
@given(body=st.binary(max_size=500), type=LATIN)
@example(body=b"--x\r\n" * 2000, type="multipart/form-data; boundary=x")
@example(body=b"x", type="multipart/form-data; boundary=")
@example(body=b"x", type="multipart/form-data; boundary=" + "x" * 300)
@example(body=b"a=1&" * 2000, type="application/x-www-form-urlencoded")
@example(body=b"\xff", type="multipart/form-data; boundary=x; charset=nonsense")
def test_any_body(visitor: Client, body: bytes, type: str) -> None:
    for path in ("/upload/", "/login/", "/logout/"):
        assert visitor.generic("POST", path, body, type).status_code < 500
