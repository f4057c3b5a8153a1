"""What images of PostgreSQL said of themselves, kept from one update to the next.

An image's id is the hash of what is in it, so its answer never changes; to ask takes a container (0.4 s), for which the
database would wait. A small file for each image, in the user's cache folder, is safe to delete.
"""

import os
import re
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile

ID = re.compile(r"sha256:([0-9a-f]{64})")
ANSWER = re.compile(r"postgres (\d{1,3}) (glibc|musl)\n")


def recall(image_id: str) -> tuple[int, bool] | None:
    """The major version, and whether the image uses musl; None if it isn't known."""
    with suppress(OSError, RuntimeError, ValueError):
        if (file := _file(image_id)) and (known := ANSWER.fullmatch(file.read_text())):
            return int(known[1]), known[2] == "musl"
    return None


def keep(image_id: str, major: int, *, musl: bool) -> None:
    """Keeps an answer. Where the folder can't be written, the image is asked again."""
    with suppress(OSError, RuntimeError):
        if file := _file(image_id):
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if file.parent.stat().st_uid != os.geteuid():  # under sudo, root's files would lock their owner out
                return
            # Renamed once it is whole, because another stack's update may read it now.
            with NamedTemporaryFile("w", dir=file.parent, delete=False) as written:
                written.write(f"postgres {major} {'musl' if musl else 'glibc'}\n")
            Path(written.name).replace(file)


def _file(image_id: str) -> Path | None:
    """https://specifications.freedesktop.org/basedir/latest/ (a relative path isn't to be used)."""
    named = Path(os.environ.get("XDG_CACHE_HOME", ""))
    folder = named if named.is_absolute() else Path.home() / ".cache"
    found = ID.fullmatch(image_id)
    return folder / "django-stack" / "postgres-images" / found[1] if found else None
