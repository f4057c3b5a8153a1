"""Reads an archive of a stack's data: looks first whether it is whole and undamaged, then gives what is in it."""

import gzip
import hashlib
import io
import json
import shutil
import sqlite3
import tarfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from itertools import dropwhile, takewhile
from pathlib import Path
from typing import IO, Any

from infra.commands.data import foreign
from infra.commands.data.archive import (
    BLOCK,
    DATABASE,
    INDEX,
    INDEX_SUM,
    MANIFEST,
    DatabasePart,
    Manifest,
    forget_members,
)
from infra.commands.data.encryption import decrypted
from infra.commands.data.ends import DataError
from infra.commands.data.media import Headers, Object
from infra.commands.data.spool import spool_on_disk

ELSEWHERE = f"Fix: another copy of it, or another dump ({foreign.PAGE}, for one of something else)"
MOST = 64 * 2**20  # bytes of a manifest, or of a line of the index
SCHEMA = """
create table found (name text primary key, size integer, sum text) without rowid;
create table listed (name text primary key, size integer, sum text, object text) without rowid;
"""
DIFFERENCES = """
select count(*) from (
    select name, size, sum from found where name not in (:index, :sum) except select name, size, sum from listed
    union all
    select * from (select name, size, sum from listed except select name, size, sum from found)
)
"""


class ArchiveReader:
    """An archive that is whole and undamaged; made by `opened`."""

    def __init__(self, file: IO[bytes], keys: Sequence[Any]) -> None:
        self._file, self._keys = file, keys
        self._index = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._index.execute("pragma cache_size = -16384")
        self._index.executescript(SCHEMA)
        self.manifest = self._verified()

    def close(self) -> None:
        self._index.close()

    def objects(self) -> Iterator[Object]:
        """The objects of the media."""
        for size, about in self._index.execute("select size, object from listed where object is not null"):
            known = json.loads(about)
            yield Object(known["key"], size, known["tag"])

    def contents(self) -> Iterator[tuple[Object, Headers, int, IO[bytes]]]:
        """The objects with headers, the size of parts, and content, which is read before the next is asked for."""
        with self._members() as members:
            for info, content in members:
                row = self._index.execute("select object from listed where name = ?", [info.name]).fetchone()
                if row and row[0]:
                    known = json.loads(row[0])
                    found = Object(known["key"], info.size, known["tag"])
                    yield found, Headers(known["standard"], known["own"]), known["part_size"], content

    @contextmanager
    def section(self, section: str) -> Iterator[IO[bytes]]:
        """A section of the database as pg_dump wrote it. Nothing is read of what is behind it, such as the media."""
        begin = f"{DATABASE}{section}/"
        with self._members() as members:
            rest = dropwhile(lambda one: not one[0].name.startswith(begin), members)
            pieces = takewhile(lambda one: one[0].name.startswith(begin), rest)
            yield io.BufferedReader(_Joined(content for _, content in pieces), BLOCK)

    def _verified(self) -> Manifest:
        """Reads all of it once. Raises DataError unless each member is what the index says, and none is missing."""
        manifest, index_sum, said = b"", "", ""
        self._index.execute("begin")
        with self._members() as members:
            for info, content in members:
                sum_ = hashlib.sha256()
                kept = io.BytesIO() if info.name in {MANIFEST, INDEX_SUM} and info.size < MOST else None
                while block := content.read(BLOCK) if info.name != INDEX else content.readline(MOST):
                    sum_.update(block)
                    if kept:
                        kept.write(block)
                    if info.name == INDEX:
                        self._list(block)
                if info.name == INDEX:
                    index_sum = sum_.hexdigest()
                elif info.name == INDEX_SUM and kept:
                    said = kept.getvalue().decode(errors="replace").strip()
                elif info.name == MANIFEST and kept:
                    manifest = kept.getvalue()
                row = (info.name, info.size, sum_.hexdigest())
                self._index.execute("insert or replace into found values (?, ?, ?)", row)
        self._index.execute("commit")
        if not manifest:
            raise DataError(f"This is no archive of django-stack dump, or not its beginning. {ELSEWHERE}")
        if not said:
            raise DataError("The archive isn't whole: its end is missing. Fix: another copy of it, or another dump")
        names = {"index": INDEX, "sum": INDEX_SUM}
        (differences,) = self._index.execute(DIFFERENCES, names).fetchone()
        if said != index_sum or differences:
            raise DataError("The archive is damaged: checksums don't fit. Fix: another copy of it, or another dump")
        return Manifest.of(manifest)

    def _list(self, line: bytes) -> None:
        try:
            known = json.loads(line)
            about = json.dumps(known["object"]) if "object" in known else None
            row = (known["name"], known["size"], known["sha256"], about)
        except (ValueError, KeyError, TypeError):
            raise DataError("The archive is damaged: its index can't be read. Fix: another copy of it") from None
        self._index.execute("insert or replace into listed values (?, ?, ?, ?)", row)

    @contextmanager
    def _members(self) -> Iterator[Iterator[tuple[tarfile.TarInfo, IO[bytes]]]]:
        """The members from the beginning, each with its content. Raises DataError where it can't be read."""

        def each(tar: tarfile.TarFile) -> Iterator[tuple[tarfile.TarInfo, IO[bytes]]]:
            while info := tar.next():
                content = tar.extractfile(info)
                if content is not None:
                    yield info, content
                forget_members(tar)

        try:
            with (
                decrypted(self._file, self._keys) as stream,
                tarfile.open(fileobj=stream, mode="r|", bufsize=BLOCK) as tar,
            ):
                yield each(tar)
        except (tarfile.TarError, EOFError, zlib.error) as error:
            what = "This is no archive of django-stack dump, or it is damaged"
            raise DataError(f"{what}: {error}. {ELSEWHERE}") from None


class DatabaseArchive:
    """The database of an archive, as `database_copy.put` restores it."""

    def __init__(self, reader: ArchiveReader, part: DatabasePart) -> None:
        self.version, self.size, self.extensions, self.rows = part.version, part.size, tuple(part.extensions), part.rows
        self._reader = reader

    def open(self, section: str, *, compress: bool = False) -> AbstractContextManager[IO[bytes]]:
        del compress  # it is what pg_dump wrote then
        return self._reader.section(section)


class _Joined(io.RawIOBase):
    """The pieces of a section, one after the other."""

    def __init__(self, pieces: Iterator[IO[bytes]]) -> None:
        self._pieces, self._rest = pieces, memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = memoryview(gzip.decompress(piece.read()))
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        return size


@contextmanager
def opened(file: Path | IO[bytes], keys: Sequence[Any]) -> Iterator[ArchiveReader]:
    """The archive in a file, or from a pipe, which is put on the disk first. Raises DataError unless it is whole."""
    with ExitStack() as stack:
        if isinstance(file, Path):
            try:
                found: IO[bytes] = stack.enter_context(file.open("rb"))
            except OSError as error:
                raise DataError(
                    f"{file} can't be read: {error.strerror}. Fix: another FILE, one of django-stack dump"
                ) from None
        else:
            found = file
        if not isinstance(file, Path) or not found.seekable():  # a pipe may have a name, such as /dev/fd/63
            kept = stack.enter_context(spool_on_disk())
            shutil.copyfileobj(found, kept, BLOCK)
            found = kept
        foreign.refuse(found)
        reader = ArchiveReader(found, keys)
        stack.callback(reader.close)
        yield reader
