"""Which bucket, server and region the address of an S3 bucket means; or the form in which it is understood."""

from __future__ import annotations

import re

import pytest
from django_stack.storage_dsn import S3, build, parse
from django_stack.storages import S3Media

from tests.storage_dsns import NOBODYS, REFUSED, UNDERSTOOD

LOGIN = "s3://KEY:hun%2Fter2@"


@pytest.mark.report("filestash#841")
@pytest.mark.parametrize(("dsn", "endpoint", "region", "prefix", "style"), UNDERSTOOD)
def test_a_providers_host_means_its_bucket_server_and_region(
    dsn: str, endpoint: str, region: str, prefix: str, style: str
) -> None:
    location = parse(LOGIN + dsn.replace("BUCKET", "my-bucket"))
    assert isinstance(location, S3)
    found = (location.bucket, location.endpoint, location.region, location.prefix, location.addressing_style)
    assert found == ("my-bucket", f"https://{endpoint}", region, prefix, style)
    assert (location.key, location.secret) == ("KEY", "hun/ter2")
    assert parse(build(location)) == location


@pytest.mark.report("filestash#841")
@pytest.mark.parametrize(
    ("dsn", "address"),
    [
        ("s3.eu-central-1.amazonaws.com/my-bucket/in", "https://my-bucket.s3.eu-central-1.amazonaws.com/in/a.png"),
        ("s3.eu-central-1.amazonaws.com/my.bucket/in", "https://s3.eu-central-1.amazonaws.com/my.bucket/in/a.png"),
        ("my-bucket.fra1.digitaloceanspaces.com", "https://fra1.digitaloceanspaces.com/my-bucket/a.png"),
        ("t3.storage.dev/my-bucket", "https://my-bucket.t3.storage.dev/a.png"),
        (
            "ref.supabase.co/storage/v1/s3/my-bucket?region_name=eu-west-1",
            "https://ref.supabase.co/storage/v1/s3/my-bucket/a.png",
        ),
    ],
)
def test_files_are_addressed_in_the_providers_way(dsn: str, address: str) -> None:
    url, _, query = S3Media(parse(LOGIN + dsn)).url("a.png").partition("?")
    assert url == address
    region = re.search(r"X-Amz-Credential=KEY%2F\d{8}%2F([a-z0-9-]+)%2Fs3", query)
    assert region
    assert region[1] == parse(LOGIN + dsn).region


@pytest.mark.report("filestash#841")
@pytest.mark.parametrize(("dsn", "message"), REFUSED)
def test_a_host_that_is_something_else_is_refused_with_the_right_form(dsn: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        parse(LOGIN + dsn)
    assert "hun" not in str(caught.value)


@pytest.mark.report("filestash#841")
@pytest.mark.parametrize(("dsn", "address"), NOBODYS)
def test_nobodys_host_is_refused_with_a_form_that_works(dsn: str, address: str) -> None:
    with pytest.raises(ValueError, match="can't be told from the server's") as caught:
        parse(LOGIN + dsn)
    named = re.search(r"s3://KEY:SECRET@BUCKET/\?\S+", str(caught.value))
    assert named
    assert f"endpoint_url={address}" in named[0]
    location = parse(named[0].replace("BUCKET", "my-bucket").replace("REGION", "eu-1"))
    assert isinstance(location, S3)
    assert (location.bucket, location.region) == ("my-bucket", "eu-1")
    assert location.endpoint.partition("//")[2] == dsn.partition("/")[0]


@pytest.mark.parametrize("host", ["hunter2", "hunter2:9000", "KEY:hunter2", "hunter2_", "KEY:hunter2.example"])
def test_what_could_be_a_secret_is_not_repeated_as_a_host(host: str) -> None:
    with pytest.raises(ValueError, match="names no bucket") as caught:
        parse(f"s3://{host}/my-bucket")
    assert "hunter2" not in str(caught.value)
