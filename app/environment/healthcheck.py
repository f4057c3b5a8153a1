"""The container's HEALTHCHECK: `python -m environment.healthcheck` exits 0 if the server on PORT is ready.

Standard library only, and the light part of it: it starts every few seconds.
"""

import http.client
import os
import sys


def main() -> int:
    """0 if /healthz/ready answers 200 within four seconds, else 1 with what it said."""
    connection = http.client.HTTPConnection("127.0.0.1", int(os.environ.get("PORT") or 8000), timeout=4)
    try:
        connection.request("GET", "/healthz/ready")
        response = connection.getresponse()
        print(response.status, response.read(1000).decode(errors="replace"))
    except OSError as error:
        print(error)
        return 1
    return 0 if response.status == 200 else 1


if __name__ == "__main__":
    sys.exit(main())
