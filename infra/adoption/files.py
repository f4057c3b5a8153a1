"""Files that adoption writes: each says so in its first line, with a hash, so that an edited one is never replaced."""

import difflib
import hashlib
import json
import re
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import yaml

from infra.adoption.tree import MARK

_MARK = re.compile(rf"{MARK} \(([0-9a-f]{{12}})\).*")
_PULUMIS = re.compile(r"^(?:encryptionsalt|secretsprovider|encryptedkey):.*\n?", re.MULTILINE)


class State(Enum):
    """How a file that is to be written compares with what is there."""

    NEW = "new"
    SAME = "unchanged"
    CHANGED = "changed"  # ours, as we left it; it is written anew
    EDITED = "edited since: kept as it is"
    FOREIGN = "not written by adopt: kept as it is"


@dataclass(frozen=True)
class Planned:
    """A file with its content: text, or the bytes of a wheel, which its name identifies."""

    path: Path
    content: str | bytes

    @property
    def marked(self) -> bytes:
        """The content as it is written: a text begins with the mark."""
        if isinstance(self.content, bytes):
            return self.content
        return f"{mark(self.content, self.path)}\n{self.content}".encode()

    def state(self) -> State:
        try:
            there = self.path.read_bytes()
        except FileNotFoundError:
            return State.NEW
        if there == self.marked:
            return State.SAME
        if isinstance(self.content, bytes):
            return State.CHANGED if _is_wheel_of_ours(self.path) else State.FOREIGN
        text = there.decode(errors="replace")
        found = _MARK.search(text)
        if not found:
            return State.FOREIGN
        rest = _PULUMIS.sub("", text).replace(f"{found[0]}\n", "", 1)
        digest = _digest(rest, self.path)
        if digest != found[1]:
            return State.EDITED
        return State.SAME if digest == _digest(self.content, self.path) else State.CHANGED

    def write(self) -> None:
        """Writes it, by way of a file beside it, so that nobody ever sees half of it."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        content = self.marked
        if not isinstance(self.content, bytes) and self.path.exists():
            kept = "".join(_PULUMIS.findall(self.path.read_text()))
            content = content + kept.encode()
        beside = self.path.with_name(f".{self.path.name}.new")
        beside.write_bytes(content)
        beside.replace(self.path)

    def diff(self) -> str:
        """What writing it changes, as a unified diff; a wheel is one line."""
        if isinstance(self.content, bytes):
            return f"+++ {self.path} ({len(self.content)} bytes)\n"
        before = self.path.read_text() if self.path.exists() else ""
        lines = difflib.unified_diff(
            before.splitlines(keepends=True),
            self.marked.decode().splitlines(keepends=True),
            str(self.path) if before else "/dev/null",
            str(self.path),
        )
        return "".join(lines)


def mark(content: str, path: Path) -> str:
    """The first line of a file with this content."""
    return f"{MARK} ({_digest(content, path)}). Edit it as you like: then adopt leaves it alone."


def _digest(text: str, path: Path) -> str:
    """12 hex digits. Of YAML the meaning counts, since pulumi writes its quotes, braces and order anew."""
    if path.suffix == ".yaml":
        with suppress(yaml.YAMLError):
            text = json.dumps(_plain(yaml.safe_load(text)), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _plain(value: object) -> object:
    """YAML's value with every scalar as a text: pulumi turns 17 into "17"."""
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return str(value).lower() if isinstance(value, bool) else str(value)


def _is_wheel_of_ours(path: Path) -> bool:
    return path.name.startswith("django_stack_contract-") and path.suffix == ".whl"
