"""Waits for PostgreSQL and sets the role's password through the container's trusted local socket. Run by local.Command.

It makes up for a first boot that was cut short, for the image doesn't try again: it makes the database when there is
none, and lets the network in when nobody is let in. Where nothing can be made up for it says so (`first_boot`).

Request: {container: id, user, database, password: letters and digits alone in all three}
"""

import sys

import docker
from docker.errors import APIError
from docker.models.containers import Container

from infra.local import first_boot
from infra.local.containers import engine_errors, wait
from infra.programs import quoted, request
from infra.redaction import redactor

PATIENCE = 120  # seconds; the first boot makes the cluster

# The image adds this rule to those of initdb, which let in the container itself alone. The server's folder is $PGDATA.
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
    """Exits non-zero with PostgreSQL's own words when it doesn't come up or the role can't be altered."""
    asked = request("password")
    container = docker.from_env().containers.get(asked["container"])
    try:
        set_password(container, asked["user"], asked["database"], asked["password"])
    except SystemExit as failure:
        sys.exit(f"{failure}{first_boot.way_on(container)}")


def set_password(container: Container, user: str, database: str, password: str) -> None:
    """As the program; ends it when that fails."""
    wait(container, "The database", lambda: lacking(container), PATIENCE, [password])
    sql = (
        f"ALTER ROLE {user} PASSWORD '{password}';\n"
        f"SELECT 'CREATE DATABASE {database}' "  # names of ours
        f"WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '{database}') \\gexec\n"
        f"{LET_IN}"
    )
    # By way of the environment and standard input: the command line would show it to everybody on the machine.
    status, output = container.exec_run(
        ["sh", "-c", 'printf %s "$SQL" | psql -q -v ON_ERROR_STOP=1'],
        environment={"PGUSER": user, "PGDATABASE": "postgres", "SQL": sql},
    )
    if status != 0:
        said = redactor([password]).text(
            (output if isinstance(output, bytes) else b"").decode(errors="replace").strip()
        )
        sys.exit(f"PostgreSQL did not take the stack's password.{quoted(said.splitlines())}")


def lacking(container: Container) -> str:
    """What keeps the server from answering; nothing when it does.

    Over TCP: at first boot the image's own set-up server listens on the socket only.
    """
    try:
        status, _ = container.exec_run(["pg_isready", "-h", "127.0.0.1"])
    except APIError as error:
        return str(error.explanation)
    return "" if status == 0 else "PostgreSQL does not take connections"


if __name__ == "__main__":
    with engine_errors():
        main()
