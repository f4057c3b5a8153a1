"""The gallery, and everything that a visitor can send to it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import FileSystemStorage, default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from gallery.models import Picture
from PIL import Image

from tests.app.conftest import picture

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("local")]


@pytest.fixture
def visitor(client: Client, member: Any) -> Client:
    """A client that is logged in."""
    client.force_login(member)
    return client


def send(
    client: Client, content: bytes, name: str = "a.png", title: str = "", type: str = "image/png", **extra: Any
) -> Any:
    """Posts the upload form."""
    return client.post("/upload/", {"title": title, "image": SimpleUploadedFile(name, content, type)}, **extra)


def stored() -> list[str]:
    """Names of all files in the storage."""
    return (
        [f"pictures/{name}" for name in default_storage.listdir("pictures")[1]]
        if default_storage.exists("pictures")
        else []
    )


@pytest.mark.parametrize(("format", "extension"), [("JPEG", "jpg"), ("PNG", "png"), ("WEBP", "webp"), ("GIF", "gif")])
def test_an_uploaded_picture_is_a_row_a_file_and_a_page(visitor: Client, format: str, extension: str) -> None:
    response = send(visitor, picture(format), name="my_Lake view.PnG")
    row = Picture.objects.get()
    assert response["Location"] == f"/pictures/{row.pk}/"
    assert (row.title, row.width, row.height, row.owner.username) == ("my Lake view", 40, 30, "ada")
    assert row.image.name.startswith("pictures/my-lake-view-")
    assert row.image.name.endswith("." + extension), "the extension follows from the content"
    assert stored() == [row.image.name]
    for page in ("/", f"/pictures/{row.pk}/", f"/pictures/{row.pk}/delete/"):
        assert row.image.url.encode() in visitor.get(page).content


def test_two_uploads_of_one_name_are_two_files(visitor: Client) -> None:
    send(visitor, picture(size=(10, 10)))
    send(visitor, picture(size=(20, 20)))
    assert len(stored()) == 2
    assert {row.width for row in Picture.objects.all()} == {10, 20}


def test_deleting_asks_first_and_takes_the_file_along(visitor: Client) -> None:
    send(visitor, picture())
    address = f"/pictures/{Picture.objects.get().pk}/delete/"
    assert b"Delete this picture?" in visitor.get(address).content
    assert len(stored()) == 1
    assert visitor.post(address)["Location"] == "/"
    assert (Picture.objects.count(), stored()) == (0, [])


def test_deleting_in_the_admin_takes_the_files_along(admin_client: Client) -> None:
    send(admin_client, picture())
    send(admin_client, picture())
    form = {"action": "delete_selected", "_selected_action": [row.pk for row in Picture.objects.all()], "post": "yes"}
    assert admin_client.post("/admin/gallery/picture/", form).status_code == 302
    assert (Picture.objects.count(), stored()) == (0, [])


@pytest.mark.django_db(transaction=True)
def test_a_storage_that_is_down_keeps_row_and_file_when_deleting(
    visitor: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(visitor, picture())
    visitor.raise_request_exception = False
    monkeypatch.setattr(FileSystemStorage, "delete", down)
    response = visitor.post(f"/pictures/{Picture.objects.get().pk}/delete/")
    assert (response.status_code, response["Retry-After"]) == (503, "10")
    assert b"Back in a moment" in response.content
    assert (Picture.objects.count(), len(stored())) == (1, 1)


@pytest.mark.django_db(transaction=True)
def test_a_storage_that_is_down_gives_a_clear_page_and_no_row_when_uploading(
    visitor: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor.raise_request_exception = False
    monkeypatch.setattr(FileSystemStorage, "_save", down)
    assert send(visitor, picture()).status_code == 503
    assert Picture.objects.count() == 0


def test_a_database_that_fails_leaves_no_orphan_file(visitor: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.db import OperationalError
    from django.db.models import Model

    def fail(*_: object, **__: object) -> None:
        raise OperationalError

    visitor.raise_request_exception = False
    monkeypatch.setattr(Model, "_do_insert", fail)
    assert send(visitor, picture()).status_code == 503
    assert stored() == []


def down(*_: object, **__: object) -> None:
    """A storage that cannot be reached."""
    from botocore.exceptions import EndpointConnectionError

    raise EndpointConnectionError(endpoint_url="http://media:9000")


def test_strangers_may_look_but_neither_upload_nor_delete(client: Client, member: Any) -> None:
    row = Picture.objects.create(title="x", owner=member, image=SimpleUploadedFile("a.png", picture()))
    assert client.get("/").status_code == 200
    assert client.get(f"/pictures/{row.pk}/").status_code == 200
    for address in ("/upload/", f"/pictures/{row.pk}/delete/"):
        assert client.post(address)["Location"].startswith("/login/?next=")
    assert Picture.objects.count() == 1


def test_members_may_delete_only_their_own(client: Client, member: Any, django_user_model: Any) -> None:
    row = Picture.objects.create(title="x", owner=member, image=SimpleUploadedFile("a.png", picture()))
    client.force_login(django_user_model.objects.create_user("bob"))
    assert client.post(f"/pictures/{row.pk}/delete/").status_code == 403
    assert b"Delete" not in client.get(f"/pictures/{row.pk}/").content
    assert Picture.objects.count() == 1


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


def test_an_animation_keeps_its_frames(visitor: Client) -> None:
    frames = [Image.new("RGB", (8, 8), color) for color in ("red", "green", "blue")]
    out = io.BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:], duration=100, loop=0)
    send(visitor, out.getvalue())
    assert Image.open(default_storage.open(Picture.objects.get().image.name)).n_frames == 3


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd.png",
        "..\\..\\x.png",
        "/etc/cron.d/x.png",
        "a\x00b.png",
        ".htaccess",
        "%2e%2e%2fx.png",
        "é" * 80 + ".png",
    ],
)
def test_the_files_name_decides_nothing(visitor: Client, name: str, tmp_path: Path) -> None:
    send(visitor, picture(), name=name)
    assert all(path.startswith("pictures/") and path.endswith(".png") for path in stored())
    outside = [path for path in tmp_path.rglob("*") if path.is_file() and path.parent.name != "pictures"]
    assert outside == []


@pytest.mark.parametrize("title", ["x" * 10_000, "null\x00byte"])
def test_a_title_that_does_not_fit_is_refused_politely(visitor: Client, title: str) -> None:
    response = send(visitor, picture(), title=title)
    assert response.status_code == 422
    assert b'role="alert"' in response.content
    assert stored() == []


def test_a_title_is_text_not_markup(visitor: Client) -> None:
    send(visitor, picture(), title='"><script>alert(1)</script>')
    for page in ("/", f"/pictures/{Picture.objects.get().pk}/"):
        assert b"<script>alert" not in visitor.get(page).content


def test_too_large_a_file_is_refused(visitor: Client, settings: Any) -> None:
    settings.PICTURE_MAX_BYTES = 100
    assert b"larger than" in send(visitor, picture(size=(300, 300))).content


def test_too_many_pixels_are_refused_before_they_are_decoded(visitor: Client, settings: Any) -> None:
    settings.PICTURE_MAX_PIXELS = 100
    assert b"too many pixels" in send(visitor, picture()).content
    assert b"is not a JPEG" in send(visitor, bomb()).content or stored() == []


def bomb() -> bytes:
    """A PNG of some hundred bytes that claims to be 60000 by 60000 pixels."""
    import struct
    import zlib

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
        + chunk(b"IEND", b"")
    )


def test_a_body_above_the_limit_is_taken_and_thrown_away_so_that_a_browser_shows_the_answer(visitor: Client) -> None:
    from django.conf import settings

    response = send(visitor, b"x" * (settings.REQUEST_MAX_BYTES + 1))
    assert response.status_code == 413
    assert "Connection" not in response
    assert b"Too large" in response.content


def test_a_huge_body_is_refused_unread(visitor: Client) -> None:
    response = visitor.generic("POST", "/upload/", b"", "multipart/form-data; boundary=x", CONTENT_LENGTH=str(10**12))
    assert (response.status_code, response["Connection"]) == (413, "close")
    assert b"Too large" in response.content


@pytest.mark.parametrize(
    ("body", "type"),
    [
        (b"nonsense", "multipart/form-data; boundary=x"),
        (b"nonsense", "multipart/form-data"),
        (
            b"--x\r\nContent-Disposition: form-data; name=image; filename=a\r\n\r\ncut",
            "multipart/form-data; boundary=x",
        ),
        (b"\xff\xfe" * 50, "application/x-www-form-urlencoded; charset=utf-7"),
    ],
)
def test_a_bad_form_is_the_visitors_mistake(visitor: Client, body: bytes, type: str) -> None:
    assert visitor.generic("POST", "/upload/", body, type).status_code in (400, 422)


@pytest.mark.parametrize("address", ["/?page=0", "/?page=nonsense", "/?page=99", "/pictures/999999/", "/pictures/%00/"])
def test_a_wrong_address_is_a_styled_404(visitor: Client, address: str) -> None:
    response = visitor.get(address)
    assert response.status_code == 404
    assert b"Nothing here" in response.content


def test_a_number_beyond_the_database_is_a_404(visitor: Client) -> None:
    assert visitor.get(f"/pictures/{10**30}/").status_code == 404


def test_the_upload_script_gets_json(visitor: Client) -> None:
    json = {"HTTP_ACCEPT": "application/json"}
    good, bad = send(visitor, picture(), **json), send(visitor, b"no", **json)
    assert good.json() == {"url": f"/pictures/{Picture.objects.get().pk}/"}
    assert (bad.status_code, list(bad.json()["errors"])) == (422, ["image"])
