"""The way of an upload: who may send one, what comes of it, and what a visitor reads when something fails."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import boto3  # noqa: F401  # which a storage that raises these errors has loaded
import pytest
from botocore.exceptions import (
    ClientError,
    CredentialRetrievalError,
    EndpointConnectionError,
    MetadataRetrievalError,
    NoCredentialsError,
    ReadTimeoutError,
)
from django.core.files.storage import FileSystemStorage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from gallery.models import Picture

from tests.app.conftest import picture
from tests.app.gallery.conftest import send, stored, without_database

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("local")]


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


def test_the_upload_script_gets_json(visitor: Client) -> None:
    json = {"HTTP_ACCEPT": "application/json"}
    good, bad = send(visitor, picture(), **json), send(visitor, b"no", **json)
    assert good.json() == {"url": f"/pictures/{Picture.objects.get().pk}/"}
    assert (bad.status_code, list(bad.json()["errors"])) == (422, ["image"])
