"""What a browser is told of an uploaded file, the same from S3 and from a folder."""

from __future__ import annotations

import mimetypes

# What a browser may show in a tab of its own. Everything else is offered as a download: a page or an SVG that a visitor
# uploaded would run its scripts.
INLINE = ("image/", "audio/", "video/", "text/plain", "application/pdf")


def headers(name: str, default: str = "application/octet-stream") -> dict[str, str]:
    """Content-Type, by the name alone (the uploading browser's word for it is a visitor's word), and for what may not
    be shown Content-Disposition."""
    kind = mimetypes.guess_type(name)[0] or default
    shown = kind.startswith(INLINE) and "svg" not in kind
    return {"Content-Type": kind, **({} if shown else {"Content-Disposition": "attachment"})}
