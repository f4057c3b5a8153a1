"""Warnings when the running PostgreSQL sorts differently from before or from a managed one, which causes trouble later.

The output of a `local.Command` is no longer shown when the update ends. So the Pulumi program itself asks the server in
each update and logs warnings of the stack.
"""

import asyncio
import json
import re
from contextlib import suppress
from typing import Any

import pulumi
from docker.models.containers import Container

from infra import endpoint
from infra.local import asking
from infra.local.steps.containers import ENGINE_ERRORS

ENCODING = """
SELECT json_build_object('encoding', pg_encoding_to_char(encoding), 'collation', datcollate, 'server', version())
FROM pg_database WHERE datname = current_database()
"""
# Since PostgreSQL 15 a database records the version of the C library's collations with which its indexes were built.
COLLATION = """
SELECT json_build_object('encoding', pg_encoding_to_char(encoding), 'collation', datcollate, 'server', version(),
    'made', datcollversion, 'now', pg_database_collation_actual_version(oid))
FROM pg_database WHERE datname = current_database()
"""


async def say(container: str, version: int, user: str, database: str) -> list[str]:
    """Logs the warnings without holding up the update, and returns them.

    There are none for a server that can't be reached: other parts of the update report that.
    """

    def found() -> list[str]:
        with suppress(*ENGINE_ERRORS, ValueError):
            return ask(endpoint.client().containers.get(container), version, user, database)
        return []

    found_warnings = await asyncio.to_thread(found)
    for warning in found_warnings:
        pulumi.log.warn(warning)
    return found_warnings


def ask(container: Container, version: int, user: str, database: str) -> list[str]:
    """The warnings. Raises `ENGINE_ERRORS`, and ValueError if the answer isn't JSON."""
    line = ["psql", "-qAtX", "-c", COLLATION if version >= 15 else ENCODING]
    # PostgreSQL's own warnings about collations are on standard error.
    _, output, _ = asking.ask(container, line, {"PGUSER": user, "PGDATABASE": database})
    return warnings(str(container.name), user, database, json.loads(output))


def warnings(container: str, user: str, database: str, known: dict[str, Any]) -> list[str]:
    """The warnings that follow from the server's answer."""
    found_warnings = []
    encoding, collation = known["encoding"], known["collation"]
    if encoding != "UTF8" or re.sub(r"[^a-z0-9]", "", collation.lower()) != "enusutf8":
        found_warnings.append(
            f"The database's encoding is {encoding} and its collation {collation}; a managed PostgreSQL has UTF8 and "
            "en_US.UTF-8, and sorts differently. docs/data.md says how to move the data to a volume of another image."
        )
    if "musl" in known["server"]:
        found_warnings.append(
            "The database sorts text by musl, and a managed PostgreSQL by glibc. docs/data.md says how to move the "
            "data to a volume of another image."
        )
    made, now = known.get("made"), known.get("now")
    if made and now and made != now:
        refresh = " ".join(
            f"-c 'ALTER DATABASE {each} REFRESH COLLATION VERSION'" for each in (database, "postgres", "template1")
        )
        found_warnings.append(
            f"The indexes in the database's volume were built with version {made} of the C library's collations, and "
            f"the image has {now}: they may miss rows until they are rebuilt. "
            f"Fix: docker exec {container} reindexdb -U {user} --all && "
            f"docker exec {container} psql -U {user} {refresh} {database}"
        )
    return found_warnings
