"""Sets the database role's password through the container's trusted local socket. Run by local.Command.

Request: {container: id, user, database, password: letters and digits}
"""

import sys

import docker

from infra.programs import request


def main() -> None:
    """Exits non-zero with PostgreSQL's own words when the role can't be altered."""
    asked = request()
    container = docker.from_env().containers.get(asked["container"])
    # By way of the environment and standard input: the command line would show it to everybody on the machine.
    status, output = container.exec_run(
        ["sh", "-c", "echo \"ALTER ROLE $PGUSER PASSWORD '$NEW_PASSWORD'\" | psql -q -v ON_ERROR_STOP=1"],
        environment={"PGUSER": asked["user"], "PGDATABASE": asked["database"], "NEW_PASSWORD": asked["password"]},
    )
    if status != 0:
        sys.exit(f"PostgreSQL did not take the stack's password:\n{output!r}")


if __name__ == "__main__":
    main()
