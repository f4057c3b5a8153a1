"""/healthz/live and /healthz/ready, answered before anything else looks at the request.

A load balancer probes by IP address and over plain http, so host validation and the redirect to https must come later.
`ready` queries the database. `live` is like it until the server was ready once, so that a version that never worked
gets no request. From then on it depends on nothing, so that a database outage does not get every container restarted.
"""

from __future__ import annotations

import logging
import mmap
from collections.abc import Callable
from importlib import import_module
from pkgutil import iter_modules

from django.apps import apps
from django.db import DEFAULT_DB_ALIAS, Error, connections
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.http import HttpRequest, HttpResponse, JsonResponse

logger = logging.getLogger("django_stack.health")

# Whether this server was ready once: a byte that gunicorn's workers share, since they are forked from the process that
# loaded this. A worker that starts during an outage is alive then, because the others were.
was_ready = mmap.mmap(-1, 1)


class Health:
    """The first middleware; answers the health checks."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self.migrated = False  # remembered, since applied migrations stay applied

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info == "/healthz/live":
            return self.live()
        if request.path_info == "/healthz/ready":
            return self.ready()
        return self.get_response(request)

    def live(self) -> HttpResponse:
        """200 if the server was ever ready, else what `ready` answers."""
        if was_ready[0]:
            return answer({"status": "ok"}, 200)
        response = self.ready()
        connection = connections[DEFAULT_DB_ALIAS]
        if not connection.in_atomic_block:  # as in tests
            connection.close()  # the thread of liveness has no connection of its own in the sum that a stack checks
        return response

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
        was_ready[0] = 1
        return answer({"status": "ok", "database": "ok", "migrations": "applied"}, 200)


def unapplied_migrations() -> list[str]:
    """Names like "gallery.0001_initial" of this code's migrations that the database does not have.

    Mostly there are none, which their names tell. To import 5,000 migrations would take each worker 2 s and 34 MB.
    """
    named = names_of_migrations()
    if named is not None and named <= MigrationRecorder(connections[DEFAULT_DB_ALIAS]).applied_migrations().keys():
        return []
    executor = MigrationExecutor(connections[DEFAULT_DB_ALIAS])
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name}" for migration, _ in plan]


def names_of_migrations() -> set[tuple[str, str]] | None:
    """App and name of each of this code's migrations, found as Django's loader does; None if one can't be told so."""
    found = set()
    for app in apps.get_app_configs():
        package, _ = MigrationLoader.migrations_module(app.label)
        if package is None:
            continue
        try:
            paths = import_module(package).__path__
        except ModuleNotFoundError as error:
            if error.name == package:  # an app without migrations
                continue
            return None
        except (ImportError, AttributeError):
            return None
        found |= {
            (app.label, name) for _, name, is_package in iter_modules(paths) if not is_package and name[0] not in "_~"
        }
    return found


def answer(content: dict[str, object], status: int) -> HttpResponse:
    """JSON that no cache keeps."""
    response = JsonResponse(content, status=status, headers={"Cache-Control": "no-store"})
    response["Content-Length"] = str(len(response.content))
    return response
