"""A folder of the user's own for what can be computed again; it is safe to delete."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path


def path(name: str) -> Path:
    """Where files of this kind are, which need not exist. Raises RuntimeError when the user has no home.

    https://specifications.freedesktop.org/basedir/latest/ (a relative path isn't to be used).
    """
    named = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (named if named.is_absolute() else Path.home() / ".cache") / "django-stack" / name


def is_own(folder: Path) -> bool:
    """Whether it is this user's: with sudo, root would leave files there that lock their owner out."""
    return folder.stat().st_uid == os.geteuid()


def write(file: Path, content: bytes) -> None:
    """Writes in one move, so that whoever reads or writes at the same time has the one or the other. Raises OSError.

    Nothing is written into another user's folder.
    """
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not is_own(file.parent):
        return
    descriptor, temporary = tempfile.mkstemp(dir=file.parent, suffix=".tmp")
    try:
        with os.fdopen(descriptor, "wb") as written:
            written.write(content)
        Path(temporary).replace(file)
    except BaseException:
        with suppress(OSError):
            Path(temporary).unlink(missing_ok=True)
        raise
