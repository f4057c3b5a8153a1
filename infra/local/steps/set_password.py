"""Waits for PostgreSQL and sets the role's password through the container's trusted local socket. Run by local.Command.

First it asks the server for its version and for the folder of its data.

It also completes a first boot that was interrupted, which the image doesn't repeat: it creates the database if there is
none, and allows connections from the network if none are allowed. If that isn't possible, it says so (`first_boot`).
"""

import json
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import PurePosixPath
from typing import Any

from docker.errors import APIError
from docker.models.containers import Container

from infra import endpoint
from infra.local import asking
from infra.local.requests import SetPasswordRequest
from infra.local.steps import first_boot
from infra.local.steps.postgres_ping import takes_connections
from infra.local.steps.waiting import engine_errors, wait
from infra.redaction import redactor
from infra.steps import quoted, read_request

ASK_CONTAINER = 5.0  # seconds
READY_SECONDS = 300  # the first boot creates the cluster and runs the image's scripts, such as PostGIS's
IDENTITY = """
SELECT json_build_object(
    'version', current_setting('server_version_num')::int / 10000, 'folder', current_setting('data_directory'))
"""
# The image adds this rule to those of initdb, which allow only the container itself. The server runs in $PGDATA.
LET_IN = r"""
SELECT NOT EXISTS (
    SELECT FROM pg_hba_file_rules WHERE type LIKE 'host%' AND address NOT IN ('127.0.0.1', '::1')
) AS closed \gset
\if :closed
COPY (VALUES (''), ('host all all all scram-sha-256')) TO PROGRAM 'cat >> pg_hba.conf';
SELECT pg_reload_conf() \gset
\endif
"""


def main() -> None:
    """Exits non-zero with PostgreSQL's own message when it doesn't start or the role can't be altered."""
    request = read_request(SetPasswordRequest)
    container = endpoint.client().containers.get(request.container)
    try:
        set_password(container, request)
    except SystemExit as failure:
        sys.exit(f"{failure}{first_boot.next_step(container)}")


def set_password(container: Container, request: SetPasswordRequest) -> None:
    """Does what the step does; exits when that fails."""
    user, database, password = request.user, request.database, request.password
    wait(container, "The database", watch(container, request.port, user), READY_SECONDS, [password])
    server = json.loads(psql(container, user, "postgres", IDENTITY, run=asking.ask))
    check(container, server, request)
    sql = (
        f"ALTER ROLE {user} PASSWORD '{password}';\n"
        f"SELECT 'CREATE DATABASE {database}' "  # our own names, which need no quotes
        f"WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '{database}') \\gexec\n"
        f"{LET_IN}"
    )
    psql(container, user, "postgres", sql, [password])


def psql(
    container: Container,
    user: str,
    database: str,
    sql: str,
    secrets: Iterable[str] = (),
    *,
    run: Callable[..., asking.Said] = asking.run,
) -> str:
    """The output of psql, unaligned; exits with PostgreSQL's message when that fails."""
    # Through the environment and standard input, because everybody on the machine can see a command line.
    line = ["sh", "-c", 'printf %s "$SQL" | psql -qAtX -v ON_ERROR_STOP=1']
    status, output, complaints = run(container, line, {"PGUSER": user, "PGDATABASE": database, "SQL": sql})
    if status != 0:
        words = redactor(secrets).text(complaints.decode(errors="replace").strip())
        sys.exit(f"PostgreSQL did not take the stack's password.{quoted(words.splitlines())}")
    return output.decode()


def check(container: Container, server: dict[str, Any], request: SetPasswordRequest) -> None:
    """Exits when the server isn't of `postgres-version`, or its data aren't in the stack's volume."""
    version, volume = server["version"], request.volume
    if version != request.version:
        sys.exit(
            f"The image's PostgreSQL is {version}, and postgres-version is {request.version}. Nothing was changed in "
            f"the database. Fix: pulumi config set -s {request.stack} postgres-version {version}"
        )
    folder = PurePosixPath(server["folder"])
    container.reload()
    mounts = {PurePosixPath(mount["Destination"]): mount.get("Name") for mount in container.attrs["Mounts"]}
    nearest = next((mounts[above] for above in (folder, *folder.parents) if above in mounts), None)
    if nearest != volume:
        sys.exit(
            f"PostgreSQL keeps its data in {folder}, which is not in the volume {volume}: they would be lost with the "
            f"container. Nothing was changed in the database. Fix: take a postgres-image that is made from the "
            f"official one; if this one has data of yours, dump them first (docs/data.md)"
        )


def watch(container: Container, port: int, user: str) -> Callable[[], str]:
    """A function that returns why the server behind the published `port` takes no connections; nothing when it does.

    It is asked over TCP, because during the first boot the image's set-up server listens on the socket only. While the
    port says nothing, the container is asked as well, now and then: a process there takes a tenth of a second of the
    processor, which the first boot needs.
    """
    asked = time.monotonic()

    def missing() -> str:
        nonlocal asked
        if takes_connections(port, user):
            return ""
        if time.monotonic() - asked < ASK_CONTAINER:
            return "PostgreSQL does not take connections"
        asked = time.monotonic()
        return unready(container)

    return missing


def unready(container: Container) -> str:
    """What the container itself says of its server; nothing when that takes connections."""
    try:
        status, _ = container.exec_run(["pg_isready", "-h", "127.0.0.1"])
    except APIError as error:
        return str(error.explanation)
    return "" if status == 0 else "PostgreSQL does not take connections"


if __name__ == "__main__":
    with engine_errors():
        main()
