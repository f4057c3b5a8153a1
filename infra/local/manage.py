"""Runs a Django management command in the stack's web container: manage.py STACK COMMAND [ARGUMENTS]

Over mounted source the container runs as this machine's user, so the files that makemigrations writes belong to them.
`createsuperuser --noinput` finds DJANGO_SUPERUSER_PASSWORD and its like, as Django documents.
"""

import os
import sys

from infra.local import stack as here

WRITES_SOURCE = {"makemigrations", "makemessages", "compilemessages", "squashmigrations", "startapp"}


def main() -> None:
    """Becomes `docker exec`, which hands on the terminal and the exit status."""
    stack, *arguments = sys.argv[1:]
    if not arguments:
        sys.exit("Which command? For example: make manage ARGS=createsuperuser")
    web = here.web(here.engine(), stack)
    if arguments[0] in WRITES_SOURCE and not here.has_source_mounted(web):
        sys.exit(
            f"{arguments[0]} writes source files, and the source isn't mounted into the container. "
            f"Fix: pulumi config set -s {stack} mount-source true, then pulumi up -s {stack}"
        )
    options = ["--interactive", *(["--tty"] if sys.stdin.isatty() and sys.stdout.isatty() else [])]
    # By name alone: docker takes the values, a password among them, from our environment.
    options += [f"--env={name}" for name in os.environ if name.startswith("DJANGO_SUPERUSER_")]
    os.execvp("docker", ["docker", "exec", *options, web.id or "", "python", "manage.py", *arguments])


if __name__ == "__main__":
    main()
