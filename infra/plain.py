"""Turns what a program printed for a terminal into plain text, for a message, a log or the state."""

import re

# Escape sequences of ECMA-48: CSI (colours, the cursor), OSC (titles, links), and those of two characters.
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]*[0-~])")
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")  # all except tabs and line endings


def plain(line: str) -> str:
    """A line as a terminal finally shows it: without overwritten text and without colours."""
    return without_escapes(line).rstrip("\r\n").replace("\n", "").rpartition("\r")[2]


def without_escapes(text: str) -> str:
    """A text of any number of lines, without colours and control characters."""
    return _CONTROLS.sub("", _ESCAPES.sub("", text))
