"""Temporary files without a name, of which nothing is left over whatever happens."""

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from infra.commands.data.ends import ServerError

IN_MEMORY = 2**20  # bytes, up to which no file is made
FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
ON_DISK = Path("/var/tmp")  # noqa: S108  # /tmp is memory on many systems; the files have no name


def spool() -> IO[bytes]:
    """A file in memory while it is small, then on the disk; gone when it is closed or the process ends."""
    return cast("IO[bytes]", tempfile.SpooledTemporaryFile(max_size=IN_MEMORY, dir=_folder()))


def spool_on_disk() -> IO[bytes]:
    """A file on the disk; gone when it is closed or the process ends."""
    return tempfile.TemporaryFile(dir=_folder())


@contextmanager
def one_line_when_full() -> Iterator[None]:
    """Raises ServerError when the disk is full on which these files are."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise ServerError(
            f"There is no room in {_folder() or tempfile.gettempdir()}, where data are kept meanwhile "
            f"({error.strerror}). "
            "Fix: make room, or the same with TMPDIR naming a folder on another disk"
        ) from None


def _folder() -> str | None:
    """TMPDIR where it is set; None is the system's own choice."""
    usable = not os.environ.get("TMPDIR") and ON_DISK.is_dir() and os.access(ON_DISK, os.W_OK)
    return str(ON_DISK) if usable else None
