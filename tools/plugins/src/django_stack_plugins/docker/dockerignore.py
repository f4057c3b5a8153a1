"""Which files of a build context Docker's builders see, by the rules of moby/patternmatcher and its ignorefile package.

Docker's Python library has rules of its own: it takes `README` for `readme` and `[^a]` for `[a]`, and doesn't know a
byte order mark.
"""

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_SPECIAL = re.compile(r"[*?\[\]\\]")


class IgnoreError(Exception):
    """A pattern that no builder takes; the message says which and where."""


class Entry(NamedTuple):
    """What a builder sees of one file or folder: its path within the context, and where it is for us."""

    name: str
    path: str
    status: os.stat_result


class _Pattern(NamedTuple):
    negated: bool
    text: str
    expression: re.Pattern[str]


def ignore_file(context: Path, dockerfile: str = "Dockerfile") -> Path:
    """The file with the patterns: the Dockerfile's own is preferred, as by BuildKit and Pulumi's plugin."""
    own = context / f"{dockerfile}.dockerignore"
    return own if own.is_file() else context / ".dockerignore"


def read_patterns(content: bytes) -> list[str]:
    """The patterns in an ignore file. A comment has its # in the first column; a pattern may begin with a slash."""
    patterns = []
    for line in content.removeprefix(b"\xef\xbb\xbf").decode(errors="surrogateescape").split("\n"):
        pattern = line.strip()
        if not pattern or line.startswith("#"):
            continue
        negation = "!" if pattern.startswith("!") else ""
        pattern = pattern.removeprefix(negation).strip()
        if pattern:
            pattern = _clean(pattern)
            pattern = pattern[1:] if pattern.startswith("/") and len(pattern) > 1 else pattern
        patterns.append(negation + pattern)
    return patterns


class Context:
    """A folder that is sent to a builder, without what its patterns leave out."""

    def __init__(self, folder: Path, patterns: list[str]) -> None:
        """Raises IgnoreError for a pattern that isn't one."""
        self.folder = str(folder)
        self.patterns = [_pattern(pattern) for pattern in patterns if pattern.strip()]
        self.negations = [f"{pattern.text}/" for pattern in self.patterns if pattern.negated]
        # Without a negation one expression says it all: what is in an ignored folder isn't even looked at.
        together = "|".join(f"(?:{pattern.expression.pattern})" for pattern in self.patterns)
        self.ignored = re.compile(together, re.DOTALL) if self.patterns and not self.negations else None
        self.sockets: list[str] = []  # that `entries` passed over
        self.entered: list[Entry] = []  # folders that are left out, but perhaps not all that is in them

    def entries(self) -> Iterator[Entry]:
        """Everything that is sent, folders before what is in them, in the order of the names.

        Sockets aren't: no archive can hold them. What vanishes meanwhile isn't there. Raises OSError with the path of
        a folder that can't be read.
        """
        return self._below(self.folder, "", [False] * len(self.patterns))

    def _below(self, folder: str, prefix: str, parent: list[bool]) -> Iterator[Entry]:
        try:
            with os.scandir(folder) as found:
                items = sorted(found, key=lambda item: os.fsencode(item.name))
        except FileNotFoundError:
            return
        for item in items:
            name = f"{prefix}{item.name}"
            if self.negations:
                ignored, matched = self._ignored(name, parent)
            else:
                ignored, matched = bool(self.ignored and self.ignored.fullmatch(name)), parent
            is_folder = item.is_dir(follow_symlinks=False)
            if ignored and not (is_folder and any(negation.startswith(f"{name}/") for negation in self.negations)):
                continue
            try:
                status = item.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            if ignored:
                self.entered.append(Entry(name, item.path, status))
            elif stat.S_ISSOCK(status.st_mode):
                self.sockets.append(name)
                continue
            else:
                yield Entry(name, item.path, status)
            if is_folder:
                yield from self._below(item.path, f"{name}/", matched)

    def _ignored(self, name: str, parent: list[bool]) -> tuple[bool, list[bool]]:
        """Whether the last pattern that says something of `name` leaves it out, and which patterns match it.

        A pattern that matches a folder matches what is in it (`parent`).
        """
        ignored = False
        matched = []
        for pattern, by_parent in zip(self.patterns, parent, strict=True):
            # A pattern that would change nothing isn't asked.
            match = by_parent or (pattern.negated == ignored and bool(pattern.expression.fullmatch(name)))
            matched.append(match)
            if match:
                ignored = not pattern.negated
        return ignored, matched


def _clean(path: str) -> str:
    """The shortest path of the same meaning, like filepath.Clean of Go: without `.`, `..` and double slashes."""
    parts: list[str] = []
    for part in path.split("/"):
        if part in ("", "."):
            continue
        if part == ".." and parts and parts[-1] != "..":
            parts.pop()
        elif part != ".." or not path.startswith("/"):
            parts.append(part)
    return ("/" if path.startswith("/") else "") + "/".join(parts) or "."


def _pattern(pattern: str) -> _Pattern:
    text = _clean(pattern.strip())
    negated = text.startswith("!")
    if negated:
        text = text[1:]
    expression = _expression(text) if text else None
    try:
        if expression is not None:
            return _Pattern(negated, text, re.compile(expression, re.DOTALL))
    except re.error:  # a range such as [z-a]
        pass
    raise IgnoreError(f"{pattern!r} is no pattern")


def _expression(pattern: str) -> str | None:
    """The regular expression for a pattern; None for a bracket without its other, or a backslash at the end."""
    if pattern.startswith("**") and not _SPECIAL.search(pattern[2:]) and not pattern.startswith("**/"):
        return f".*{re.escape(pattern[2:])}"
    result = ""
    rest = pattern
    while rest:
        character, rest = rest[0], rest[1:]
        if character == "*" and rest.startswith("*"):
            rest = rest[1:].removeprefix("/")
            result += "(?:.*/)?" if rest else ".*"
        elif character == "*":
            result += "[^/]*"
        elif character == "?":
            result += "[^/]"
        elif character == "\\" and rest:
            result += re.escape(rest[0])
            rest = rest[1:]
        elif character == "[" and (members := re.match(r"(\^?)((?:\\.|[^\]\\])+)\]", rest)):
            inside = re.sub(r"\\(.)|([\[&|~])", lambda found: re.escape(found[1] or found[2]), members[2])
            result += f"[{members[1]}{inside}]"
            rest = rest[members.end() :]
        elif character in "\\[":
            return None
        else:
            result += re.escape(character)
    return result


def literal(name: str) -> str:
    """The pattern that fits this path of the context; what can't stand in a line of text is a question mark in it."""
    escaped = re.sub(r"[*?\[\]\\]|^[!#]", r"\\\g<0>", name)
    return "".join(character if character.isprintable() else "?" for character in escaped)
