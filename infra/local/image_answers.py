"""What images of PostgreSQL said of themselves, kept from one update to the next.

An image's id is the hash of what is in it, so its answer never changes; to ask takes a container, for which the
database would wait. A small file for each image, in the user's cache folder, is safe to delete.
"""

import re
from contextlib import suppress
from pathlib import Path

from infra import cache_folder

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
            cache_folder.write(file, f"postgres {major} {'musl' if musl else 'glibc'}\n".encode())


def _file(image_id: str) -> Path | None:
    found = ID.fullmatch(image_id)
    return cache_folder.path("postgres-images") / found[1] if found else None
