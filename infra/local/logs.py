"""Shows what the stack's web container prints, secrets redacted, and goes on showing it: logs.py STACK"""

import io
import subprocess
import sys

from infra.local import stack as here
from infra.programs import PassedOn
from infra.secret_forms import secret_values


def main() -> None:
    """Shows it until Ctrl-C or the container's end."""
    (stack,) = sys.argv[1:]
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal that knows no UTF-8 ends no log
    name = f"{here.project_name()}-{stack}-web"
    found = here.engine().containers.list(all=True, filters={**here.filters(stack), "name": f"^/{name}$"})
    if not found:
        sys.exit(f"There is no container {name}. Fix: {here.make('local', stack)}")
    output = PassedOn(secret_values(here.environment(found[0])), keep=1)
    command = ["docker", "logs", "--follow", "--tail", "200", name]
    try:
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0) as docker:
            assert docker.stdout is not None  # noqa: S101  # it is a pipe
            while chunk := docker.stdout.read(65536):
                output.feed(chunk)
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        output.close()
    sys.exit(docker.returncode)


if __name__ == "__main__":
    main()
