"""What the emulator serves: AWS's API and registry, http and https under AWS's names, and the way in for a browser."""

import asyncio
import signal
import ssl
from collections.abc import Awaitable, Callable
from typing import Any

from hypercorn.asyncio import serve as hypercorn_serve
from hypercorn.config import Config
from ministack.app import app as ministack

from tools.rehearsal.emulator import dns
from tools.rehearsal.emulator.browser import BrowserGateway
from tools.rehearsal.emulator.config import API_PORT, EmulatorConfig
from tools.rehearsal.overrides.domains import aliases

Application = Callable[[Any, Any, Any], Awaitable[None]]
Answer = tuple[int, dict[str, str], bytes]
# Services that MiniStack lacks, by the beginning of the header X-Amz-Target: their name in IAM, and what answers.
services: dict[str, tuple[str, Callable[[str, bytes], Answer]]] = {}
# Pages of our own, by path.
pages: dict[str, Callable[[], bytes]] = {}


def permit(service: str, action: str, headers: dict[str, str], body: bytes) -> Answer | None:  # noqa: ARG001
    """A refusal of a call to one of those services. The override `permissions` puts IAM in its place."""
    return None


class _HypercornConfig(Config):  # type: ignore[misc]  # hypercorn is in the container alone
    """Hypercorn's settings, with TLS by certificates that are made when they are asked for."""

    def __init__(self, config: EmulatorConfig) -> None:
        super().__init__()
        self._config = config
        self.bind = ["0.0.0.0:443"]
        self.insecure_bind = [f"0.0.0.0:{API_PORT}", "0.0.0.0:80"]
        self.keep_alive_timeout = 75
        self.graceful_timeout = 1

    @property
    def ssl_enabled(self) -> bool:
        return True

    def create_ssl_context(self) -> ssl.SSLContext:
        return self._config.authority.context


async def serve(config: EmulatorConfig) -> None:
    """Serves until SIGTERM or SIGINT."""
    dns.start(config.address)
    end = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, end.set)
    application = BrowserGateway(_with_services(ministack, config), aliases)
    await hypercorn_serve(application, _HypercornConfig(config), shutdown_trigger=end.wait)


def _with_services(inner: Application, config: EmulatorConfig) -> Application:
    """MiniStack with the services that our overrides bring, and the certificate that clients are to trust."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await inner(scope, receive, send)
            return
        target = dict(scope["headers"]).get(b"x-amz-target", b"").decode()
        if scope["path"] == "/_rehearsal/certificate.pem":
            await _answer(send, (200, {"content-type": "application/x-pem-file"}, _certificate(config)))
        elif page := pages.get(scope["path"]):
            await _answer(send, (200, {"content-type": "application/json"}, page()))
        elif target.partition(".")[0] in services:
            await _answer(send, await asyncio.to_thread(_served, target, _headers(scope), await _body(receive)))
        else:
            await inner(scope, receive, send)

    return application


def _served(target: str, headers: dict[str, str], body: bytes) -> Answer:
    """The answer of a service of our own, or a refusal."""
    prefix, _, action = target.partition(".")
    name, service = services[prefix]
    return permit(name, action, headers, body) or service(action, body)


def _headers(scope: Any) -> dict[str, str]:
    return {name.decode().lower(): value.decode("latin-1") for name, value in scope["headers"]}


def _certificate(config: EmulatorConfig) -> bytes:
    return config.authority.certificate.encode()


async def _body(receive: Any) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


async def _answer(send: Any, answer: Answer) -> None:
    status, headers, body = answer
    encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": body})
