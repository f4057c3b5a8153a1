"""Thumbnails: what a worker makes of a picture, once, and what the pages show until then."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone
from gallery import tasks, views
from gallery.models import Picture
from PIL import ExifTags, Image
from procrastinate.contrib.django import procrastinate_app
from procrastinate.testing import InMemoryConnector

from tests.app.conftest import picture
from tests.app.gallery.conftest import send, stored

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("local")]


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemoryConnector]:
    """The queue, in memory: PostgreSQL's is tested in the image."""
    memory = InMemoryConnector()
    with procrastinate_app.current_app.replace_connector(memory):
        monkeypatch.setattr("gallery.views.has_worker", lambda: True)
        yield memory


def made(queue: InMemoryConnector) -> list[int]:
    """Runs the tasks that are queued, as a worker does; which pictures they were for."""
    waiting = [job for job in queue.jobs.values() if job["status"] == "todo"]
    for job in waiting:
        assert job["task_name"] == "gallery.make_thumbnail"
        tasks.make_thumbnail(**job["args"])
        job["status"] = "succeeded"
    return [job["args"]["picture"] for job in waiting]


def thumbnails() -> list[str]:
    folder = "thumbnails"
    return [f"{folder}/{name}" for name in default_storage.listdir(folder)[1]] if default_storage.exists(folder) else []


def test_an_upload_is_shown_as_a_placeholder_and_then_as_its_thumbnail(
    visitor: Client, queue: InMemoryConnector
) -> None:
    send(visitor, picture(size=(1600, 1200)), title="Lake")
    row = Picture.objects.get()
    before = visitor.get("/").content.decode()
    assert 'role="img" aria-label="Lake"' in before
    assert '<noscript><meta http-equiv="refresh"' in before
    assert row.image.url not in before
    assert made(queue) == [row.pk]
    row.refresh_from_db()
    after = visitor.get("/").content.decode()
    assert f'<img src="{row.thumbnail.url}"' in after
    assert row.image.url not in after
    assert "refresh" not in after
    assert "thumbnails.js" not in after
    assert thumbnails() == [row.thumbnail.name]
    assert Image.open(row.thumbnail).size == (640, 480)
    assert row.image.url in visitor.get(row.get_absolute_url()).content.decode()


def test_a_task_that_runs_twice_leaves_one_thumbnail(visitor: Client, queue: InMemoryConnector) -> None:
    """Killed before it wrote the row, or not at all; and beside another one that is a moment quicker."""
    send(visitor, picture())
    row = Picture.objects.get()
    made(queue)
    first = Picture.objects.get().thumbnail.name
    tasks.make_thumbnail(row.pk)
    Picture.objects.update(thumbnail="")
    tasks.make_thumbnail(row.pk)
    assert (Picture.objects.get().thumbnail.name, thumbnails()) == (first, [first])


