"""Addresses of AWS in what a browser on this machine sends and gets."""

import asyncio
from typing import Any

import pytest

from tools.rehearsal.emulator.browser import AddressTranslation, BrowserGateway

HERE = "http://d1.cloudfront.net.localhost:4566"


@pytest.mark.parametrize(
    ("aws", "browser"),
    [
        ("https://d1.cloudfront.net/", f"{HERE}/"),
        ("http://d1.cloudfront.net/x", f"{HERE}/x"),
        ("https://d1.cloudfront.net:443/x", f"{HERE}/x"),
        ("https://b.s3.us-east-1.amazonaws.com/k?s=1", "http://b.s3.us-east-1.amazonaws.com.localhost:4566/k?s=1"),
        ("https://www.example.com/", "http://www.example.com.localhost:4566/"),
        ("https://example.com/x", "http://example.com.localhost:4566/x"),
        ("https://example.com-shop.net/", "https://example.com-shop.net/"),
        ("https://docs.example.org/", "https://docs.example.org/"),
        ("https://notcloudfront.net/", "https://notcloudfront.net/"),
    ],
)
def test_addresses_of_aws_and_of_the_site_become_those_of_this_machine(aws: str, browser: str) -> None:
    assert AddressTranslation(["www.example.com", "example.com"], "4566").to_browser(aws.encode()).decode() == browser


def test_what_a_browser_sends_has_the_names_that_aws_would_see() -> None:
    translation = AddressTranslation(["d1.cloudfront.net"], "4566")
    assert translation.to_aws(f"{HERE}/login/".encode()) == b"https://d1.cloudfront.net/login/"
    assert translation.to_aws(b"http://localhost:8000/") == b"http://localhost:8000/"


def visit(host: bytes, kind: bytes, *body: bytes) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The scope that the site gets for a request to a host, and the messages that a browser gets for its answer."""
    seen: dict[str, Any] = {}
    sent: list[dict[str, Any]] = []

    async def site(scope: Any, receive: Any, send: Any) -> None:
        seen.update(scope)
        headers = [(b"content-type", kind), (b"content-length", b"1000"), (b"location", b"https://d1.cloudfront.net/x")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for chunk in body:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    headers = [(b"host", host), (b"origin", HERE.encode()), (b"accept-encoding", b"gzip")]
    asyncio.run(BrowserGateway(site)({"type": "http", "scheme": "http", "headers": headers}, None, send))
    return seen, sent


def test_the_site_sees_https_and_its_own_name() -> None:
    scope, _ = visit(b"d1.cloudfront.net.localhost:4566", b"text/html")
    headers = dict(scope["headers"])
    assert scope["scheme"] == "https"
    assert headers[b"host"] == b"d1.cloudfront.net"
    assert headers[b"origin"] == b"https://d1.cloudfront.net"
    assert headers[b"accept-encoding"] == b"identity"


def test_an_address_that_comes_in_two_pieces_is_found() -> None:
    _, sent = visit(
        b"d1.cloudfront.net.localhost:4566", b"text/html; charset=utf-8", b"see https://d1.cloud", b"front.net/x"
    )
    start, body = sent
    assert body["body"] == f"see {HERE}/x".encode()
    assert b"content-length" not in dict(start["headers"])
    assert dict(start["headers"])[b"location"] == f"{HERE}/x".encode()


def test_what_is_no_text_passes_as_it_comes() -> None:
    _, sent = visit(b"d1.cloudfront.net.localhost:4566", b"image/png", b"https://d1.cloudfront.net", b"\x00")
    assert [message["body"] for message in sent[1:]] == [b"https://d1.cloudfront.net", b"\x00", b""]


def test_other_hosts_pass_untouched() -> None:
    scope, sent = visit(b"127.0.0.1:4566", b"text/html", b"https://d1.cloudfront.net")
    assert scope["scheme"] == "http"
    assert sent[1]["body"] == b"https://d1.cloudfront.net"
