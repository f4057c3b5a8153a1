"""Waits until the site is ready, or says what the web container printed instead. Run by local.Command.

Request: {container: id, url: address of /healthz/ready, timeout: seconds, secrets: [values]}

The provider's own wait would look every few seconds, and fail without a word of the container's.
"""

import urllib.error
import urllib.request

from infra import endpoint
from infra.local.containers import engine_errors, wait
from infra.programs import request


def main() -> None:
    """Exit status 0 when the site is ready, else 1 with the container's last lines on standard error."""
    asked = request()
    container = endpoint.client().containers.get(asked["container"])
    wait(container, "The web container", lambda: lacking(asked["url"]), asked["timeout"], asked["secrets"])


def lacking(url: str) -> str:
    """What is answered instead of 200; nothing for that."""
    try:
        with urllib.request.urlopen(url, timeout=5):  # noqa: S310  # a loopback http URL of ours
            return ""
    except urllib.error.HTTPError as error:
        return f"{url} answers {error.code} {error.read(1000).decode(errors='replace')}"
    except OSError as error:
        return f"{url} does not answer ({error})"


if __name__ == "__main__":
    with engine_errors():
        main()
