"""Keeps the hash of a folder's content, and those of its files, by what stat says of them, as git's index does.

A file in the user's cache folder for each build context, safe to delete. It is never more than a way to read less:
whatever is wrong with it, or can't be told for sure, is read again (docs/decisions/0042-a-cache-of-content.md).
"""

import hashlib
import json
import os
import re
import stat
import struct
import sys
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from functools import cache
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple

from infra import cache_folder

FORMAT = b"django-stack content 1\n"
CHECKSUM, LENGTH = 16, 8  # bytes
ROW = struct.Struct("<IQQQqq32s")  # what `signature` says, and the SHA-256 of a file
# What was changed so shortly before it was looked at may be changed again within the same tick of its clock, and would
# look the same: git calls that racy. The coarsest clock is FAT's with two seconds.
RACY = 3_000_000_000  # ns
# Of less, everything is read in the time that the rest of an update's program takes to start.
MANY, LARGE = 500, 16_000_000  # files, bytes
# File systems whose times come from this machine's clock, and whose ctime nobody sets back. Those of networks and of
# other systems (NFS, SMB, FAT, folders shared with a virtual machine) lack the one or the other.
LOCAL = {"ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "bcachefs", "zfs", "overlay", "tmpfs"}
MOUNTS = Path("/proc/self/mountinfo")

# All that may change when a file does. Its mtime can be set back, its ctime can't; what replaces it has another inode,
# and what is mounted over it another device.
signature = attrgetter("st_mode", "st_ino", "st_dev", "st_size", "st_mtime_ns", "st_ctime_ns")


class Seen(NamedTuple):
    """A file or folder as it was before it was read, by its path within the context, and a file's SHA-256."""

    name: str
    status: os.stat_result
    digest: bytes = b""


class ContentCache:
    """What is known of one context, built in one way. None of the methods raises OSError."""

    def __init__(self, context: Path, way: Collection[str]) -> None:
        """`way` tells apart what one context is built into in turn: Dockerfile, stage, platform."""
        self.started = time.time_ns()
        self.context = os.path.realpath(context)
        self.file: Path | None = None
        self.rows: dict[str, tuple[Any, ...]] = {}
        self.key, self.answered = "", None
        with suppress(OSError, RuntimeError, ValueError, KeyError, struct.error):  # RuntimeError: there is no home
            name = hashlib.sha256(repr((self.context, *way)).encode()).hexdigest()
            self.file = cache_folder.path("content") / name[:32]
            self._load(self.file)

    def answer(self, key: str) -> dict[str, Any] | None:
        """What was kept under this key, if all that was looked at then is still as it was."""
        if self.answered is None or key != self.key:
            return None
        try:
            for name, row in self.rows.items():
                if signature(os.lstat(f"{self.context}/{name}")) != row[:6]:
                    return None
        except OSError:
            return None
        return self.answered

    def digest(self, name: str, status: os.stat_result) -> bytes | None:
        """The SHA-256 of a file that is as it was when it was read."""
        row = self.rows.get(name)
        return row[6] if row and stat.S_ISREG(status.st_mode) and row[:6] == signature(status) else None

    def keep(self, key: str, answer: Mapping[str, Any], seen: Collection[Seen]) -> None:
        """Writes down the answer with all that it depends on, but for what may have changed unnoticed.

        Such a file is read again the next time; with one of them, or such a folder, everything is looked at again.
        """
        size = sum(one.status.st_size for one in seen if one.digest)
        if self.file is None or (len(seen) < MANY and size < LARGE):
            return
        with suppress(OSError, struct.error):
            latest, device = self.started - RACY, _device(self.context)
            certain = [
                one
                for one in seen
                if max(one.status.st_mtime_ns, one.status.st_ctime_ns) < latest and one.status.st_dev == device
            ]
            if certain:
                self._write(self.file, key, answer if len(certain) == len(seen) else None, certain)

    def _load(self, file: Path) -> None:
        if not cache_folder.is_own(file.parent):
            return
        content = memoryview(file.read_bytes())
        begin = len(FORMAT) + CHECKSUM
        if content[: len(FORMAT)] != FORMAT or content[len(FORMAT) : begin] != _checksum(content[begin:]):
            return
        end = begin + LENGTH + int.from_bytes(content[begin : begin + LENGTH], "little")
        header = json.loads(bytes(content[begin + LENGTH : end]))
        if (header["context"], header["program"]) != (self.context, program()):
            return
        if header["written"] > time.time_ns():  # the clock went back, so times will come again
            return
        rows = content[end:][: header["rows"] * ROW.size]
        names = os.fsdecode(bytes(content[end + len(rows) :])).split("\0")
        self.rows = dict(zip(names, ROW.iter_unpack(rows), strict=True))
        self.key, self.answered = header["key"], header["answer"]

    def _write(self, file: Path, key: str, answer: Mapping[str, Any] | None, seen: list[Seen]) -> None:
        header = {
            "context": self.context,
            "program": program(),
            "written": time.time_ns(),
            "key": key,
            "answer": answer,
            "rows": len(seen),
        }
        text = json.dumps(header).encode()
        rows = [ROW.pack(*signature(one.status), one.digest) for one in seen]
        names = b"\0".join(os.fsencode(one.name) for one in seen)
        body = b"".join([len(text).to_bytes(LENGTH, "little"), text, *rows, names])
        cache_folder.write(file, b"".join([FORMAT, _checksum(body), body]))
        if cache_folder.is_own(file.parent):
            _tidy(file.parent)


def _tidy(caches: Path) -> None:
    """Removes caches of contexts that are gone or of another format, and what a killed program has left."""
    for path in caches.iterdir():
        with suppress(OSError):
            if path.suffix == ".tmp":
                gone = path.stat().st_mtime < time.time() - 3600
            else:
                gone = not any(Path(context).is_dir() for context in _contexts(path))
            if gone:
                path.unlink()


def _contexts(path: Path) -> Iterator[str]:
    """The context that a cache is about, or none."""
    with path.open("rb") as file, suppress(ValueError, KeyError, TypeError):
        if file.read(len(FORMAT)) == FORMAT:
            file.seek(CHECKSUM, os.SEEK_CUR)
            length = int.from_bytes(file.read(LENGTH), "little")
            if length <= path.stat().st_size:
                yield json.loads(file.read(length))["context"]


def _checksum(content: bytes | memoryview) -> bytes:
    return hashlib.blake2b(content, digest_size=CHECKSUM).digest()


@cache
def program() -> str:
    """What computes the hashes: a newer version may count something else."""
    files = ("content.py", "content_cache.py", "dockerignore.py")
    return hashlib.sha256(b"".join(Path(__file__).with_name(name).read_bytes() for name in files)).hexdigest()


def _device(context: str) -> int | None:
    """The device of a context whose times can be relied upon; nothing when they can't."""
    device = os.stat(context).st_dev  # noqa: PTH116  # a str is at hand
    if sys.platform == "linux":
        return device if file_system(context) in LOCAL else None
    return device if device == Path.home().stat().st_dev else None  # a home is on the system's own disk


def file_system(path: str) -> str:
    """The type of the file system that a path (absolute, without symbolic links) is on, such as `ext4`.

    https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html. Btrfs has other device numbers there than in stat,
    so it is found by its mount point.
    """
    longest, kind = "", ""
    for line in MOUNTS.read_text(errors="surrogateescape").splitlines():
        mount, _, rest = line.partition(" - ")
        point = re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), mount.split(" ")[4])
        if f"{path}/".startswith(f"{point.rstrip('/')}/") and len(point) >= len(longest):
            longest, kind = point, rest.split(" ")[0]
    return kind
