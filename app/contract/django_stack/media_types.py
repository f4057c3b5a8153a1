"""The response headers of an uploaded file, the same from S3 and from a folder."""

from __future__ import annotations

import mimetypes

# Types that a browser may show in a tab. Everything else is offered as a download, since a page or an SVG that a
# visitor uploaded would run its scripts.
INLINE = ("image/", "audio/", "video/", "text/plain", "application/pdf")


def headers(name: str, default: str = "application/octet-stream") -> dict[str, str]:
    """Content-Type, from the name alone (the uploading browser could send anything), and Content-Disposition for files
    that are downloaded."""
    kind = mimetypes.guess_type(name)[0] or default
    shown = kind.startswith(INLINE) and "svg" not in kind
    return {"Content-Type": kind, **({} if shown else {"Content-Disposition": "attachment"})}
