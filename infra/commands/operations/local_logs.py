"""Reads what a container of a stack on this machine's Docker engine printed."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from docker.errors import APIError

from infra.commands.operations import LogLine, LogQuery

if TYPE_CHECKING:
    import docker
    from docker.models.containers import Container

# What the engine puts before each line, and each piece of a line, when it is asked for times.
_STAMP = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d) ", re.ASCII)


def lines(engine: "docker.DockerClient", process: str, container: "Container", query: LogQuery) -> Iterator[LogLine]:
    """The container's lines with docker's times, then the new ones: one stream, so none is lost in between.

    They are more than the last ones that the query asks for, where the engine can't tell which those are.
    """
    until = None
    if query.previous:
        if not container.attrs["RestartCount"]:
            return  # lines of a container that was replaced are gone with it
        until = moment(str(container.attrs["State"]["StartedAt"])).timestamp()
    rest = b""
    try:
        chunks = engine.api.logs(
            str(container.id),
            timestamps=True,
            stream=True,
            follow=query.follow and not query.previous,
            since=query.since.timestamp() if query.since else None,
            until=until,
            # The engine counts the last lines from the end of all, and looks at `until` after that.
            tail="all" if query.tail is None or until else query.tail,
        )
    except APIError as error:
        if error.status_code in {404, 409}:  # it has gone since it was listed, or is going
            return
        raise
    for chunk in chunks:
        # The engine keeps a line of more than 16 KiB in pieces, each of which is a chunk with a time of its own. Those
        # of a terminal can't be told apart, for its chunks are single bytes.
        again = _STAMP.match(chunk) if rest else None
        *whole, rest = (rest + chunk[again.end() if again else 0 :]).split(b"\n")
        for line in whole:
            yield _log_line(process, container, line)
    if rest:
        yield _log_line(process, container, rest)


def _log_line(process: str, container: "Container", line: bytes) -> LogLine:
    stamp, _, text = line.decode(errors="replace").partition(" ")
    return LogLine(moment(stamp), process, str(container.id)[:8], text.rstrip("\r"))


def moment(text: str) -> datetime:
    """A time of the engine's, which has nanoseconds and may be in another zone than UTC."""
    return datetime.fromisoformat(text).astimezone(UTC)
