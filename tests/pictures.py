"""PNG files that tests upload, made without a library: a picture, a large one, and one that claims to be huge."""

import random
import struct
import zlib


def png(width: int = 240, height: int = 160) -> bytes:
    """A picture: a gradient."""
    rows = b"".join(
        b"\0" + b"".join(bytes((255 * x // width, 120, 255 * y // height)) for x in range(width)) for y in range(height)
    )
    return encoded(width, height, rows)


def noise(megabytes: float) -> bytes:
    """A picture of about that size, which nothing can make smaller."""
    width = 2000
    height = int(megabytes * 1024 * 1024 / (3 * width + 1))
    random_bytes = random.Random(1).randbytes
    return encoded(width, height, b"".join(b"\0" + random_bytes(3 * width) for _ in range(height)), level=0)


def bomb() -> bytes:
    """A file of some hundred bytes that claims to be 60000 by 60000 pixels."""
    return encoded(60000, 60000, b"\0" * 1000)


def encoded(width: int, height: int, rows: bytes, level: int = -1) -> bytes:
    """A file of RGB pixels; each row begins with the number of its filter."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(rows, level)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
