"""The response headers of an uploaded file, the same from S3 and from a folder."""

from __future__ import annotations

import mimetypes
from pathlib import PurePosixPath

from whitenoise.media_types import default_types

# Types that a browser may show in a tab. Everything else is offered as a download, since a page or an SVG that a
# visitor uploaded would run its scripts.
INLINE = ("image/", "audio/", "video/", "text/plain", "application/pdf")
# For slim images, which have no /etc/mime.types: what Python itself knows depends on its version.
TYPES = {
    **default_types(),
    ".flac": "audio/flac",
    ".mkv": "video/x-matroska",
    ".oga": "audio/ogg",
    ".ogv": "video/ogg",
}


def headers(name: str, default: str = "application/octet-stream") -> dict[str, str]:
    """Content-Type, from the name alone (the uploading browser could send anything), and Content-Disposition for files
    that are downloaded."""
    kind, packing = mimetypes.guess_type(name, strict=False)
    if packing:  # then `kind` is the type of what is packed, text/plain for notes.txt.gz
        return {"Content-Type": default, "Content-Disposition": "attachment"}
    kind = kind or TYPES.get(PurePosixPath(name).suffix.lower(), default)
    shown = kind.startswith(INLINE) and "svg" not in kind
    return {"Content-Type": kind, **({} if shown else {"Content-Disposition": "attachment"})}
