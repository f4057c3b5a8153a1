"""The middleware by which every server, WSGI or ASGI, refuses to start half-configured."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import MiddlewareNotUsed

from django_stack import asgi_handler, checks
from django_stack.refusal import refuse_server, under_test


class Guard:
    """Is only created, never called: every server creates its middleware when it starts.

    Then the log gets what the checks of the settings say, too, since servers run no checks, and Django's handler for
    ASGI what it lacks.
    """

    def __init__(self, _: Any) -> None:
        if not under_test():
            refuse_server()
            checks.log_at_start()
            asgi_handler.complete()
        raise MiddlewareNotUsed
