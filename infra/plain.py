"""What a program printed for a terminal, as plain text for a message, a log or the state."""

import re

# Escape sequences of ECMA-48: CSI (colours, the cursor), OSC (titles, links), and those of two characters.
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]*[0-~])")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")  # all but the tab


def plain(line: str) -> str:
    """A line as a terminal would show it in the end: what was written over is gone, and no colour is left.

    A secret whose letters are coloured one by one is a secret again.
    """
    line = _ESCAPES.sub("", line).rstrip("\r\n")
    return _CONTROLS.sub("", line.rpartition("\r")[2])
