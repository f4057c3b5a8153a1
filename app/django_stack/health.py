"""/healthz/live and /healthz/ready, answered before anything else looks at the request.

A load balancer probes by IP address and over plain http, so host validation and the redirect to https must come later.
`live` depends on nothing, so that a database outage does not get every container restarted. `ready` queries the
database.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from django.db import DEFAULT_DB_ALIAS, Error, connections
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse

logger = logging.getLogger("django_stack.health")


class Health:
    """The first middleware; answers the health checks."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self.migrated = False  # remembered, since applied migrations stay applied

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info == "/healthz/live":
            return answer({"status": "ok"}, 200)
        if request.path_info == "/healthz/ready":
            return self.ready()
        return self.get_response(request)

    def ready(self) -> HttpResponse:
        """200, or 503 with what is missing; never the error's own text, which may contain host names."""
        try:
            with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
                cursor.execute("SELECT 1")
            unapplied = [] if self.migrated else unapplied_migrations()
        except Error as error:
            logger.warning("the database does not answer: %s", type(error).__name__)
            return answer({"status": "unavailable", "database": "does not answer"}, 503)
        if unapplied:
            return answer({"status": "unavailable", "database": "ok", "migrations not applied": unapplied}, 503)
        self.migrated = True
        return answer({"status": "ok", "database": "ok", "migrations": "applied"}, 200)


def unapplied_migrations() -> list[str]:
    """Names like "gallery.0001_initial" of this code's migrations that the database does not have."""
    executor = MigrationExecutor(connections[DEFAULT_DB_ALIAS])
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name}" for migration, _ in plan]


def answer(content: dict[str, object], status: int) -> HttpResponse:
    """JSON that no cache keeps."""
    response = JsonResponse(content, status=status, headers={"Cache-Control": "no-store"})
    response["Content-Length"] = str(len(response.content))
    return response
