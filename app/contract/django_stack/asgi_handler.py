"""What Django's handler for ASGI leaves open: where connections to databases end, and how much of a body is kept."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import cache, wraps
from typing import Any

from django.conf import settings
from django.core.handlers.asgi import ASGIHandler
from django.db import connections

from django_stack.middleware import CUT_OFF

BODY_LIMIT = "django_stack.middleware.BodyLimit"

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]


@cache
def complete() -> None:
    """Puts both before Django's handler, in this process, once. Under WSGI nobody calls that.

    It is done here, since any middleware comes too late: the handler writes a body to a file, all of it, before it asks
    one, and has no setting for that.
    """
    handle = ASGIHandler.__call__
    has_limit = BODY_LIMIT in settings.MIDDLEWARE  # else a view would take the beginning of a body for all of it

    @wraps(handle)
    async def completed(self: ASGIHandler, scope: Scope, receive: Receive, send: Any) -> None:
        end_connections_with_requests()
        if has_limit and scope["type"] == "http":
            scope = {**scope}
            receive = within_limit(scope, receive)
        await handle(self, scope, receive, send)

    ASGIHandler.__call__ = completed


@cache
def end_connections_with_requests() -> None:
    """Lets no connection outlive its request, whatever `CONN_MAX_AGE` says.

    Each request has a thread of its own, which ends with it, and each thread its own connections. So nobody could use
    one that is kept: it would be open until Python collects its garbage, and many of them are all that PostgreSQL has.
    """
    for entry in connections.settings.values():
        entry["CONN_MAX_AGE"] = 0


def within_limit(scope: Scope, receive: Receive) -> Receive:
    """A `receive` that ends a body above REQUEST_MAX_BYTES, and notes that in the scope, so that BodyLimit answers 413.

    As with WSGI up to four times the limit is read and discarded first, since a browser shows no answer before that.
    """
    limit = settings.REQUEST_MAX_BYTES
    given = dict(scope["headers"]).get(b"content-length", b"")
    length = int(given) if given.isdigit() and len(given) <= 18 else 0  # others are refused by the middleware
    arrived = 0

    async def shorter() -> dict[str, Any]:
        nonlocal arrived
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return message
            arrived += len(message.get("body", b""))
            largest = max(length, arrived)
            if largest <= limit:
                return message
            is_enough = largest > 4 * limit or not message.get("more_body", False)
            if is_enough and CUT_OFF not in scope:  # what still comes after that is discarded until the answer is out
                scope[CUT_OFF] = True
                return {"type": "http.request"}

    return shorter
