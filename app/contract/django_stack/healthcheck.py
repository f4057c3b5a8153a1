"""The container's HEALTHCHECK: `python -m django_stack.healthcheck` exits 0 if the server on PORT is ready.

It uses only small modules of the standard library, since it starts every few seconds.
"""

import http.client
import json
import os
import sys


def main() -> int:
    """0 if /healthz/ready answers 200 with this package's own JSON within four seconds, else 1 with what it said."""
    connection = http.client.HTTPConnection("127.0.0.1", int(os.environ.get("PORT") or 8000), timeout=4)
    try:
        connection.request("GET", "/healthz/ready")
        response = connection.getresponse()
        body = response.read(1000).decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        print(error)
        return 1
    print(response.status, body)
    try:
        health = json.loads(body)
        return 0 if response.status == 200 and health["status"] == health["database"] == "ok" else 1
    except (ValueError, KeyError, TypeError):  # another page
        print("This is not the answer of django_stack.health: the project's settings don't apply the contract.")
        return 1


if __name__ == "__main__":
    sys.exit(main())
