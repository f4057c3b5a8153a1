"""Whatever is done to a picture's bytes: it comes out decoded and encoded anew, or as the form's own error."""

import io

import pytest
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from gallery.images import FORMATS, clean
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.app.conftest import picture
from tests.fuzz.given import PIECE, fuzz

# Places that a decoder trusts, one after the other: (where, what stands there then, how much of the old goes).
DAMAGE = st.lists(
    st.tuples(
        st.integers(0, 2000),
        st.one_of(
            st.binary(max_size=8),
            st.sampled_from(
                [b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"fcTL", b"eXIf", b"iCCP", b"ANIM"]
            ),
        ),
        st.integers(0, 16),
    ),
    max_size=4,
)
ORIGINALS = {format: picture(format) for format in FORMATS}


@fuzz
@given(damage=DAMAGE, name=PIECE)
@pytest.mark.parametrize("format", FORMATS)
def test_any_damage(format: str, damage: list[tuple[int, bytes, int]], name: str) -> None:
    content = bytearray(ORIGINALS[format])
    for where, new, gone in damage:
        at = where % (len(content) + 1)
        content[at : at + gone] = new
    try:
        cleaned = clean(_upload(name, bytes(content)))
    except ValidationError:
        return
    with Image.open(io.BytesIO(cleaned.read())) as image:
        image.load()
        assert image.format in FORMATS


def _upload(name: str, content: bytes) -> SimpleUploadedFile:
    """An upload whose name nobody has looked at yet."""
    upload = SimpleUploadedFile("x", content)
    upload._name = name
    return upload