def test_two_workers_at_the_same_moment_leave_one_thumbnail(
    visitor: Client, queue: InMemoryConnector, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(visitor, picture())
    made(queue)
    first = Picture.objects.get().thumbnail.name
    Picture.objects.update(thumbnail="")
    exists = FileSystemStorage.exists
    seen: list[str] = []

    def not_yet(storage: FileSystemStorage, name: str) -> bool:
        seen.append(name)
        return len(seen) > 1 and exists(storage, name)

    monkeypatch.setattr(FileSystemStorage, "exists", not_yet)
    tasks.make_thumbnail(Picture.objects.get().pk)
    monkeypatch.undo()
    assert (Picture.objects.get().thumbnail.name, thumbnails()) == (first, [first])


def test_one_content_in_two_pictures_is_two_thumbnails(visitor: Client, queue: InMemoryConnector) -> None:
    """So that deleting one picture leaves the other one its thumbnail."""
    send(visitor, picture())
    send(visitor, picture())
    made(queue)
    gone, stays = Picture.objects.all()
    visitor.post(f"/pictures/{gone.pk}/delete/")
    assert thumbnails() == [stays.thumbnail.name]
    assert stored() == [stays.image.name]


def test_a_picture_that_goes_while_its_thumbnail_is_made_leaves_nothing(
    visitor: Client, queue: InMemoryConnector, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(visitor, picture())
    row, render = Picture.objects.get(), tasks.images.thumbnail

    def slow(original: Any) -> bytes:
        content = render(original)
        Picture.objects.get().delete()
        return content

    monkeypatch.setattr("gallery.images.thumbnail", slow)
    tasks.make_thumbnail(row.pk)
    assert (thumbnails(), stored()) == ([], [])
    tasks.make_thumbnail(row.pk)


def test_another_picture_in_its_place_gets_a_thumbnail_of_its_own(
    admin_client: Client, queue: InMemoryConnector
) -> None:
    send(admin_client, picture())
    made(queue)
    row = Picture.objects.get()
    address = f"/admin/gallery/picture/{row.pk}/change/"
    assert admin_client.post(address, {"title": "Another title", "owner": ""}).status_code == 302
    assert (made(queue), thumbnails()) == ([], [row.thumbnail.name])
    new = {"title": "x", "owner": "", "image": SimpleUploadedFile("b.png", picture(size=(20, 10)))}
    assert admin_client.post(address, new).status_code == 302
    assert thumbnails() == []
    assert made(queue) == [row.pk]
    assert Image.open(Picture.objects.get().thumbnail).size == (20, 10)


def test_a_task_whose_picture_is_gone_does_nothing(visitor: Client, queue: InMemoryConnector) -> None:
    send(visitor, picture())
    Picture.objects.get().delete()
    made(queue)
    assert (thumbnails(), stored()) == ([], [])


def test_without_a_worker_pages_show_the_picture_itself_and_tell_only_the_staff(
    client: Client, admin_client: Client, member: Any
) -> None:
    client.force_login(member)
    send(client, picture(), title="Lake")
    row = Picture.objects.get()
    for each, told in ((client, False), (admin_client, True)):
        page = each.get("/").content.decode()
        assert f'<img src="{row.image.url}"' in page
        assert "refresh" not in page
        assert ("No worker runs" in page) == told


def test_a_thumbnail_that_never_comes_is_not_waited_for(visitor: Client, queue: InMemoryConnector) -> None:
    send(visitor, picture(), title="Lake")
    Picture.objects.update(uploaded=timezone.now() - views.PATIENCE - timedelta(seconds=1))
    page = visitor.get("/").content.decode()
    assert f'<img src="{Picture.objects.get().image.url}"' in page
    assert "refresh" not in page


def upright(image: Image.Image) -> bytes:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6  # the camera was turned
    out = io.BytesIO()
    image.save(out, "JPEG", exif=exif)
    return out.getvalue()


def saved(image: Image.Image, format: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


RED, CLEAR = (255, 0, 0), (0, 0, 0, 0)
FRAMES = [Image.new("RGB", (40, 30), color) for color in (RED, (0, 0, 255))]


@pytest.mark.parametrize(
    ("content", "size", "mode", "corner"),
    [
        (upright(Image.new("RGB", (1600, 1200), RED)), (480, 640), "RGB", RED),
        (saved(Image.new("CMYK", (800, 400), (0, 255, 255, 0)), "JPEG"), (640, 320), "RGB", RED),
        (saved(Image.new("RGBA", (40, 30), CLEAR), "PNG"), (40, 30), "RGBA", CLEAR),
        (saved(Image.new("L", (40, 30), 255), "JPEG"), (40, 30), "RGB", (255, 255, 255)),
        (saved(Image.new("I;16", (40, 30), 65535), "PNG"), (40, 30), "RGB", (255, 255, 255)),
        (saved(Image.new("I;16", (1000, 10), 32768), "PNG", transparency=5), (640, 6), "RGB", (128, 128, 128)),
        (saved(Image.new("P", (1000, 10)), "GIF", transparency=0), (640, 6), "RGBA", CLEAR),
        (saved(FRAMES[0], "GIF", save_all=True, append_images=FRAMES[1:]), (40, 30), "RGB", RED),
        (saved(Image.new("1", (1, 4000)), "PNG"), (1, 640), "RGB", (0, 0, 0)),
    ],
    ids=[
        "turned",
        "cmyk",
        "transparent",
        "grey",
        "16 bits",
        "16 bits of middle grey",
        "palette",
        "animation",
        "narrow",
    ],
)
def test_every_kind_of_picture_has_a_thumbnail(
    content: bytes, size: tuple[int, int], mode: str, corner: tuple[int, ...]
) -> None:
    small = Image.open(io.BytesIO(tasks.images.thumbnail(ContentFile(content))))
    assert (small.format, small.size, small.mode, getattr(small, "n_frames", 1)) == ("WEBP", size, mode, 1)
    found = small.getpixel((0, 0))
    assert isinstance(found, tuple)
    assert len(corner) == 4 or all(abs(a - b) < 12 for a, b in zip(found, corner, strict=True))
    assert len(corner) != 4 or found[3] == 0
    assert not small.getexif()


def test_lost_thumbnails_are_swept_after_an_hour_and_other_folders_left_alone(
    visitor: Client,
    queue: InMemoryConnector,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    aged: Callable[[str], None],
) -> None:
    send(visitor, picture())
    made(queue)
    kept = {Picture.objects.get().thumbnail.name, Picture.objects.get().image.name}
    lost = {default_storage.save(f"{folder}/lost.webp", ContentFile(b"x")) for folder in ("thumbnails", "pictures")}
    others = {
        default_storage.save(name, ContentFile(b"x")) for name in ("papers/a.pdf", "pictures.txt", "pictures/a/b")
    }
    young = default_storage.save("pictures/young.webp", ContentFile(b"x"))
    for name in {*kept, *lost, *others}:
        aged(name)
    call_command("orphans", "--remove")
    assert set(capsys.readouterr().out.split()) == lost
    assert all(map(default_storage.exists, [*kept, *others, young]))
    assert not any(map(default_storage.exists, lost))


@pytest.fixture
def aged() -> Callable[[str], None]:
    """Makes a file an hour old."""
    import os
    import time

    def age(name: str) -> None:
        then = time.time() - 3601
        os.utime(default_storage.path(name), (then, then))

    return age


def test_what_has_no_thumbnail_is_queued_again_when_told_to(
    visitor: Client, queue: InMemoryConnector, capsys: pytest.CaptureFixture[str]
) -> None:
    send(visitor, picture())
    send(visitor, picture())
    made(queue)
    newest = Picture.objects.first()
    Picture.objects.filter(pk=newest.pk).update(thumbnail="")
    call_command("thumbnails")
    assert capsys.readouterr().out == "Queued: 1\n"
    assert made(queue) == [newest.pk]
    assert Picture.objects.filter(thumbnail="").count() == 0


def test_without_postgresql_there_is_no_queue_and_the_command_says_so() -> None:
    with pytest.raises(CommandError, match="needs PostgreSQL"):
        call_command("thumbnails")
