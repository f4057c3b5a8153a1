"""The gallery, and everything that a visitor can send to it."""

from __future__ import annotations

import io
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import (
    ClientError,
    CredentialRetrievalError,
    EndpointConnectionError,
    MetadataRetrievalError,
    NoCredentialsError,
    ReadTimeoutError,
)
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.db import OperationalError
from django.db.models import signals
from django.test import Client, RequestFactory
from django_stack.middleware import BodyLimit
from gallery import images
from gallery.models import Picture
from gallery.signals import Outage
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


@pytest.mark.django_db(transaction=True)
def test_deleting_asks_first_and_takes_the_file_along(visitor: Client) -> None:
    send(visitor, picture())
    address = f"/pictures/{Picture.objects.get().pk}/delete/"
    assert b"Delete this picture?" in visitor.get(address).content
    assert len(stored()) == 1
    assert visitor.post(address)["Location"] == "/"
    assert (Picture.objects.count(), stored()) == (0, [])


@pytest.mark.django_db(transaction=True)
def test_deleting_in_the_admin_takes_the_files_along(admin_client: Client) -> None:
    send(admin_client, picture())
    send(admin_client, picture())
    assert delete_all(admin_client).status_code == 302
    assert (Picture.objects.count(), stored()) == (0, [])


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("length", [300_000, 10**12])
@pytest.mark.filterwarnings("ignore:No directory at")
def test_too_large_a_body_is_413_under_runservers_server_too(live_server: Any, settings: Any, length: int) -> None:
    """Over a real socket, by the very server class of runserver, which makes a 500 of headers that are not an app's."""
    settings.REQUEST_MAX_BYTES = 100_000
    host, port = live_server.thread.host, live_server.thread.port
    with socket.create_connection((host, port), timeout=10) as connection:
        connection.sendall(f"POST /upload/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n".encode())
        if length < 10**9:
            connection.sendall(bytes(length))
        assert connection.recv(12) == b"HTTP/1.1 413"


def without_database(*_: object, **__: object) -> None:
    raise OperationalError


