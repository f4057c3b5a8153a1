"""Writes an archive of a stack's data: a tar of the database, the media and an index with their checksums.

    manifest.json               what it is: versions, migrations, sizes
    database/pre-data/000001.gz …   pg_dump's archives of the sections, cut into pieces: `tar -xO … | zcat | pg_restore`
    media/KEY                   the objects
    index.jsonl                 a line for each of these members: bytes, SHA-256, and what S3 keeps of an object
    index.sha256                the index's own checksum; an archive that lacks it isn't whole

It is written as a stream, and nothing of it is held in memory but a piece.
"""

import gzip
import hashlib
import io
import json
import tarfile
from dataclasses import asdict, dataclass, field
from typing import IO, Any, Protocol, cast

from infra.commands.data.ends import SECTIONS, Archive, DatabaseFacts, DataError
from infra.commands.data.media import Headers, Object
from infra.commands.data.spool import spool_on_disk

FORMAT = 1
MANIFEST, INDEX, INDEX_SUM = "manifest.json", "index.jsonl", "index.sha256"
DATABASE, MEDIA, ODD = "database/", "media/", "media-by-number/"
PIECE = 4 * 2**20  # bytes of a database's section before they are compressed
LEVEL = 3  # of gzip: half of the time of 6, a tenth more bytes
BLOCK = 2**18


@dataclass(frozen=True)
class DatabasePart:
    """What an archive says of its database: the server's major version, bytes there, rows of each table."""

    version: int
    size: int
    extensions: list[str]
    rows: dict[str, int]
    migrations: list[str] = field(default_factory=list)  # applied ones, `app.name`

    @property
    def facts(self) -> DatabaseFacts:
        """As the plan of a copy knows a database."""
        return DatabaseFacts(self.version, "in it", self.size, extensions=dict.fromkeys(self.extensions, ""))


@dataclass(frozen=True)
class MediaPart:
    """What an archive says of its media, as they were listed: deleted ones may be missing."""

    objects: int
    bytes: int


@dataclass(frozen=True)
class Manifest:
    """What an archive is. `made` is a time (UTC, ISO 8601); `production` whether the stack was protected."""

    project: str
    stack: str
    made: str
    production: bool
    database: DatabasePart | None = None
    media: MediaPart | None = None
    format: int = FORMAT

    def as_json(self) -> bytes:
        return json.dumps(asdict(self), indent=1).encode() + b"\n"

    @classmethod
    def of(cls, content: bytes) -> "Manifest":
        """Raises DataError for a manifest of a newer format, or none at all."""
        try:
            found: dict[str, Any] = json.loads(content)
            if found["format"] == FORMAT:
                database, media = found.pop("database"), found.pop("media")
                return cls(
                    **found,
                    database=DatabasePart(**database) if database else None,
                    media=MediaPart(**media) if media else None,
                )
            newer = found["format"]
        except (ValueError, TypeError, KeyError):
            raise DataError("The archive's manifest can't be read: it isn't one of django-stack dump") from None
        raise DataError(
            f"The archive has format {newer}; this django-stack reads format {FORMAT}. Fix: use the newer version"
        )


class ArchiveWriter:
    """Writes the members in the order of the calls; `finish` makes it whole."""

    def __init__(self, out: IO[bytes]) -> None:
        self._out = _Output(out)
        self._tar = tarfile.open(  # noqa: SIM115  # closed by `finish`
            fileobj=cast("IO[bytes]", self._out),  # it writes, and no more is asked of it
            mode="w|",
            format=tarfile.PAX_FORMAT,
            bufsize=BLOCK,
        )
        self._index = spool_on_disk()
        self._number = 0

    def manifest(self, manifest: Manifest) -> None:
        content = manifest.as_json()
        self._add(MANIFEST, len(content), io.BytesIO(content))

    def database(self, archive: Archive) -> int:
        """Writes the sections; the number of bytes that pg_dump wrote. Raises DataError."""
        written = 0
        for section in SECTIONS:
            with archive.open(section) as stream:
                number = 0
                while piece := whole(stream, PIECE):
                    number += 1
                    written += len(piece)
                    content = gzip.compress(piece, LEVEL, mtime=0)
                    self._add(f"{DATABASE}{section}/{number:06d}.gz", len(content), io.BytesIO(content))
        return written

    def object(self, found: Object, headers: Headers, part_size: int, content: IO[bytes]) -> None:
        """Writes an object of the media, of exactly `found.size` bytes."""
        about = {
            "key": found.key,
            "tag": found.tag,
            "part_size": part_size,
            "standard": dict(headers.standard),
            "own": dict(headers.own),
        }
        self._number += 1
        name = f"{MEDIA}{found.key}" if _is_plain(found.key) else f"{ODD}{self._number:08d}"
        self._add(name, found.size, content, about)

    def finish(self) -> None:
        """Writes the index."""
        size = self._index.tell()
        self._index.seek(0)
        sum_ = self._write(INDEX, size, self._index)
        content = f"{sum_}\n".encode()
        self._write(INDEX_SUM, len(content), io.BytesIO(content))
        self._tar.close()

    def close(self) -> None:
        """Ends without the index, after a failure or `finish`."""
        self._out.ended = True
        self._index.close()

    def _add(self, name: str, size: int, content: IO[bytes], about: dict[str, Any] | None = None) -> None:
        line = {"name": name, "size": size, "sha256": self._write(name, size, content)}
        self._index.write(json.dumps({**line, "object": about} if about else line).encode() + b"\n")

    def _write(self, name: str, size: int, content: IO[bytes]) -> str:
        """Writes a member; its checksum."""
        info = tarfile.TarInfo(name)
        info.size, info.mode = size, 0o600
        summed = _Summed(content)
        self._tar.addfile(info, cast("IO[bytes]", summed))  # it reads, and no more is asked of it
        forget_members(self._tar)
        return summed.sum.hexdigest()


class _Output:
    """A stream that takes no more once it has ended: a tarfile that isn't closed writes its rest when it is deleted."""

    def __init__(self, out: IO[bytes]) -> None:
        self._out, self.ended = out, False

    def write(self, content: bytes) -> None:
        if not self.ended:
            self._out.write(content)


def forget_members(tar: tarfile.TarFile) -> None:
    """Empties the list of the members so far, which a tarfile keeps."""
    vars(tar)["members"] = []


class _Summed:
    """A stream that is summed up while it is read."""

    def __init__(self, content: IO[bytes]) -> None:
        self._content, self.sum = content, hashlib.sha256()

    def read(self, size: int) -> bytes:
        block = self._content.read(size)
        self.sum.update(block)
        return block


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


def whole(stream: _Readable, size: int) -> bytes:
    """So many bytes, less at the end alone."""
    found = bytearray()
    while len(found) < size and (block := stream.read(size - len(found))):
        found += block
    return bytes(found)


def _is_plain(key: str) -> bool:
    """Whether `tar` can unpack a key as the path of a file below its folder."""
    return not {"", ".", ".."} & set(key.split("/")) and len(key.encode()) < 1024 and key.isprintable()
