"""Runs in the app's container, by `python -c`: lists, reads, writes and removes the files below a folder.

It reads questions from standard input, a JSON object a line, and answers in the same way. A file's content follows its
question or answer. It needs nothing but Python 3.9, and ends with its input.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

BLOCK = 2**18  # bytes
UNKNOWN = "\ufffd"  # what stands for each byte of a file's name that isn't UTF-8
MARK = ".django-stack-copy-"  # the beginning of the names of files that aren't whole yet


class KeyRefusedError(Exception):
    """A key that can't be a file's."""


def say(answer: object) -> None:
    sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n")


def place(root: Path, key: str) -> Path:
    """The file of a key, which must not be outside of the folder, nor have another name there."""
    path = os.path.normpath(root / key)
    if os.path.relpath(path, root) != key or key.split("/", maxsplit=1)[0] in {".", ".."}:
        raise KeyRefusedError("a folder can't have a file of this name")
    return Path(path)


def listed(root: Path, key: str) -> Path:
    """The file of a key that `find` has said."""
    path = place(root, key)
    if UNKNOWN in key and not path.exists():
        raise KeyRefusedError("its name isn't UTF-8")
    return path


def find(root: Path) -> None:
    for folder, _, names in os.walk(root):
        for path in (Path(folder, name) for name in names if not name.startswith(MARK)):
            if not path.is_file():
                continue
            digest, size = hashlib.md5(usedforsecurity=False), 0
            with path.open("rb") as file:
                while block := file.read(BLOCK):
                    digest.update(block)
                    size += len(block)
            key = os.path.relpath(path, root).encode(errors="surrogateescape").decode(errors="replace")
            say({"key": key, "size": size, "md5": digest.hexdigest()})
    say(None)


def read(root: Path, key: str) -> None:
    with listed(root, key).open("rb") as file:
        left = os.fstat(file.fileno()).st_size
        say({"size": left})
        while left:
            block = file.read(min(BLOCK, left))
            if not block:
                sys.exit("A file became shorter while it was read.")
            sys.stdout.buffer.write(block)
            left -= len(block)


def write(root: Path, key: str, size: int) -> None:
    """Reads the content in any case, so that the next question is found behind it."""
    left = size
    try:
        path = place(root, key)
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(MARK + secrets.token_hex(8))
        try:
            with unfinished.open("xb") as file:
                while left:
                    block = some(left)
                    left -= len(block)
                    file.write(block)
                file.flush()
                os.fsync(file.fileno())
            unfinished.chmod(0o644)
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)
    finally:
        while left > 0:
            left -= len(some(left))
    say({})


def some(left: int) -> bytes:
    """Some of the content that follows; without any, whoever asked is gone."""
    source: Any = sys.stdin.buffer
    block: bytes = source.read1(min(BLOCK, left))
    if not block:
        sys.exit(1)
    return block


def remove(root: Path, keys: list[str]) -> None:
    for key in keys:
        with suppress(FileNotFoundError):
            listed(root, key).unlink()
    say({})


def main(questions: BinaryIO, root: Path) -> None:
    verbs: dict[str, Any] = {"list": find, "read": read, "write": write, "remove": remove}
    for line in questions:
        question = json.loads(line)
        try:
            verbs[question.pop("do")](root, **question)
        except (OSError, KeyRefusedError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            say({"error": reason, "gone": isinstance(error, FileNotFoundError)})
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main(sys.stdin.buffer, Path(sys.argv[1]).resolve())
