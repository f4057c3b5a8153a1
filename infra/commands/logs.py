"""`django-stack logs`: shows the output of the stack's web container, secrets redacted."""

import io
import subprocess
import sys

import click

from infra.commands import stack
from infra.secret_forms import secret_values
from infra.steps import RedactedOutput


@click.command
@stack.option
def command(name: str) -> None:
    """Shows and follows the output of the stack's web container, secrets redacted, until Ctrl-C or the container's end.

    \b
    Example:
      django-stack logs -s pr-12
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # no error on a terminal without UTF-8
    web = f"{stack.project_name()}-{name}-web"
    found = stack.engine().containers.list(all=True, filters={**stack.filters(name), "name": f"^/{web}$"})
    if not found:
        sys.exit(f"There is no container {web}. Fix: {stack.make('local', name)}")
    output = RedactedOutput(secret_values(stack.environment(found[0])), keep=1)
    follow = ["docker", "logs", "--follow", "--tail", "200", web]
    try:
        with subprocess.Popen(follow, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0) as docker:
            assert docker.stdout is not None  # noqa: S101  # it is a pipe
            while chunk := docker.stdout.read(65536):
                output.feed(chunk)
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        output.close()
    sys.exit(docker.returncode)
