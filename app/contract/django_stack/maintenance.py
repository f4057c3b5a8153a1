"""Maintenance: 503 with a page of the project's own for every visitor but a few, as long as a file says so.

The file is in a volume of a local stack, where `django-stack maintenance` writes it; each worker looks at it with every
request, so no process is started again. In front of a stack in the cloud CloudFront answers instead, with the page that
`publish_static` published, and there is no such volume.

A project's own page is its template `maintenance.html`. It gets `message` and `site_name`, and neither a request nor a
user: it is made before anybody knows who asks, and where there may be no database.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from functools import cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpRequest, HttpResponse
from django.template import Engine
from django.template.context import Context

from django_stack import errors
from django_stack.visitors import address

FILE = "/data/maintenance/maintenance.json"
OWN_PAGE = "maintenance.html"
DEFAULT_PAGE = Path(__file__).parent / "templates" / "django_stack" / OWN_PAGE
MESSAGE = "We are working on this site."
RETRY_AFTER = 300  # seconds
EVERYBODY = "/healthz/maintenance"  # where nobody is let through: the command looks there whether the page is shown
HEADER = "X-Maintenance"  # tells the answer from another 503, such as the app's own in an outage

Network = IPv4Network | IPv6Network
logger = logging.getLogger("django_stack.maintenance")


class Maintenance:
    """Answers 503 with `Retry-After`, if the file says that maintenance is on.

    Static files and local media are left alone: those who are let through see whole pages, and so does the page of the
    maintenance. Health checks are answered before.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.file = Path(getattr(settings, "MAINTENANCE_FILE", FILE))
        if not self.file.parent.is_dir():
            raise MiddlewareNotUsed
        self.get_response = get_response
        self.seen: tuple[int, int] | None = None
        self.state: dict[str, Any] | None = None
        prefixes = (urlsplit(settings.STATIC_URL or "").path, _path(settings.MEDIA_URL))
        self.open = tuple(prefix for prefix in prefixes if prefix.strip("/"))

    def __call__(self, request: HttpRequest) -> HttpResponse:
        state = self.look()
        if state is None or request.path_info.startswith(self.open):
            return self.get_response(request)
        if request.path_info != EVERYBODY and is_allowed(address(request), state["allow"]):
            return self.get_response(request)
        response = HttpResponse(page(state["message"]), status=503)
        response["Retry-After"] = str(state["retry_after"])
        response["Cache-Control"] = "no-store"
        response[HEADER] = state["since"] or "on"
        return response

    def look(self) -> dict[str, Any] | None:
        """What the file says, read again when it changed; None when there is no maintenance."""
        try:
            found = self.file.stat()
            seen = (found.st_mtime_ns, found.st_ino)
            if seen != self.seen:
                self.state, self.seen = read(self.file.read_bytes()), seen
        except FileNotFoundError:
            self.state = self.seen = None
        return self.state


def read(text: str | bytes) -> dict[str, Any] | None:
    """The state: `null` for none. What can't be read counts as on, with nobody let through: somebody wanted it."""
    try:
        state = json.loads(text)
        if state is None:
            return None
        return {
            "since": str(state.get("since") or ""),
            "message": str(state.get("message") or MESSAGE),
            "retry_after": int(state.get("retry_after") or RETRY_AFTER),
            "allow": [ip_network(one, strict=False) for one in state.get("allow") or ()],
        }
    except (ValueError, TypeError, AttributeError):
        logger.exception("the file of the maintenance can't be read")
        return {"since": "", "message": MESSAGE, "retry_after": RETRY_AFTER, "allow": []}


def is_allowed(visitor: str, networks: list[Network]) -> bool:
    """Whether an address is in one of the networks."""
    try:
        found = ip_address(visitor)
    except ValueError:  # a Unix socket has none
        return False
    if isinstance(found, IPv6Address) and found.ipv4_mapped:
        found = found.ipv4_mapped
    return any(found in network for network in networks)


def page(message: str) -> str:
    """The project's `maintenance.html`, or this package's page if it has none, or one that fails."""
    values = {"message": message, "site_name": settings.SITE_NAME}
    own = errors.own_template(OWN_PAGE, values)
    return _default().render(Context(values)) if own is None else own


@cache
def _default() -> Any:
    """It needs nothing of the project's TEMPLATES, which may not look into apps."""
    return Engine().from_string(DEFAULT_PAGE.read_text())


def _path(url: str) -> str:
    """The path of local media; nothing for those under a host of their own."""
    return "" if "://" in url else url
