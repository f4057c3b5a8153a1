"""Whether a PostgreSQL takes connections, as `pg_isready` finds out, without a process in its container."""

import socket
import struct

PROTOCOL = 3 << 16  # 3.0
STARTING = b"C57P03\0"  # the field of the error that says cannot_connect_now: it starts, recovers or shuts down
ANSWER = 1024  # bytes; the answers to this request are shorter, or tell enough


def takes_connections(port: int, user: str, seconds: float = 3.0) -> bool:
    """Whether the server behind a port of 127.0.0.1 takes connections; any answer but "I'm starting" says so.

    A connection alone says nothing, since Docker accepts it before the server does. This asks for a session and hangs
    up before any password is sent. https://www.postgresql.org/docs/current/protocol-message-formats.html
    """
    parameters = b"".join(text.encode() + b"\0" for text in ("user", user, "database", "postgres", ""))
    request = struct.pack("!ii", len(parameters) + 8, PROTOCOL) + parameters
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=seconds) as connection:
            connection.sendall(request)
            answer = connection.recv(ANSWER)
    except OSError:
        return False
    return answer[:1] == b"R" or (answer[:1] == b"E" and STARTING not in answer)
