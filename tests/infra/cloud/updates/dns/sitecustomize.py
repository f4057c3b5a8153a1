"""What DNS would do: Python programs with this folder on their path find CloudFront's made-up names at our site."""

import os
import socket
from typing import Any

_connect = socket.create_connection


def _find(address: tuple[str, int], *arguments: Any, **more: Any) -> socket.socket:
    """As `socket.create_connection`, by way of MADE_UP_SITE."""
    if address[0].endswith(".cloudfront.net"):
        host, _, port = os.environ["MADE_UP_SITE"].partition(":")
        address = (host, int(port))
    return _connect(address, *arguments, **more)


socket.create_connection = _find
