"""What infra/ builds, app/ reads: the two know nothing of each other but the DSNs' grammar."""

from __future__ import annotations

import string

import pytest
from django_stack import storage_dsn
from django_stack.variables import database
from hypothesis import given
from hypothesis import strategies as st

from infra.dsn import S3DSN, DatabaseURL, FileDSN

ANY = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
BUCKET = st.text(string.ascii_lowercase + string.digits, min_size=3, max_size=20)
REGION = st.sampled_from(["us-east-1", "eu-central-1", "ap-southeast-2", "us-gov-west-1", "cn-north-1"])


@given(
    user=ANY, password=ANY, name=ANY, port=st.integers(1, 65535), mode=st.sampled_from(["", "require", "verify-full"])
)
def test_a_database_url_arrives_with_any_characters(user: str, password: str, name: str, port: int, mode: str) -> None:
    options = {"sslmode": mode} if mode else {}
    config = database(str(DatabaseURL(user, password, "database", port, name, options)))
    assert (config["USER"], config["PASSWORD"], config["NAME"]) == (user, password, name)
    assert (config["HOST"], config["PORT"]) == ("database", port)
    assert config["OPTIONS"].get("sslmode", "") == mode


@given(
    bucket=BUCKET,
    key=ANY,
    secret=ANY,
    port=st.integers(1, 65535),
    prefix=st.lists(st.text("abc é%?#", min_size=1), max_size=3).map("/".join),
    signed=st.booleans(),
)
def test_a_bucket_in_a_container_arrives_with_any_characters(
    bucket: str, key: str, secret: str, port: int, prefix: str, signed: bool
) -> None:
    endpoint = f"http://media.localhost:{port}"
    sent = S3DSN(bucket, key, secret, "us-east-1", endpoint, prefix, signed)
    got = storage_dsn.parse(str(sent))
    assert isinstance(got, storage_dsn.S3)
    assert (got.bucket, got.key, got.secret, got.endpoint) == (bucket, key, secret, endpoint)
    assert (got.prefix, got.region, got.signed) == (prefix, "us-east-1", signed)
    assert (got.addressing_style, got.acl) == ("path", "")


@given(bucket=BUCKET, region=REGION, login=st.one_of(st.just(("", "")), st.tuples(ANY, ANY)))
def test_a_bucket_at_aws_arrives_with_its_keys_or_without_any(bucket: str, region: str, login: tuple[str, str]) -> None:
    got = storage_dsn.parse(str(S3DSN(bucket, *login, region)))
    assert isinstance(got, storage_dsn.S3)
    assert (got.bucket, got.region, got.key, got.secret) == (bucket, region, *login)
    end = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    assert got.endpoint == f"https://s3.{region}.{end}"
    assert got.origin == f"https://{bucket}.s3.{region}.{end}"


def test_a_folder_arrives() -> None:
    assert storage_dsn.parse(str(FileDSN("/data/media/", "/media/"))) == storage_dsn.Files("/data/media/", "/media/")


@given(bucket=BUCKET, key=ANY, secret=ANY, region=REGION, endpoint=st.sampled_from(["", "http://media.localhost:9000"]))
def test_the_apps_own_builder_is_read_by_infra(bucket: str, key: str, secret: str, region: str, endpoint: str) -> None:
    location = storage_dsn.S3.of(bucket=bucket, key=key, secret=secret, region=region, endpoint=endpoint)
    got = S3DSN.parse(storage_dsn.build(location))
    assert (got.bucket, got.access_key, got.secret_key, got.region) == (bucket, key, secret, region)
    assert got.signed


@pytest.mark.parametrize(
    ("dsn", "bucket", "region", "endpoint", "origin"),
    [
        (
            "s3://AKIAXXXX:TZ%2Bab%2F@example-live-1.divio-media.org.s3.amazonaws.com/?auth=s3v4&domain=example-live-1.divio-media.org",
            "example-live-1.divio-media.org",
            "",
            "https://s3.amazonaws.com",
            "https://example-live-1.divio-media.org",
        ),
        (
            "s3://AKIAXXXX:TZ%2Bab%2F@example-live.aldryn-media.io.s3-eu-central-1.amazonaws.com/?domain=example-live.aldryn-media.io",
            "example-live.aldryn-media.io",
            "eu-central-1",
            "https://s3-eu-central-1.amazonaws.com",
            "https://example-live.aldryn-media.io",
        ),
    ],
)
def test_divios_own_examples_mean_the_same_at_both_ends(
    dsn: str, bucket: str, region: str, endpoint: str, origin: str
) -> None:
    got = storage_dsn.parse(dsn)
    assert isinstance(got, storage_dsn.S3)
    assert (got.bucket, got.region, got.endpoint, got.origin) == (bucket, region, endpoint, origin)
    assert (got.key, got.secret) == ("AKIAXXXX", "TZ+ab/")
    theirs = S3DSN.parse(dsn)
    assert (theirs.bucket, theirs.secret_key) == (got.bucket, got.secret)
