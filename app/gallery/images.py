"""Checks an uploaded file and accepts only pictures.

The file is decoded and encoded again, so that other data in it (a script after the pixels, a second format, the place
where a photo was taken) is not stored. The content determines the format; name and type of the upload are ignored.
Vector formats are not accepted, since an SVG can contain scripts.
"""

from __future__ import annotations

import io
import threading
import warnings
from contextlib import suppress
from pathlib import PurePath

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile, File
from PIL import ExifTags, Image, ImageOps

FORMATS = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp", "GIF": "gif"}  # Pillow's name: extension

THUMBNAIL = 640  # pixels, the longer side: twice the width of a card, for screens with two pixels to each
# A decoded picture may take 160 MB, so a process decodes one at a time, regardless of its number of threads.
TURN = threading.Lock()


def clean(upload: File) -> ContentFile:
    """The picture in `upload`, re-encoded in its own format, named with its own extension.

    Raises:
        ValidationError: the file is too large, is not a picture, or cannot be decoded completely.
    """
    if upload.size > settings.PICTURE_MAX_BYTES:
        raise ValidationError(f"This file is larger than {settings.PICTURE_MAX_BYTES // 1024**2} MB.", code="too_large")
    try:
        with TURN, warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(upload, formats=list(FORMATS)) as image:
                if image.format == "MPO":  # a JPEG with further pictures after the first, as phones write it
                    image.format, image.n_frames = "JPEG", 1  # type: ignore[attr-defined]
                refuse_too_large(image)
                content = encode(image)
                extension = FORMATS[str(image.format)]
    except ValidationError:
        raise
    except Exception as error:  # Pillow's decoders raise all kinds of errors for broken data
        raise ValidationError(
            "This is not a JPEG, PNG, WebP or GIF picture, or it is damaged.", code="invalid"
        ) from error
    stem = PurePath((upload.name or "").replace("\\", "/")).stem
    return ContentFile(content, name=f"{stem or 'picture'}.{extension}")


def refuse_too_large(image: Image.Image) -> None:
    """Refuses a picture by the sizes and the number of its frames, each before it is decoded."""
    frames, pixels = 0, 0
    with suppress(EOFError):  # behind the last frame; `n_frames` would read all of a GIF to count them
        while True:
            image.seek(frames)
            frames, pixels = frames + 1, pixels + image.width * image.height  # a GIF may grow with each frame
            if pixels > settings.PICTURE_MAX_PIXELS:
                raise ValidationError("This picture has too many pixels.", code="too_many_pixels")
            if frames > settings.PICTURE_MAX_FRAMES:
                raise ValidationError("This picture has too many frames.", code="too_many_frames")
    image.seek(0)


def encode(image: Image.Image) -> bytes:
    """The picture's bytes in its own format: pixels, animation, colour profile and orientation; nothing else."""
    options: dict[str, object] = {"icc_profile": image.info.get("icc_profile")}
    if orientation := image.getexif().get(ExifTags.Base.Orientation):
        exif = Image.Exif()
        exif[ExifTags.Base.Orientation] = orientation
        options["exif"] = exif
    animated = getattr(image, "n_frames", 1) > 1
    match image.format:
        case "JPEG":
            options["quality"] = "keep"
        case "WEBP":
            options |= {"quality": 90, "save_all": animated}
        case "GIF":
            options = {"save_all": animated}
        case "PNG":
            options |= {"save_all": animated}
    image.load()
    image.info.pop("comment", None)
    out = io.BytesIO()
    image.save(out, image.format, **options)
    return out.getvalue()


def thumbnail(original: File) -> bytes:
    """A small WebP picture: the first frame, upright, with its colour profile and transparency."""
    with TURN, Image.open(original, formats=list(FORMATS)) as image:
        image.draft("RGB", (THUMBNAIL, THUMBNAIL))  # a JPEG is decoded at an eighth of its size, if that is enough
        profile = image.info.get("icc_profile") if image.mode in ("RGB", "RGBA") else None
        small = in_colour(image)
        small.thumbnail((THUMBNAIL, THUMBNAIL))
        out = io.BytesIO()
        ImageOps.exif_transpose(small).save(out, "WEBP", quality=80, icc_profile=profile, exif=b"")
    return out.getvalue()


def in_colour(image: Image.Image) -> Image.Image:
    """The picture in the modes that WebP has: RGB, or RGBA if something in it is transparent."""
    if image.mode.startswith("I"):  # grey of 16 bits: `convert` takes all but the darkest 256 shades for white
        return image.point(lambda shade: shade / 256).convert("L").convert("RGB")
    mode = "RGBA" if image.has_transparency_data else "RGB"
    return image if image.mode == mode else image.convert(mode)