@pytest.mark.django_db(transaction=True)
def test_a_bulk_deletion_that_fails_half_way_leaves_every_row_its_file(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The third of three: what the transaction takes back must not have lost its file."""
    from django.contrib.admin.models import LogEntry

    for _ in range(3):
        send(admin_client, picture())
    admin_client.raise_request_exception = False
    with monkeypatch.context() as patch:
        patch.setattr(LogEntry.objects.__class__, "log_actions", without_database)
        assert delete_all(admin_client).status_code == 503
    assert {row.image.name for row in Picture.objects.all()} <= set(stored())
    with monkeypatch.context() as patch:
        seen: list[object] = []

        def third_fails(**more: object) -> None:
            seen.append(more)
            if len(seen) == 3:
                raise OperationalError

        signals.post_delete.connect(third_fails, sender=Picture)
        try:
            assert delete_all(admin_client).status_code == 503
        finally:
            signals.post_delete.disconnect(third_fails, sender=Picture)
    assert (Picture.objects.count(), len(stored())) == (3, 3)


@pytest.mark.django_db(transaction=True)
def test_a_file_that_the_storage_does_not_remove_is_named_in_the_log_and_the_others_go(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        send(admin_client, picture())
    kept = Picture.objects.order_by("pk")[1].image.name
    delete = FileSystemStorage.delete

    def fail_for_one(storage: FileSystemStorage, name: str) -> None:
        if name == kept:
            raise PermissionError(name)
        delete(storage, name)

    monkeypatch.setattr(FileSystemStorage, "delete", fail_for_one)
    assert delete_all(admin_client).status_code == 302
    assert (Picture.objects.count(), stored()) == (0, [kept])
    (record,) = [record for record in caplog.records if record.name == "gallery.signals"]
    assert (record.levelname, kept in record.getMessage(), bool(record.exc_info)) == ("ERROR", True, True)


@pytest.mark.django_db(transaction=True)
def test_a_bulk_deletion_waits_once_for_a_storage_that_is_down_and_names_every_file(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        send(admin_client, picture())
    tries: list[str] = []

    def fail(_: object, name: str) -> None:
        tries.append(name)
        down()

    with monkeypatch.context() as patch:
        patch.setattr(FileSystemStorage, "delete", fail)
        patch.setattr("gallery.signals.outage", Outage())
        assert delete_all(admin_client).status_code == 302
    assert (Picture.objects.count(), len(stored()), len(tries)) == (0, 3, 1)
    said = "".join(record.getMessage() for record in caplog.records if record.name == "gallery.signals")
    assert all(name in said for name in stored())


def delete_all(client: Client) -> Any:
    """With the admin's action."""
    form = {"action": "delete_selected", "_selected_action": [row.pk for row in Picture.objects.all()], "post": "yes"}
    return client.post("/admin/gallery/picture/", form)


@pytest.mark.django_db(transaction=True)
def test_a_picture_that_the_admin_replaces_takes_its_old_file_along(admin_client: Client) -> None:
    send(admin_client, picture())
    row = Picture.objects.get()
    address = f"/admin/gallery/picture/{row.pk}/change/"
    assert admin_client.post(address, {"title": "Another title", "owner": ""}).status_code == 302
    assert stored() == [row.image.name], "a row that is changed otherwise keeps its file"
    new = {"title": "Another picture", "owner": "", "image": SimpleUploadedFile("b.png", picture(size=(20, 10)))}
    assert admin_client.post(address, new).status_code == 302
    after = Picture.objects.get()
    assert (after.width, after.image.name != row.image.name) == (20, True)
    assert stored() == [after.image.name]


@pytest.mark.django_db(transaction=True)
def test_a_replacement_that_fails_keeps_the_old_file_and_leaves_no_new_one(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.db.models import Model

    send(admin_client, picture())
    row = Picture.objects.get()
    admin_client.raise_request_exception = False
    new = {"title": "x", "owner": "", "image": SimpleUploadedFile("b.png", picture(size=(20, 10)))}
    with monkeypatch.context() as patch:
        patch.setattr(Model, "_do_update", without_database)
        assert admin_client.post(f"/admin/gallery/picture/{row.pk}/change/", new).status_code == 503
    assert stored() == [row.image.name]


def test_files_that_no_picture_has_are_found_and_removed_when_told_to(
    visitor: Client, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    call_command("orphans")
    assert capsys.readouterr().out == "", "no folder yet"
    send(visitor, picture())
    lost = default_storage.save("pictures/lost.png", ContentFile(picture()))
    call_command("orphans", "--remove")
    assert capsys.readouterr().out == "", "its row may be on its way"
    monkeypatch.setattr("gallery.management.commands.orphans.YOUNG", timedelta(0))
    call_command("orphans")
    assert capsys.readouterr().out == f"{lost}\n"
    assert len(stored()) == 2
    call_command("orphans", "--remove")
    assert stored() == [Picture.objects.get().image.name]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "error",
    [
        EndpointConnectionError(endpoint_url="http://media:9000"),
        ReadTimeoutError(endpoint_url="http://media:9000"),
        NoCredentialsError(),
        CredentialRetrievalError(provider="container-role", error_msg="refused"),
        MetadataRetrievalError(error_msg="refused"),
        ClientError({"ResponseMetadata": {"HTTPStatusCode": 503}}, "PutObject"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_storage_that_is_down_gives_a_clear_page_and_no_row_when_uploading(
    visitor: Client, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    visitor.raise_request_exception = False
    monkeypatch.setattr(FileSystemStorage, "_save", fail)
    response = send(visitor, picture())
    assert (response.status_code, response["Retry-After"]) == (503, "10")
    assert b"Back in a moment" in response.content
    assert b"refused" not in response.content
    assert Picture.objects.count() == 0


def test_a_database_that_fails_leaves_no_orphan_file(visitor: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.db.models import Model

    visitor.raise_request_exception = False
    monkeypatch.setattr(Model, "_do_insert", without_database)
    assert send(visitor, picture()).status_code == 503
    assert stored() == []


def down(*_: object, **__: object) -> None:
    """A storage that cannot be reached."""
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


def test_more_fields_or_files_than_any_form_has_are_refused(visitor: Client) -> None:
    assert visitor.post("/upload/", {f"x{n}": "y" for n in range(2000)}).status_code == 400
    files = {f"x{n}": SimpleUploadedFile("a.png", b"x") for n in range(200)}
    assert visitor.post("/upload/", files).status_code == 400


@pytest.mark.parametrize("following", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:x"])
def test_after_the_log_in_nobody_is_sent_to_another_site(client: Client, member: Any, following: str) -> None:
    form = {"username": member.username, "password": "a-good-password", "next": following}
    assert client.post("/login/", form)["Location"] == "/"


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
    assert response.status_code == 413
    assert b"Too large" in response.content


def test_no_answer_has_a_header_of_the_connection(visitor: Client) -> None:
    """They are the server's (PEP 3333, hop-by-hop); runserver makes a 500 of them."""
    for length in (10, 20_000_000, 10**12):
        response = visitor.generic("POST", "/upload/", b"", "text/plain", CONTENT_LENGTH=str(length))
        assert not {"Connection", "Keep-Alive", "Transfer-Encoding", "Upgrade"} & set(response.headers)


def test_a_body_that_breaks_off_is_408_whatever_was_made_of_its_half(rf: RequestFactory) -> None:
    """With gunicorn's own body, and a reader that gives up as `django_stack.worker` does."""
    from django.http import HttpResponse, UnreadablePostError
    from django_stack.worker import TooSlowError
    from gunicorn.http.body import Body

    class Stalled:
        def read(self, _: int) -> bytes:
            raise TooSlowError

    def view(request: Any) -> Any:
        with pytest.raises(UnreadablePostError):
            request.read()
        return HttpResponse("made of a half")

    request = rf.post("/upload/", b"x" * 50, "text/plain")
    request.META["wsgi.input"] = Body(Stalled())
    request._stream = request.META["wsgi.input"]
    response = BodyLimit(view)(request)
    assert (response.status_code, b"It took too long" in response.content) == (408, True)


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
