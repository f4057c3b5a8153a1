"""Waits until the site is ready and says where it is and what to do next. Run by `make local`: ready.py STACK"""

import sys
import time
import urllib.error
import urllib.request

from infra.local import stack as here

PATIENCE = 60


def main() -> None:
    """Exit status 1, with the site's own words, unless /healthz/ready says 200 within PATIENCE seconds."""
    (stack,) = sys.argv[1:]
    web = here.web(here.engine(), stack)
    port = next(bindings[0]["HostPort"] for bindings in web.ports.values() if bindings)
    wait_until_ready(f"http://127.0.0.1:{port}/healthz/ready")
    environment = dict(entry.split("=", 1) for entry in web.attrs["Config"]["Env"])
    url = f"http://{environment['DOMAIN']}:{port}/"
    chosen = "" if stack == "local" else f" STACK={stack}"
    print(
        f"\nThe site is up: {url}\n\n"
        f"  {url}admin/ wants a user: make manage{chosen} ARGS=createsuperuser\n"
        f"  Edit the app: pages follow at once. New migration, dependency or setting: make local{chosen}\n"
        f"  The plain commands, too: source .venv/bin/activate && pulumi up -s {stack}\n"
    )


def wait_until_ready(url: str) -> None:
    """Asks until the answer is 200; ends the program with the last answer when it stays something else."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5):  # noqa: S310  # a loopback http URL of ours
                return
        except urllib.error.HTTPError as error:
            answer = f"{error.code} {error.read().decode(errors='replace')}"
        except OSError as error:
            answer = str(error)
        if time.monotonic() > deadline:
            sys.exit(f"The site is not ready: {url} answers {answer}")
        time.sleep(0.3)


if __name__ == "__main__":
    main()
