"""Free ports of this machine."""

import os
import random
import socket
from contextlib import suppress

_given: set[int] = set()


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on, none given twice, and below those that the kernel gives to outgoing connections.

    The three processes of pytest-xdist have four thousand each: a stack may take its ports long after it was given
    them.
    """
    begin = 20000 + 4000 * (int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % 3)
    ports: list[int] = []
    while len(ports) < count:
        port = random.randrange(begin, begin + 4000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            ports += [port] if port not in _given else []
            _given.add(port)
    return ports
