"""Waits for PostgreSQL and sets the role's password through the container's trusted local socket. Run by local.Command.

It makes the database, too, when there is none: a first boot that was cut short leaves a cluster without it, and the
image doesn't try again.

Request: {container: id, user, database, password: letters and digits alone in all three}
"""

import sys

import docker
from docker.errors import APIError
from docker.models.containers import Container

from infra.local.containers import engine_errors, wait
from infra.programs import request

PATIENCE = 120  # seconds; the first boot makes the cluster


def main() -> None:
    """Exits non-zero with PostgreSQL's own words when it doesn't come up or the role can't be altered."""
    asked = request()
    container = docker.from_env().containers.get(asked["container"])
    wait(container, "The database", lambda: lacking(container), PATIENCE, [asked["password"]])
    user, database = asked["user"], asked["database"]
    sql = (
        f"ALTER ROLE {user} PASSWORD '{asked['password']}';\n"
        f"SELECT 'CREATE DATABASE {database}' "  # names of ours
        f"WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '{database}') \\gexec\n"
    )
    # By way of the environment and standard input: the command line would show it to everybody on the machine.
    status, output = container.exec_run(
        ["sh", "-c", 'printf %s "$SQL" | psql -q -v ON_ERROR_STOP=1'],
        environment={"PGUSER": user, "PGDATABASE": "postgres", "SQL": sql},
    )
    if status != 0:
        sys.exit(f"PostgreSQL did not take the stack's password:\n{output!r}")


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
