"""The S3 storage, as far as it can be seen without a server: addresses, headers, names."""

from __future__ import annotations

import datetime
import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any
from unittest import mock
from urllib.parse import parse_qs

import boto3
import pytest
from botocore.auth import AUTH_TYPE_MAPS, S3SigV4QueryAuth
from botocore.config import Config
from botocore.credentials import ReadOnlyCredentials
from botocore.exceptions import ClientError
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client
from django_stack import storages
from django_stack.files import RefusingStorage
from django_stack.storage_dsn import parse
from django_stack.storages import ATTEMPTS, LIFE, WINDOW, S3Media

from tests.app.django_stack.s3_server import SIGNED, Server
from tests.app.environment import LOCAL

MOMENT = 1_800_000_000.0
DISPOSITION = 'attachment; filename="ä b.png"'


@cache
def pair(signature: str, style: str, token: str) -> tuple[Any, S3Media]:
    """boto3's client and our storage, of one bucket."""
    client = boto3.client(
        "s3",
        aws_access_key_id="AKIA",
        aws_secret_access_key="se/cr+et",
        aws_session_token=token or None,
        region_name="eu-central-1",
        endpoint_url="https://s3.eu-central-1.amazonaws.com",
        config=Config(s3={"addressing_style": style}, signature_version=signature),
    )
    dsn = f"s3://AKIA:se%2Fcr%2Bet@b-1.s3.eu-central-1.amazonaws.com/?addressing_style={style}&auth={signature}"
    storage = S3Media(parse(dsn))
    storage.security_token = token or None
    return client, storage


@pytest.mark.parametrize("key", ["a.png", "pictures/ä ö+&=?#.png", "a~b-c_d.e/f(1)'.png"])
@pytest.mark.parametrize("style", ["path", "virtual"])
@pytest.mark.parametrize("token", ["", "to/ken=="])
@pytest.mark.parametrize("more", [{}, {"ResponseContentDisposition": DISPOSITION}])
@pytest.mark.parametrize("signature", ["s3v4", "s3"])
def test_a_signed_address_is_the_one_that_boto3_makes(
    signature: str, key: str, style: str, token: str, more: dict[str, str]
) -> None:
    """In both versions: Divio's `auth=s3` means version 2, of requests and of addresses alike."""
    client, storage = pair(signature, style, token)
    now = datetime.datetime.fromtimestamp(MOMENT, datetime.UTC).replace(tzinfo=None)
    with (
        mock.patch("botocore.auth.get_current_datetime", return_value=now),
        mock.patch.dict(AUTH_TYPE_MAPS, {"s3v4-query": S3SigV4QueryAuth}),  # awscrt's has a clock of its own
        mock.patch("time.time", return_value=MOMENT),
    ):
        expected = client.generate_presigned_url("get_object", {"Bucket": "b-1", "Key": key, **more}, ExpiresIn=3600)
        ours = storage.url(key, more, expire=3600)
    address, _, query = ours.partition("?")
    assert address == expected.partition("?")[0]
    assert parse_qs(query) == parse_qs(expected.partition("?")[2]), "the signature included"
    assert storage.client_config.signature_version == signature


@pytest.mark.parametrize("auth", ["s3v4", "s3"])
def test_a_signed_address_stays_the_same_for_a_window_and_lives_longer_than_it(auth: str) -> None:
    """Or a browser never finds a picture in its cache (django-storages#1222)."""
    start = MOMENT // WINDOW * WINDOW

    def at(moment: float) -> str:
        with mock.patch("time.time", return_value=moment):
            return S3Media(parse(f"{SIGNED}&auth={auth}")).url("a.png")

    assert at(start) == at(start + WINDOW - 1) != at(start + WINDOW)
    assert LIFE >= 2 * WINDOW


def test_an_address_is_signed_once_in_a_window_for_each_key_and_only_the_usual_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Signing is most of what a page with many pictures takes. Whatever makes another address makes it anew."""
    storage, made = S3Media(parse(SIGNED)), []
    usual = storage.signed
    monkeypatch.setattr(storage, "signed", lambda *arguments: made.append(arguments) or usual(*arguments))
    fresh = S3Media(parse(SIGNED))
    start = MOMENT // WINDOW * WINDOW
    for moment, token, calls in (
        (start, "one", 2),
        (start + 9, "one", 2),
        (start + 9, "two", 4),
        (start + WINDOW, "two", 6),
    ):
        for one in (storage, fresh):
            monkeypatch.setattr(one.session, "get_credentials", lambda token=token: task_role(token))
        with mock.patch("time.time", return_value=moment):
            for name in ("a.png", "b.png"):
                fresh.remembered = None, {}
                assert storage.url(name) == fresh.url(name)
        assert len(made) == calls
    with mock.patch("time.time", return_value=start + WINDOW):
        as_file = storage.url("a.png", {"ResponseContentDisposition": "attachment"})
        others = {as_file, storage.url("a.png", expire=60), storage.url("a.png", http_method="HEAD")}
        assert len({*others, storage.url("a.png")}) == 4
    monkeypatch.setattr(storages, "REMEMBERED", 3)
    for number in range(10):
        storage.url(f"{number}.png")
    assert len(storage.remembered[1]) <= 3


def task_role(token: str) -> mock.Mock:
    """A role's credentials, as each task of a service has its own."""
    return mock.Mock(get_frozen_credentials=lambda: ReadOnlyCredentials("ASIA", "se/cr+et", token))


