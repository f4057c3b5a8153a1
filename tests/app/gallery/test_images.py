"""What the gallery keeps of a picture's bytes, and which files it refuses because they are no pictures."""

from __future__ import annotations

import io
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from gallery import images
from gallery.models import Picture
from PIL import Image

from tests.app.conftest import picture
from tests.app.gallery.conftest import send, stored
from tests.pictures import bomb

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("local")]


SCRIPT = b"<script>alert(1)</script>"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00" * 100,
        b"<svg xmlns='http://www.w3.org/2000/svg'>" + SCRIPT + b"</svg>",
        b"<!doctype html>" + SCRIPT,
        b"GIF89a" + SCRIPT,
        b"\xff\xd8\xff\xe0" + SCRIPT,
        picture()[:60],
        picture("BMP"),
        picture("TIFF"),
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n",
    ],
    ids=["empty", "nulls", "svg", "html", "gif-html", "jpeg-html", "cut-off", "bmp", "tiff", "eps"],
)
def test_what_is_not_a_picture_is_refused(visitor: Client, content: bytes) -> None:
    response = send(visitor, content)
    assert response.status_code == 422
    assert b'role="alert"' in response.content
    assert (Picture.objects.count(), stored()) == (0, [])


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF"])
def test_a_polyglot_loses_everything_but_its_pixels(visitor: Client, format: str) -> None:
    options: dict[str, Any] = {"comment": SCRIPT} if format in ("JPEG", "GIF") else {}
    exif = Image.Exif()
    exif[0x010E] = "<script>alert(2)</script> taken at home"
    if format != "GIF":
        options["exif"] = exif
    send(visitor, picture(format, **options) + SCRIPT + b"PK\x03\x04", name="a.html", type="text/html")
    row = Picture.objects.get()
    content = default_storage.open(row.image.name).read()
    assert b"script" not in content
    assert b"at home" not in content
    assert b"PK\x03\x04" not in content
    assert Image.open(io.BytesIO(content)).format == format


def test_a_photo_keeps_which_way_is_up_and_nothing_else_of_its_exif(visitor: Client) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Camera"
    send(visitor, picture("JPEG", exif=exif))
    kept = Image.open(default_storage.open(Picture.objects.get().image.name)).getexif()
    assert dict(kept) == {0x0112: 6}


@pytest.mark.parametrize("orientation", [None, 6])
def test_a_phones_multi_picture_file_is_its_first_picture_as_jpeg(visitor: Client, orientation: int | None) -> None:
    """MPO: a JPEG with further ones (a depth map, a preview) behind it."""
    first, second = (Image.new("RGB", size, color) for size, color in (((64, 48), "red"), ((32, 24), "blue")))
    options = {}
    if orientation:
        options["exif"] = exif = Image.Exif()
        exif[0x0112] = orientation
    out = io.BytesIO()
    first.save(out, "MPO", save_all=True, append_images=[second], **options)
    assert Image.open(io.BytesIO(out.getvalue())).format == "MPO"
    assert send(visitor, out.getvalue(), name="IMG_1.JPG").status_code == 302
    row = Picture.objects.get()
    assert row.image.name.endswith(".jpg")
    content = default_storage.open(row.image.name).read()
    kept = Image.open(io.BytesIO(content))
    assert (kept.format, kept.size, kept.getexif().get(0x0112)) == ("JPEG", (64, 48), orientation)
    assert (content.count(b"\xff\xd8\xff"), b"MPF" in content) == (1, False), "nothing is behind it"
    red, _, blue = kept.convert("RGB").getpixel((5, 5))
    assert red > 200 > 50 > blue


def test_pictures_are_decoded_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four threads with 40 megapixels each would take 640 MB."""
    running, most = 0, 0
    count = threading.Lock()
    encode = images.encode

    def counted(image: Any) -> bytes:
        nonlocal running, most
        with count:
            running += 1
            most = max(most, running)
        time.sleep(0.02)
        content = encode(image)
        with count:
            running -= 1
        return content

    monkeypatch.setattr(images, "encode", counted)
    uploads = [SimpleUploadedFile("a.png", picture()) for _ in range(6)] + [SimpleUploadedFile("b.png", b"no")]
    with ThreadPoolExecutor(7) as pool:
        results = [pool.submit(images.clean, upload) for upload in uploads]
    assert [bool(result.exception()) for result in results] == [False] * 6 + [True]
    assert most == 1


@pytest.mark.parametrize("format", ["GIF", "PNG", "WEBP"])
def test_an_animation_keeps_its_frames(visitor: Client, format: str) -> None:
    frames = [Image.new("RGB", (8, 8), color) for color in ("red", "green", "blue")]
    out = io.BytesIO()
    frames[0].save(out, format, save_all=True, append_images=frames[1:], duration=100, loop=0)
    send(visitor, out.getvalue())
    kept = Image.open(default_storage.open(Picture.objects.get().image.name))
    assert (kept.n_frames, kept.info["loop"]) == (3, 0)
    for number in range(3):
        kept.seek(number)
        color = kept.convert("RGB").getpixel((4, 4))
        assert color.index(max(color)) == number


def test_too_many_pixels_are_refused_before_they_are_decoded(
    visitor: Client, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[object] = []
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", decoded.append)
    settings.PICTURE_MAX_PIXELS = 100
    assert b"too many pixels" in send(visitor, picture()).content
    assert b"not a JPEG" in send(visitor, bomb()).content
    assert (decoded, stored()) == ([], [])


def test_an_animation_counts_with_all_its_frames(visitor: Client, settings: Any) -> None:
    settings.PICTURE_MAX_PIXELS = 5 * 64
    out = io.BytesIO()
    frames = [Image.new("RGB", (8, 8), (n, 9 * n, 0)) for n in range(6)]
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:])
    assert b"too many pixels" in send(visitor, out.getvalue()).content
    assert stored() == []


def tiny_gif(frames: int, last: bytes = b"") -> bytes:
    """A GIF of frames of one pixel, and another frame behind them."""
    header = b"GIF89a\1\0\1\0\x80\0\0" + b"\0\0\0\xff\xff\xff"
    return header + b"\x2c\0\0\0\0\1\0\1\0\0\x02\x02D\1\0" * frames + last + b";"


def test_a_file_of_tiny_frames_is_refused_without_reading_all_of_them(visitor: Client, settings: Any) -> None:
    """A million of them passed the limit of pixels, in 15 MB, and took minutes and gigabytes."""
    most = settings.PICTURE_MAX_FRAMES
    begun = time.monotonic()
    assert b"too many frames" in send(visitor, tiny_gif(900_000)).content
    assert time.monotonic() - begun < 5
    assert b"too many frames" in send(visitor, tiny_gif(most + 1)).content
    assert stored() == []
    assert send(visitor, tiny_gif(most)).status_code == 302


def test_a_frame_that_is_larger_than_the_header_says_counts_with_its_own_size(visitor: Client, settings: Any) -> None:
    settings.PICTURE_MAX_PIXELS = 100
    large = picture("GIF", size=(8, 16))
    frame = large[large.index(b"\x2c\0\0\0\0") : -1]
    assert b"too many pixels" in send(visitor, tiny_gif(1, frame)).content
    assert stored() == []
