"""Which type an uploaded file has, and whether a browser shows it, on any machine."""

from __future__ import annotations

import mimetypes
from collections.abc import Iterator

import pytest
from django_stack import media_types

DOWNLOAD = "attachment"


@pytest.fixture(params=["Python's own types alone", "with those of the machine"])
def machine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A slim image has no /etc/mime.types; and Python 3.11 and 3.12 know .webp only as a type that isn't standard."""
    if request.param.startswith("Python"):
        monkeypatch.setattr(mimetypes, "knownfiles", [])
    mimetypes.init()
    yield
    monkeypatch.undo()
    mimetypes.init()


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize(
    ("name", "kind", "disposition"),
    [
        ("a.png", "image/png", None),
        ("folder.d/a.JPG", "image/jpeg", None),
        ("a.pdf", "application/pdf", None),
        ("notes.txt", "text/plain", None),
        # What is packed isn't text, nor a picture.
        ("notes.txt.gz", "application/octet-stream", DOWNLOAD),
        ("a.svgz", "application/octet-stream", DOWNLOAD),
        ("all.tar.bz2", "application/octet-stream", DOWNLOAD),
        ("page.html", "text/html", DOWNLOAD),
        ("a.svg", "image/svg+xml", DOWNLOAD),
        ("unknown", "application/octet-stream", DOWNLOAD),
        ("webp", "application/octet-stream", DOWNLOAD),
    ],
)
def test_only_what_cannot_run_scripts_is_shown(name: str, kind: str, disposition: str | None) -> None:
    found = media_types.headers(name)
    assert (found["Content-Type"], found.get("Content-Disposition")) == (kind, disposition)


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize("extension", ["webp", "avif", "ogg", "oga", "ogv", "m4a", "m4v", "mkv", "flac", "webm", "MP4"])
def test_pictures_and_recordings_are_shown_also_where_the_machine_knows_no_types(extension: str) -> None:
    found = media_types.headers(f"a b/c.{extension}")
    assert found["Content-Type"].partition("/")[0] in {"image", "audio", "video"}
    assert "Content-Disposition" not in found


def test_a_storages_own_default_is_for_what_nobody_knows() -> None:
    assert media_types.headers("unknown", "image/jpeg") == {"Content-Type": "image/jpeg"}
    packed = media_types.headers("notes.txt.gz", "image/jpeg")
    assert packed == {"Content-Type": "image/jpeg", "Content-Disposition": DOWNLOAD}
