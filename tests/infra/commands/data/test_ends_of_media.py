"""Where a stack's media are, by its own variable."""

import io
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError

from infra.commands.data import cloud_media, local_media, media_s3
from infra.commands.data.ends import DataError
from infra.commands.data.media import Headers, Object, ObjectError
from infra.commands.data.media_clients import client, parsed
from infra.commands.data.media_folder import FolderMedia
from infra.commands.data.media_s3 import S3Media
from infra.contract.storage_dsn import S3

SETTINGS = {"aws:region": "eu-central-1"}
LOCAL = "s3://KEY:SEC%2FRET@media/?endpoint_url=http%3A%2F%2Fmedia.localhost%3A9000&region_name=us-east-1"
OWN = "s3://shop-cloud-media-1.s3.eu-central-1.amazonaws.com/"
FOREIGN = "s3://KEY:SECRET@bucket.s3.us-west-2.amazonaws.com/site"


def local(monkeypatch: pytest.MonkeyPatch, dsn: str) -> Any:
    web = SimpleNamespace(id="abc", attrs={"Config": {"Env": [f"DEFAULT_STORAGE_DSN={dsn}"]}})
    monkeypatch.setattr(local_media.stack, "engine", lambda: None)
    monkeypatch.setattr(local_media.stack, "web", lambda engine, name: web)
    return local_media.media("local", {})


def cloud(monkeypatch: pytest.MonkeyPatch, dsn: str, **settings: object) -> Any:
    asked = client(parsed_s3(OWN))
    stack = SimpleNamespace(
        variable=lambda name: dsn, account=SimpleNamespace(profile=""), client=lambda service, region: asked
    )
    monkeypatch.setattr(cloud_media, "CloudStack", lambda name, settings: stack)
    return cloud_media.media("cloud", SETTINGS | settings)


def parsed_s3(dsn: str) -> S3:
    found = parsed("a", dsn)
    assert isinstance(found, S3)
    return found


def test_a_local_server_is_reached_by_this_machines_address_with_its_own_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    end = local(monkeypatch, LOCAL)
    assert isinstance(end, S3Media)
    assert end.client.meta.endpoint_url == "http://127.0.0.1:9000"
    keys = end.client._request_signer._credentials
    assert (keys.access_key, keys.secret_key) == ("KEY", "SEC/RET")
    assert (end.bucket, end.is_near, end.production, end.account) == ("media", True, False, "")
    assert "SEC" not in end.place


def test_a_bucket_from_elsewhere_is_protected(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be that of production, as docs/data.md proposes."""
    assert local(monkeypatch, FOREIGN).production
    assert cloud(monkeypatch, FOREIGN, **{"django-stack:keep-data": "false"}).production
    assert local(monkeypatch, "s3://KEY:SECRET@media/?endpoint_url=http%3A%2F%2F10.0.0.7%3A9000").production


def test_a_folder_is_reached_in_its_container(monkeypatch: pytest.MonkeyPatch) -> None:
    end = local(monkeypatch, "file:///data/media/?url=%2Fmedia%2F")
    assert isinstance(end, FolderMedia)
    assert end._line[:5] == ["docker", "exec", "--interactive", "abc", "python"]
    assert end._line[-1] == "/data/media/"


@pytest.mark.parametrize(("kept", "production"), [(None, True), ("true", True), ("false", False), (False, False)])
def test_a_bucket_of_the_cloud_is_protected_by_keep_data(
    monkeypatch: pytest.MonkeyPatch, kept: object, production: bool
) -> None:
    settings = {} if kept is None else {"django-stack:keep-data": kept}
    assert cloud(monkeypatch, OWN, **settings).production is production


def test_own_buckets_of_one_account_are_copied_by_aws_and_others_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    own, foreign = cloud(monkeypatch, OWN), cloud(monkeypatch, FOREIGN)
    here = local(monkeypatch, LOCAL)
    assert own.copies_from(cloud(monkeypatch, OWN))
    for source, target in ((own, foreign), (foreign, own), (here, own), (own, here)):
        assert not target.copies_from(source)
    assert (foreign.bucket, foreign.prefix, foreign.is_near) == ("bucket", "site/", False)


def test_an_address_that_the_app_would_refuse_is_refused_without_showing_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError) as caught:
        local(monkeypatch, "s3://KEY:SEC/RET@media/")
    assert "RET" not in str(caught.value)
    with pytest.raises(DataError, match="folder"):
        cloud(monkeypatch, "file:///data/media/")


class Refusing:
    """A client of S3 whose every call fails."""

    meta = SimpleNamespace(endpoint_url="https://s3.eu-central-1.amazonaws.com")

    def __init__(self, error: Exception) -> None:
        self._error = error

    def put_object(self, **_: Any) -> None:
        raise self._error


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            ClientError(
                {"Error": {"Code": "AccessDenied", "Message": 'not authorized on "arn:aws:s3:::shop/ann-smith.pdf"'}},
                "PutObject",
            ),
            "PutObject was refused, AccessDenied",
        ),
        (NoCredentialsError(), "no credentials"),
        (EndpointConnectionError(endpoint_url="https://shop.s3/ann-smith.pdf"), "can't be reached"),
    ],
)
def test_a_refusal_names_its_reason_and_not_the_object(error: Exception, said: str) -> None:
    end = S3Media("cloud", parsed_s3(OWN), Refusing(error), production=True)
    with pytest.raises(ObjectError) as caught:
        end.write("ann-smith.pdf", io.BytesIO(b"1"), 1, Headers(), 0)
    assert said in str(caught.value)
    assert "ann-smith" not in str(caught.value)


class Noting:
    """A client of S3 that notes what it is asked for."""

    meta = Refusing.meta

    def __init__(self) -> None:
        self.calls: list[tuple[str, int]] = []

    def __getattr__(self, name: str) -> Any:
        def call(**asked: Any) -> dict[str, Any]:
            self.calls.append((name, len(asked["Body"].read()) if "Body" in asked else 0))
            return {"UploadId": "1", "ETag": "2", "ContentLength": 0, "PartsCount": 1}

        return call


def test_what_s3_does_not_take_at_once_is_uploaded_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of a folder has no parts, and may have any size."""
    monkeypatch.setattr(media_s3, "WHOLE", 10)
    monkeypatch.setattr(media_s3, "parts_of", lambda size: size // 2)
    asked = Noting()
    end = S3Media("cloud", parsed_s3(OWN), asked, production=True)
    for size in (10, 12):
        end.write("large.mp4", io.BytesIO(b"1" * size), size, Headers(), 0)
    calls = [one for one in asked.calls if one[0] != "list_multipart_uploads"]
    assert calls == [
        ("put_object", 10),
        ("create_multipart_upload", 0),
        ("upload_part", 6),
        ("upload_part", 6),
        ("complete_multipart_upload", 0),
    ]


def test_an_empty_object_that_was_uploaded_in_a_part_is_copied_whole() -> None:
    """A server is asked for a range of bytes of each part, and there is none."""
    asked = Noting()
    source, target = (S3Media(name, parsed_s3(OWN), asked, production=True, account="1") for name in ("a", "b"))
    target.copy(source, Object("empty", 0, "59adb24ef3cdbe0297f05b395827453f-1"))
    assert asked.calls == [("copy_object", 0)]
