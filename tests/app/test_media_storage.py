"""The S3 storage, as far as it can be seen without a server: addresses, headers, names, timeouts."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from unittest import mock
from urllib.parse import parse_qs

import boto3
import pytest
from botocore.config import Config
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client
from environment.storage_dsn import parse
from environment.storages import LIFE, WINDOW, RefusingStorage, S3Media

from tests.app.conftest import LOCAL

MOMENT = 1_800_000_000.0
DISPOSITION = 'attachment; filename="ä b.png"'
SIGNED = "s3://K:S@media/?endpoint_url=http%3A%2F%2Fmedia.localhost%3A9000&region_name=us-east-1"


@pytest.mark.parametrize("key", ["a.png", "pictures/ä ö+&=?#.png", "a~b-c_d.e/f(1)'.png"])
@pytest.mark.parametrize("style", ["path", "virtual"])
@pytest.mark.parametrize("token", ["", "to/ken=="])
@pytest.mark.parametrize("more", [{}, {"ResponseContentDisposition": DISPOSITION}])
def test_a_signed_address_is_the_one_that_boto3_makes(key: str, style: str, token: str, more: dict[str, str]) -> None:
    client = boto3.client(
        "s3",
        aws_access_key_id="AKIA",
        aws_secret_access_key="se/cr+et",
        aws_session_token=token or None,
        region_name="eu-central-1",
        endpoint_url="https://s3.eu-central-1.amazonaws.com",
        config=Config(s3={"addressing_style": style}, signature_version="s3v4"),
    )
    now = datetime.datetime.fromtimestamp(MOMENT, datetime.UTC).replace(tzinfo=None)
    with mock.patch("botocore.auth.get_current_datetime", return_value=now):
        expected = client.generate_presigned_url("get_object", {"Bucket": "b-1", "Key": key, **more}, ExpiresIn=3600)

    storage = S3Media(parse(f"s3://AKIA:se%2Fcr%2Bet@b-1.s3.eu-central-1.amazonaws.com/?addressing_style={style}"))
    storage.security_token = token or None
    with mock.patch("time.time", return_value=MOMENT):
        ours = storage.url(key, more and {"response-content-disposition": DISPOSITION}, expire=3600)
    address, _, query = ours.partition("?")
    assert address == expected.partition("?")[0]
    assert parse_qs(query) == parse_qs(expected.partition("?")[2]), "the signature included"


def test_a_signed_address_stays_the_same_for_a_window_and_lives_longer_than_it() -> None:
    """Or a browser never finds a picture in its cache (django-storages#1222)."""
    start = MOMENT // WINDOW * WINDOW

    def at(moment: float) -> str:
        with mock.patch("time.time", return_value=moment):
            return S3Media(parse(SIGNED)).url("a.png")

    assert at(start) == at(start + WINDOW - 1) != at(start + WINDOW)
    assert LIFE >= 2 * WINDOW


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
