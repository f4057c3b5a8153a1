"""Waits until the site is ready, or says what the web container printed instead. Run by local.Command.

Request: {container: id, url: address of /healthz/ready, timeout: seconds, secrets: [values]}

The provider's own wait would look every few seconds, and fail without a word of the container's.
"""

import sys
import time
import urllib.error
import urllib.request

import docker
from docker.models.containers import Container

from infra.programs import blot_out, quoted, request

TAIL = 20
# How often the container may end and be started again before its end is taken for good.
CHANCES = 2


def main() -> None:
    """Exit status 0 when the site is ready, else 1 with the container's last lines on standard error."""
    asked = request()
    container = docker.from_env().containers.get(asked["container"])
    deadline = time.monotonic() + asked["timeout"]
    while (answer := ask(asked["url"])) != "ready":
        container.reload()
        if container.attrs["RestartCount"] > CHANCES:
            sys.exit(f"The web container ends again and again.{last_lines(container, asked['secrets'])}")
        if time.monotonic() > deadline:
            sys.exit(
                f"The site is not ready after {asked['timeout']} seconds: {asked['url']} answers {answer}."
                f"{last_lines(container, asked['secrets'])}"
            )
        time.sleep(0.2)


def ask(url: str) -> str:
    """`ready`, or what is answered instead."""
    try:
        with urllib.request.urlopen(url, timeout=5):  # noqa: S310  # a loopback http URL of ours
            return "ready"
    except urllib.error.HTTPError as error:
        return f"{error.code} {error.read(1000).decode(errors='replace')}"
    except OSError as error:
        return f"nothing ({error})"


def last_lines(container: Container, secrets: list[str]) -> str:
    """The end of what the container printed, secrets blotted out."""
    text = bytes(container.logs(tail=TAIL)).decode(errors="replace").strip()
    return quoted(blot_out(line, secrets) for line in text.splitlines())


if __name__ == "__main__":
    main()
