"""The way in for a browser on this machine, which can't ask for AWS's names: they are AWS's.

`http://d1234.cloudfront.net.localhost:4566/` is what `https://d1234.cloudfront.net/` is on AWS, and so is every other
name of AWS with `.localhost` behind it, for browsers resolve those to the loopback. In what comes back, headers and
text, AWS's addresses become such ones.
"""

import re
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

Headers = list[tuple[bytes, bytes]]
SUFFIX = ".localhost"
TEXT = (b"text/", b"application/json", b"application/javascript", b"image/svg")
# Of the request: a compressed body couldn't be read.
DROPPED = {b"accept-encoding"}


class BrowserGateway:
    """An ASGI application before another one; `own_domains` gives the domains of the project's own at the time."""

    def __init__(
        self,
        inner: Callable[[Any, Any, Any], Awaitable[None]],
        own_domains: Callable[[], Iterable[str]] = tuple,
    ) -> None:
        self._inner, self._own_domains = inner, own_domains

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        host = _host(scope)
        name, _, port = host.partition(":")
        if not name.endswith(SUFFIX):
            await self._inner(scope, receive, send)
            return
        inner_host = name.removesuffix(SUFFIX)
        translation = AddressTranslation([inner_host, *self._own_domains()], port or "80")
        headers = [
            (key, translation.to_aws(value)) for key, value in scope["headers"] if key not in DROPPED | {b"host"}
        ]
        headers += [(b"host", inner_host.encode()), (b"accept-encoding", b"identity")]
        await self._inner({**scope, "scheme": "https", "headers": headers}, receive, translation.sender(send))


class AddressTranslation:
    """AWS's addresses, and those of this machine that stand for them."""

    def __init__(self, hosts: Iterable[str], port: str) -> None:
        self._port = port.encode()
        own = b"|".join(re.escape(host.encode()) for host in hosts)
        self._outward = re.compile(
            rb"https?://(" + own + rb"|[a-z0-9.-]+\.(?:cloudfront\.net|amazonaws\.com))(?::443)?(?![a-z0-9-])"
        )
        self._inward = re.compile(rb"http://([a-z0-9.-]+)\.localhost(?::\d+)?")

    def to_aws(self, text: bytes) -> bytes:
        """With the names that AWS would see, in Origin and Referer say."""
        return self._inward.sub(rb"https://\1", text)

    def to_browser(self, text: bytes) -> bytes:
        """With names that a browser on this machine finds."""
        return self._outward.sub(rb"http://\1.localhost:" + self._port, text)

    def sender(self, send: Callable[[Any], Awaitable[None]]) -> Callable[[Any], Awaitable[None]]:
        """An ASGI `send` that translates; text is held back until it's whole."""
        start: dict[str, Any] = {}
        held: list[bytes] = []

        async def translating(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                headers = [(name, self.to_browser(value)) for name, value in message["headers"]]
                if not _is_text(headers):
                    await send({**message, "headers": headers})
                    return
                start.update({**message, "headers": _without_length(headers)})
            elif not start:
                await send(message)
            else:
                held.append(message.get("body", b""))
                if not message.get("more_body"):
                    await send(start)
                    await send({"type": "http.response.body", "body": self.to_browser(b"".join(held))})

        return translating


def _host(scope: Any) -> str:
    if scope["type"] != "http":
        return ""
    return next((value.decode("latin-1").lower() for name, value in scope["headers"] if name == b"host"), "")


def _is_text(headers: Headers) -> bool:
    kind = next((value for name, value in headers if name.lower() == b"content-type"), b"")
    return kind.startswith(TEXT)


def _without_length(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    return [(name, value) for name, value in headers if name.lower() != b"content-length"]
