"""Which TCP ports of this machine are free."""

import errno
import socket


def is_free_port(port: int) -> bool:
    """Whether nothing listens at 127.0.0.1:port. A port that only root may open counts as free."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            return error.errno != errno.EADDRINUSE
    return True


def any_free_port() -> int:
    """A port that is free now, chosen by the operating system."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