def test_an_address_is_the_same_from_every_process_with_the_same_credentials() -> None:
    """With a task role, too; but another task has another token, so its addresses are others."""
    keyless = parse("s3://b-1.s3.eu-central-1.amazonaws.com/")

    def address(token: str, moment: float) -> str:
        storage = S3Media(keyless)
        with (
            mock.patch.object(storage.session, "get_credentials", return_value=task_role(token)),
            mock.patch("time.time", return_value=moment),
        ):
            return storage.url("a.png")

    start = MOMENT // WINDOW * WINDOW
    assert address("one", start + 1) == address("one", start + WINDOW - 1)
    assert address("one", start) != address("two", start)
    assert "X-Amz-Security-Token=one" in address("one", start)


def test_signed_addresses_work_together_with_a_custom_endpoint() -> None:
    assert S3Media(parse(SIGNED)).url("a.png").startswith("http://media.localhost:9000/media/a.png?X-Amz-Algorithm=")


def test_what_could_run_scripts_is_a_download_whatever_the_upload_said() -> None:
    storage = S3Media(parse(SIGNED))
    upload = ContentFile(b"<script>", name="x.svg")
    upload.content_type = "image/png"  # type: ignore[attr-defined]
    for name in ("x.svg", "x.html", "x.xml", "x.unknown"):
        parameters = storage._get_write_parameters(name, upload)
        assert parameters["ContentDisposition"] == "attachment"
        assert parameters["ContentType"] != "image/png"
    assert "ContentDisposition" not in storage._get_write_parameters("x.jpg", upload)


def test_nothing_is_overwritten_and_an_outage_costs_seconds() -> None:
    storage = S3Media(parse(SIGNED))
    assert storage.file_overwrite is False
    assert storage.client_config.connect_timeout <= 5
    assert storage.client_config.signature_version == "s3v4"


def test_browsers_may_keep_a_file_as_long_as_its_address_lives() -> None:
    assert S3Media(parse(SIGNED)).get_object_parameters("a.png")["CacheControl"] == f"private, max-age={LIFE - WINDOW}"
    assert "public" in S3Media(parse(SIGNED + "&qs_auth=false")).get_object_parameters("a.png")["CacheControl"]


def test_without_a_storage_saving_is_refused_with_one_clear_line() -> None:
    with pytest.raises(
        ImproperlyConfigured, match=r"^DEFAULT_STORAGE_DSN is not set, so there is no place for files\."
    ):
        RefusingStorage().save("a.png", ContentFile(b"x"))


def test_file_media_are_served_while_debugging_and_only_then(handed: Callable[..., None], client: Client) -> None:
    dsn = {"DEFAULT_STORAGE_DSN": "file:///data/media/?url=%2Ffiles%2F"}
    from django.conf import settings

    handed({**LOCAL, **dsn})
    settings.MEDIA_ROOT = default_storage.location
    default_storage.save("a.txt", ContentFile(b"hello"))
    response = client.get("/files/a.txt")
    assert b"".join(response.streaming_content) == b"hello"
    assert client.get("/files/../config/settings.py").status_code == 400
    handed({**LOCAL, **dsn, "DJANGO_DEBUG": ""})
    assert Client().get("/files/a.txt").status_code == 404


# Two uploads of one name


def test_two_uploads_of_one_name_at_once_are_two_files() -> None:
    """All have looked, and all found the name free."""
    server = Server(threading.Barrier(3))
    contents = [b"first", b"second", b"third"]
    with ThreadPoolExecutor() as pool:
        saved = list(pool.map(lambda content: server.storage().save("a/b.png", ContentFile(content)), contents))
    assert "a/b.png" in saved
    assert {server.objects[name] for name in saved} == set(contents)
    assert all(re.fullmatch(r"a/b(_\w{7})?\.png", name) for name in saved)


def test_a_large_upload_does_not_overwrite_either() -> None:
    server = Server()
    server.objects["a.bin"] = b"theirs"
    storage = server.storage()
    with mock.patch.object(storage, "exists", side_effect=[False, True, False]):
        name = storage.save("a.bin", ContentFile(b"x" * (9 * 1024 * 1024)))
    assert name != "a.bin"
    assert server.objects["a.bin"] == b"theirs"
    assert len(server.objects) == 2


def test_a_name_that_is_free_is_kept() -> None:
    server = Server()
    assert server.storage().save("a.png", ContentFile(b"x")) == "a.png"
    assert server.headers[0]["if-none-match"] == b"*"
    assert "x-amz-acl" not in server.headers[0]


def test_a_file_opened_to_be_written_is_overwritten_as_anywhere() -> None:
    server = Server()
    storage = server.storage()
    storage.save("a.txt", ContentFile(b"before"))
    with storage.open("a.txt", "w") as file:
        file.write(b"after")
    assert server.objects == {"a.txt": b"after"}


def test_a_server_that_knows_no_conditions_gets_none_and_saves() -> None:
    server = Server(knows_conditions=False)
    storage = server.storage()
    assert [storage.save(name, ContentFile(b"x")) for name in ("a.png", "b.png")] == ["a.png", "b.png"]
    assert ["if-none-match" in headers for headers in server.headers] == [True, False, False]


def test_a_server_that_always_refuses_is_not_asked_for_ever() -> None:
    server = Server()
    storage = server.storage()
    server.objects["a.png"] = b"theirs"
    with mock.patch.object(storage, "get_available_name", return_value="a.png"), pytest.raises(ClientError):
        storage.save("a.png", ContentFile(b"x"))
    assert len(server.headers) == ATTEMPTS
