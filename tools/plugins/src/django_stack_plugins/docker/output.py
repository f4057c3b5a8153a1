"""What a build prints, as whole lines of plain text.

The engine hands it on as it comes, often in the middle of a word, with the colours and the moves of the cursor by which
a program draws on a terminal.
"""

import re

# Escape sequences of ECMA-48: CSI (colours, the cursor), OSC (titles, links), and those of two characters.
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]*[0-~])")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")  # all but the tab


def plain(line: str) -> str:
    """A line as a terminal would show it in the end: what was written over is gone, and no colour is left."""
    line = _ESCAPES.sub("", line).rstrip("\r\n")
    return _CONTROLS.sub("", line.rpartition("\r")[2]).rstrip()


class Lines:
    """Puts pieces of output together to lines; empty ones are left out."""

    def __init__(self) -> None:
        self._rest = ""

    def add(self, piece: str) -> list[str]:
        """The lines that this piece ends."""
        *lines, self._rest = (self._rest + piece).split("\n")
        return [text for text in map(plain, lines) if text]

    def end(self) -> list[str]:
        """What is left without a line's end."""
        rest, self._rest = plain(self._rest), ""
        return [rest] if rest else []
