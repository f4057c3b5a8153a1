"""Waits until a server on this machine answers as it should. Run by local.Command; it can be repeated.

A connection alone says nothing, since Docker accepts it before the server in the container does.
"""

import socket

from infra.local.requests import AnswerRequest
from infra.local.steps.waiting import engine_errors, later, wait
from infra.steps import read_request

READY_SECONDS = 30


def main() -> None:
    """Exits non-zero with the container's last lines when the server doesn't answer."""
    request = read_request(AnswerRequest)
    wait(later(request.container), request.what, lambda: missing(request), READY_SECONDS, request.secret_values())


def missing(request: AnswerRequest) -> str:
    """What is missing for the answer; nothing when it came."""
    place = f"127.0.0.1:{request.port}"
    try:
        with socket.create_connection(("127.0.0.1", request.port), timeout=5) as connection:
            connection.sendall(request.question.encode())
            answer = connection.recv(200).decode(errors="replace")
    except OSError as error:
        return f"{place} doesn't answer ({error})"
    if answer.startswith(request.answer):
        return ""
    return f"{place} answers {answer.partition(chr(10))[0].strip()!r}" if answer else f"{place} closes the connection"


if __name__ == "__main__":
    with engine_errors():
        main()
