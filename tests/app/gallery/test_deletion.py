"""Pictures are deleted and replaced: which files go, which stay, and what the log says when the storage fails."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.db import OperationalError
from django.db.models import signals
from django.test import Client
from gallery.models import Picture
from gallery.signals import Outage

from tests.app.conftest import picture
from tests.app.gallery.conftest import send, stored, without_database

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("local")]


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
def test_a_bulk_deletion_that_fails_half_way_leaves_every_row_its_file(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The third of three: what the transaction takes back must not have lost its file."""
    from django.contrib.admin.models import LogEntry

    send_three(admin_client)
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
    send_three(admin_client)
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
    send_three(admin_client)
    tries: list[str] = []

    def fail(_: object, name: str) -> None:
        tries.append(name)
        raise EndpointConnectionError(endpoint_url="http://media:9000")

    with monkeypatch.context() as patch:
        patch.setattr(FileSystemStorage, "delete", fail)
        patch.setattr("gallery.signals.outage", Outage())
        assert delete_all(admin_client).status_code == 302
    assert (Picture.objects.count(), len(stored()), len(tries)) == (0, 3, 1)
    log = "".join(record.getMessage() for record in caplog.records if record.name == "gallery.signals")
    assert all(name in log for name in stored())


def send_three(client: Client) -> None:
    for _ in range(3):
        send(client, picture())


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
