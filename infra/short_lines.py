"""The output of a step in lines that Pulumi's command plugin can read.

The official plugin reads both streams of a command by one bufio.Scanner (1.2.1, provider/pkg/provider/util/util.go),
which stops at 64 KiB without an end of line. Then nobody reads any more, and the step waits in its next write for ever.
"""

import io
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

# Bytes of a line, of which each stream may have one at the same time; both leave room below the plugin's limit.
LONGEST = 16 * 1024
# The end of a line, or a piece of one that goes on to the end of its last character in UTF-8.
_PIECE = re.compile(rb"\r\n?|\n|[^\r\n]{1,%d}[\x80-\xbf]{0,3}" % LONGEST)


def in_short_lines(output: io.TextIOWrapper) -> io.TextIOWrapper:
    """The same stream in short lines, and in UTF-8, which Pulumi reads whatever the user's locale is."""
    output.flush()
    return io.TextIOWrapper(
        ShortLines(output),
        encoding="utf-8",
        errors="backslashreplace",
        line_buffering=output.line_buffering,
        write_through=output.write_through,
    )


class ShortLines(io.BufferedIOBase):
    """The bytes of a stream in short lines: a carriage return ends one, too, as in a progress bar."""

    def __init__(self, target: io.TextIOWrapper) -> None:
        self._owner = target  # which would close its buffer at its own end
        self._target = target.buffer
        self._length = 0  # of the line that has not ended yet

    def write(self, data: "ReadableBuffer", /) -> int:
        """Takes in whole characters."""
        text, shown = bytes(data), bytearray()
        for piece in _PIECE.findall(text):
            ends = piece[:1] in b"\r\n"
            if ends or (self._length and self._length + len(piece) > LONGEST):
                shown += b"\n"
                self._length = 0
            if not ends:
                shown += piece
                self._length += len(piece)
        self._target.write(bytes(shown))
        return len(text)

    def flush(self) -> None:
        if not self._target.closed:  # by somebody else; the end of this stream flushes once more
            self._target.flush()

    def fileno(self) -> int:
        return self._target.fileno()

    def isatty(self) -> bool:
        return self._target.isatty()

    def writable(self) -> bool:
        return True

    @property
    def name(self) -> Any:
        return self._target.name
