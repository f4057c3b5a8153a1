"""Media in this process's memory, which fail when a test wants it."""

import hashlib
import io
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO

from infra.commands.data.media import Body, GoneError, Headers, MediaEnd, Object


def tag(content: bytes, part_size: int = 0) -> str:
    """The ETag that S3 documents for a content: of one upload, or of one in parts."""
    if not part_size:
        return hashlib.md5(content).hexdigest()
    parts = [hashlib.md5(content[at : at + part_size]).digest() for at in range(0, len(content), part_size)]
    return f"{hashlib.md5(b''.join(parts)).hexdigest()}-{len(parts)}"


@dataclass
class Kept:
    content: bytes
    part_size: int = 0
    headers: Headers = field(default_factory=Headers)


class MemoryMedia:
    """`before` is called with the verb and the key before each; what it raises is raised."""

    production = False
    is_near = False

    def __init__(self, name: str, **contents: bytes) -> None:
        self.name = self.place = name
        self.kept = {key: Kept(content) for key, content in contents.items()}
        self.by_server = False
        self.before: Callable[[str, str], None] = lambda verb, key: None
        self.done: list[tuple[str, str]] = []
        self._lock = threading.Lock()

    def _note(self, verb: str, key: str) -> None:
        with self._lock:
            self.done.append((verb, key))
        self.before(verb, key)

    def verbs(self) -> set[str]:
        return {verb for verb, _ in self.done}

    def contents(self) -> dict[str, bytes]:
        return {key: one.content for key, one in self.kept.items()}

    def objects(self) -> Iterator[Object]:
        for key, one in list(self.kept.items()):
            yield Object(key, len(one.content), tag(one.content, one.part_size))

    @contextmanager
    def open(self, found: Object) -> Iterator[Body]:
        self._note("open", found.key)
        if found.key not in self.kept:
            raise GoneError("gone")
        yield MemoryBody(found.key, self.kept[found.key])

    def write(self, key: str, file: IO[bytes], size: int, headers: Headers, part_size: int) -> None:
        self._note("write", key)
        file.seek(0)
        content = file.read()
        assert len(content) == size
        self.kept[key] = Kept(content, part_size, headers)

    def copies_from(self, source: MediaEnd) -> bool:
        return self.by_server

    def copy(self, source: MediaEnd, found: Object) -> None:
        self._note("copy", found.key)
        assert isinstance(source, MemoryMedia)
        self.kept[found.key] = source.kept[found.key]

    def part_size(self, found: Object) -> int:
        return self.kept[found.key].part_size

    def remove(self, keys: Sequence[str]) -> None:
        for key in keys:
            self._note("remove", key)
            del self.kept[key]


class MemoryBody:
    def __init__(self, key: str, kept: Kept) -> None:
        self.found = Object(key, len(kept.content), tag(kept.content, kept.part_size))
        self.headers, self.part_size, self.is_md5 = kept.headers, kept.part_size, not kept.part_size
        self._file = io.BytesIO(kept.content)

    def read(self, size: int) -> bytes:
        return self._file.read(size)
