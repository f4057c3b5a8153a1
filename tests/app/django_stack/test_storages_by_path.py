"""Storages that a package makes itself, from their dotted path and with its own keyword arguments."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import parse_qs

import pytest
from django.core.exceptions import ImproperlyConfigured, SuspiciousOperation
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, Storage, storages
from django.core.files.storage.handler import StorageHandler
from django.db import migrations, models
from django.db.migrations.writer import MigrationWriter
from django.utils.module_loading import import_string
from django_stack.files import StaticFiles
from django_stack.storage_dsn import parse
from django_stack.storages import S3Media

from tests.app.environment import CLOUD, LOCAL

SECRET = "hunter2-of-the-bucket"
DSN = f"s3://AKIAKEY:{SECRET}@media/shop?endpoint_url=http%3A%2F%2Fmedia.localhost%3A9000&region_name=us-east-1"
PATH = "django_stack.storages.S3Media"


@pytest.fixture(autouse=True)
def _bucket(handed: Callable[..., None]) -> None:
    """The local stack, with a prefix in its bucket."""
    handed({**LOCAL, "DEFAULT_STORAGE_DSN": DSN}, keep_storage=True)


def as_filer_does(path: str, **options: Any) -> Storage:
    """filer.settings: `get_storage_class(...["ENGINE"])(**...["OPTIONS"])`."""
    made: Storage = import_string(path)(**options)
    return made


def as_django_does(path: str, **options: Any) -> Storage:
    return StorageHandler({"own": {"BACKEND": path, "OPTIONS": options}})["own"]


makers = pytest.mark.parametrize("made", [as_filer_does, as_django_does])


@makers
@pytest.mark.report("joining bug 3")
def test_without_arguments_it_is_the_stacks_own(made: Callable[..., Any]) -> None:
    storage, stacks = made(PATH), storages["default"]
    assert storage.at == stacks.at
    assert storage.url("a.png").partition("?")[0] == "http://media.localhost:9000/media/shop/a.png"
    assert storage.url("a.png") == stacks.url("a.png")
    assert storage.file_overwrite is False


@makers
@pytest.mark.report("joining bug 3")
def test_a_location_is_a_folder_below_the_dsns_prefix(made: Callable[..., Any]) -> None:
    for location in ("thumbs/small/", PurePosixPath("thumbs/small")):
        assert "/media/shop/thumbs/small/a.png?" in made(PATH, location=location).url("a.png")


@pytest.mark.parametrize("location", ["/data/media", "..", "a/../../b", "./a"])
def test_a_location_that_leads_out_of_the_prefix_is_refused(location: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="allowed: a folder below the prefix"):
        S3Media(location=location)


def test_a_name_that_leads_out_of_the_location_is_refused() -> None:
    with pytest.raises(SuspiciousOperation):
        S3Media(location="thumbs").url("../a.png")


def test_parameters_of_an_address_are_django_storages_own() -> None:
    """boto3's names become S3's, or S3 overlooks them; behind a domain of one's own they are the query as it stands."""
    place = "http://media.localhost:9000/media/shop/a"
    parameters = {"ResponseContentDisposition": "attachment", "VersionId": "7"}
    query = parse_qs(S3Media().url("a", parameters).partition("?")[2])
    assert (query["response-content-disposition"], query["versionId"]) == (["attachment"], ["7"])
    assert S3Media(querystring_auth=False).url("a", {"VersionId": "7"}) == f"{place}?versionId=7"
    assert S3Media(custom_domain="cdn.org").url("a", {"width": "5 px"}) == "https://cdn.org/shop/a?width=5%20px"


@pytest.mark.report("joining bug 3")
def test_django_storages_settings_mean_what_they_mean_there() -> None:
    plain = S3Media(querystring_auth=False)
    assert plain.url("a.png") == "http://media.localhost:9000/media/shop/a.png"
    assert S3Media(custom_domain="cdn.example.com", location="x").url("a") == "https://cdn.example.com/shop/x/a"
    assert S3Media(custom_domain="localhost:1", url_protocol="http:").url("a") == "http://localhost:1/shop/a"
    assert S3Media(default_acl="public-read").get_default_settings()  # and below, as it is sent
    assert S3Media(default_acl="public-read")._get_write_parameters("a")["ACL"] == "public-read"
    assert S3Media(bucket_name="other").url("a").startswith("http://media.localhost:9000/other/a?")
    assert S3Media(file_overwrite=True).get_available_name("a.png") == "a.png"
    assert "X-Amz-Expires=60&" in S3Media(querystring_expire=60).url("a")
    written = S3Media(object_parameters={"CacheControl": "max-age=5", "Tagging": "a=b"})._get_write_parameters("a.svg")
    assert (written["CacheControl"], written["Tagging"]) == ("max-age=5", "a=b")
    assert (written["ContentType"], written["ContentDisposition"]) == ("image/svg+xml", "attachment")
    assert S3Media(access_key="OTHER", secret_key="k").url("a").count("OTHER%2F") == 1
    assert S3Media(signature_version="s3").client_config.signature_version == "s3"
    assert S3Media(max_memory_size=5).max_memory_size == 5


def test_a_file_that_may_be_overwritten_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """The header by which the server refuses to overwrite is left out."""
    from django_stack.storages import creating

    values: list[bool] = []
    monkeypatch.setattr(S3Media, "_save", lambda _, name, __: values.append(creating.get()) or name)
    assert S3Media(file_overwrite=True).save("a.png", ContentFile(b"x")) == "a.png"
    monkeypatch.setattr(S3Media, "exists", lambda *_: False)
    S3Media().save("a.png", ContentFile(b"x"))
    assert values == [False, True]


