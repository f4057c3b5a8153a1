"""Shows what the stack's web container prints, and goes on showing it: logs.py STACK"""

import os
import sys

from infra.local import stack as here


def main() -> None:
    """Becomes `docker logs`; Ctrl-C ends it."""
    (stack,) = sys.argv[1:]
    name = f"{here.project_name()}-{stack}-web"
    if not here.engine().containers.list(all=True, filters={**here.filters(stack), "name": f"^/{name}$"}):
        sys.exit(f"There is no container {name}. Fix: {here.make('local', stack)}")
    os.execvp("docker", ["docker", "logs", "--follow", "--tail", "200", name])


if __name__ == "__main__":
    main()
