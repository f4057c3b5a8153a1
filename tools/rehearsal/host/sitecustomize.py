"""DNS for Python programs on this machine that have this folder on their path: AWS's names lead to the emulator's TLS.

The roll-out check asks the site under its own name, on port 443, which the emulator's container can't have here. The
API of CloudFront's key-value stores has the account before the host name of the endpoint, an address here.
"""

import os
import socket
from typing import Any

AWS = (".amazonaws.com", ".cloudfront.net")
_port = int(os.environ.get("REHEARSAL_TLS_PORT", "0"))
_ask = socket.getaddrinfo


def _find(host: Any, port: Any, *arguments: Any, **more: Any) -> Any:
    """As `socket.getaddrinfo`."""
    if isinstance(host, str) and host.rstrip(".").endswith(AWS) and port == 443:
        host, port = "127.0.0.1", _port
    elif isinstance(host, str) and host[:12].isdigit() and host[12:] == ".127.0.0.1":
        host = "127.0.0.1"
    return _ask(host, port, *arguments, **more)


if _port:
    socket.getaddrinfo = _find