def test_without_a_domain_addresses_are_signed_again(handed: Callable[..., None]) -> None:
    """A package that keeps some files private on a stack whose media are public."""
    handed(
        {**CLOUD, "DEFAULT_STORAGE_DSN": f"s3://K:{SECRET}@b-1.s3.eu-west-1.amazonaws.com/?domain=d.cloudfront.net"},
        keep_storage=True,
    )
    assert S3Media().url("a") == "https://d.cloudfront.net/a"
    for options in (
        {"custom_domain": None},
        {"querystring_auth": True},
        {"custom_domain": "", "querystring_auth": True},
    ):
        assert S3Media(**options).url("a").startswith("https://b-1.s3.eu-west-1.amazonaws.com/a?X-Amz-")
    assert S3Media(querystring_auth=False).url("a") == "https://d.cloudfront.net/a"
    assert (
        S3Media(bucket_name="b-2", region_name="eu-north-1")
        .url("a")
        .startswith("https://b-2.s3.eu-north-1.amazonaws.com/a?")
    )


@pytest.mark.parametrize("name", ["base_url", "bucket", "cloudfront_key", "nonsense"])
def test_an_unknown_setting_is_refused_by_name(name: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=name):
        S3Media(**{name: "x"})


class Public(S3Media):
    """As django-storages' documentation tells people to write one."""

    location = "public"
    default_acl = "public-read"
    querystring_auth = False
    file_overwrite = True
    object_parameters = {"CacheControl": "max-age=60"}  # noqa: RUF012


@pytest.mark.report("joining bug 3")
def test_a_subclasss_attributes_count_and_keywords_before_them() -> None:
    storage = as_django_does(f"{__name__}.Public")
    assert isinstance(storage, Public)
    assert storage.url("a") == "http://media.localhost:9000/media/shop/public/a"
    assert (storage.default_acl, storage.file_overwrite) == ("public-read", True)
    assert storage._get_write_parameters("a.png")["CacheControl"] == "max-age=60"
    assert "/shop/other/a?" in Public(location="other", querystring_auth=True).url("a")


@pytest.mark.report("joining bug 3")
def test_a_subclass_may_be_the_default_storage() -> None:
    """With the OPTIONS that `apply` gave the entry of STORAGES."""
    storage = as_django_does(f"{__name__}.Public", location=parse(DSN))
    assert storage.url("a") == "http://media.localhost:9000/media/shop/public/a"


def test_a_profile_takes_the_place_of_the_key() -> None:
    storage = S3Media(session_profile="other", proxies={"http": "http://proxy:1"})
    assert (storage.access_key, storage.session_profile) == (None, "other")
    assert storage.client_config.proxies == {"http": "http://proxy:1"}


def written(storage: Any) -> str:
    """A migration with a file field that has that storage."""
    field = models.FileField(storage=storage)
    migration = type("Migration", (migrations.Migration,), {"operations": [migrations.AddField("a", "file", field)]})
    return MigrationWriter(migration("0001_initial", "app"), include_header=False).as_string()


@pytest.mark.report("joining bug 3")
def test_a_migration_has_neither_the_secret_nor_the_place() -> None:
    for storage in (S3Media(), S3Media(parse(DSN)), storages["default"]):
        text = written(storage)
        assert "storage=django_stack.storages.S3Media()" in text
        assert not {word for word in (SECRET, "AKIAKEY", "localhost") if word in text}
    text = written(S3Media("thumbs", access_key="AKIAKEY", secret_key=SECRET, file_overwrite=True))
    assert "storage=django_stack.storages.S3Media('thumbs', file_overwrite=True)" in text


def test_a_migration_is_the_same_whatever_the_stack(handed: Callable[..., None]) -> None:
    """Or `makemigrations --check` finds a change in the image's build, which has no bucket."""
    at_the_stack = written(storages["default"])
    handed({**LOCAL, "DEFAULT_STORAGE_DSN": ""}, keep_storage=True)
    assert written(S3Media()) == written(storages["default"]) == at_the_stack


@pytest.mark.parametrize("dsn", ["", "file:///data/media/?url=%2Fmedia%2F"])
def test_without_a_bucket_it_can_be_made_and_says_so_when_it_is_used(handed: Callable[..., None], dsn: str) -> None:
    """In the image's build models are imported, with a storage that nobody uses."""
    handed({**LOCAL, "DEFAULT_STORAGE_DSN": dsn}, keep_storage=True)
    storage = S3Media(location="thumbs", default_acl="private")
    for use in (lambda: storage.url("a"), lambda: storage.save("a", ContentFile(b"x")), lambda: storage.exists("a")):
        with pytest.raises(ImproperlyConfigured, match="DEFAULT_STORAGE_DSN names no S3 bucket"):
            use()


@makers
@pytest.mark.parametrize("options", [{}, {"location": "thumbs"}, {"location": "/data/x", "base_url": "/x/"}])
def test_the_storage_that_refuses_takes_any_arguments(made: Callable[..., Any], options: dict[str, Any]) -> None:
    storage = made("django_stack.files.RefusingStorage", **options)
    with pytest.raises(ImproperlyConfigured, match="DEFAULT_STORAGE_DSN is not set"):
        storage.save("a", ContentFile(b"x"))
    assert SECRET not in written(storage)


def test_static_files_are_made_of_their_path_too(tmp_path: Any) -> None:
    assert isinstance(as_filer_does("django_stack.files.StaticFiles"), StaticFiles)
    other = as_django_does("django_stack.files.StaticFiles", location=str(tmp_path), base_url="/other/")
    assert isinstance(other, FileSystemStorage)
    assert (other.location, other.url("a.css")) == (str(tmp_path), "/other/a.css")
