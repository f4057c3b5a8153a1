"""DEFAULT_STORAGE_DSN: Divio's documented forms, our extensions, the round trip, and what is refused."""

from __future__ import annotations

import re
from contextlib import suppress
from urllib.parse import urlsplit

import pytest
from django_stack.storage_dsn import S3, Files, build, parse
from django_stack.storages import S3Media
from hypothesis import given
from hypothesis import strategies as st

LOGIN = "s3://KEY:SE%2FCR%2BET@"


@pytest.mark.parametrize(
    ("dsn", "bucket", "region", "endpoint", "origin"),
    [
        ("b-1.s3.amazonaws.com/", "b-1", "", "https://s3.amazonaws.com", "https://b-1.s3.amazonaws.com"),
        (
            "b-1.s3.eu-central-1.amazonaws.com/",
            "b-1",
            "eu-central-1",
            "https://s3.eu-central-1.amazonaws.com",
            "https://b-1.s3.eu-central-1.amazonaws.com",
        ),
        (
            "b-1.s3-eu-central-1.amazonaws.com/",
            "b-1",
            "eu-central-1",
            "https://s3-eu-central-1.amazonaws.com",
            "https://b-1.s3-eu-central-1.amazonaws.com",
        ),
        (
            "b-1.s3.dualstack.us-west-2.amazonaws.com/",
            "b-1",
            "us-west-2",
            "https://s3.dualstack.us-west-2.amazonaws.com",
            "https://b-1.s3.dualstack.us-west-2.amazonaws.com",
        ),
        (
            "b-1.s3-fips.us-gov-west-1.amazonaws.com/",
            "b-1",
            "us-gov-west-1",
            "https://s3-fips.us-gov-west-1.amazonaws.com",
            "https://b-1.s3-fips.us-gov-west-1.amazonaws.com",
        ),
        *(
            (
                f"b-1.{kind}.us-west-2.amazonaws.com/",
                "b-1",
                "us-west-2",
                f"https://{kind}.us-west-2.amazonaws.com",
                f"https://b-1.{kind}.us-west-2.amazonaws.com",
            )
            for kind in ("s3-fips.dualstack", "s3-accesspoint.dualstack", "s3-accesspoint-fips")
        ),
        (
            "b-1.s3-accesspoint-fips.dualstack.us-east-1.amazonaws.com/",
            "b-1",
            "us-east-1",
            "https://s3-accesspoint-fips.dualstack.us-east-1.amazonaws.com",
            "https://b-1.s3-accesspoint-fips.dualstack.us-east-1.amazonaws.com",
        ),
        (
            "alias.s3-accesspoint.eu-west-1.amazonaws.com/",
            "alias",
            "eu-west-1",
            "https://s3-accesspoint.eu-west-1.amazonaws.com",
            "https://alias.s3-accesspoint.eu-west-1.amazonaws.com",
        ),
        (
            "b-1.s3.cn-north-1.amazonaws.com.cn/",
            "b-1",
            "cn-north-1",
            "https://s3.cn-north-1.amazonaws.com.cn",
            "https://b-1.s3.cn-north-1.amazonaws.com.cn",
        ),
        # dots in a bucket's name: path style, or the certificate would not fit
        (
            "live-1.divio-media.org.s3.amazonaws.com/?auth=s3v4&domain=live-1.divio-media.org",
            "live-1.divio-media.org",
            "",
            "https://s3.amazonaws.com",
            "https://live-1.divio-media.org",
        ),
        (
            "live-1.aldryn-media.io.s3-eu-central-1.amazonaws.com/?domain=live-1.aldryn-media.io",
            "live-1.aldryn-media.io",
            "eu-central-1",
            "https://s3-eu-central-1.amazonaws.com",
            "https://live-1.aldryn-media.io",
        ),
        (
            "a.b.s3.eu-west-1.amazonaws.com/",
            "a.b",
            "eu-west-1",
            "https://s3.eu-west-1.amazonaws.com",
            "https://s3.eu-west-1.amazonaws.com",
        ),
        # other providers
        ("b-1.sos-ch-dk-2.exo.io/", "b-1", "ch-dk-2", "https://sos-ch-dk-2.exo.io", "https://sos-ch-dk-2.exo.io"),
        ("b.1.sos-ch-dk-2.exo.io/", "b.1", "ch-dk-2", "https://sos-ch-dk-2.exo.io", "https://sos-ch-dk-2.exo.io"),
        (
            "b-1.nyc3.digitaloceanspaces.com/?region_name=nyc3&addressing_style=virtual",
            "b-1",
            "nyc3",
            "https://nyc3.digitaloceanspaces.com",
            "https://b-1.nyc3.digitaloceanspaces.com",
        ),
        ("b-1.s3.fr-par.scw.cloud/", "b-1", "fr-par", "https://s3.fr-par.scw.cloud", "https://s3.fr-par.scw.cloud"),
        ("b-1.s3.wasabisys.com/", "b-1", "us-east-1", "https://s3.wasabisys.com", "https://s3.wasabisys.com"),
        # our extension: any endpoint, http and port included; the whole host is the bucket
        (
            "media/?endpoint_url=http%3A%2F%2Fmedia.localhost%3A9000&region_name=us-east-1",
            "media",
            "us-east-1",
            "http://media.localhost:9000",
            "http://media.localhost:9000",
        ),
        (
            "my.media/?endpoint_url=http://127.0.0.1:9000/",
            "my.media",
            "",
            "http://127.0.0.1:9000",
            "http://127.0.0.1:9000",
        ),
        # url= keeps its path
        (
            "b-1.s3.amazonaws.com/?url=http%3A%2F%2Flocalhost%3A9000%2Fmedia%2F",
            "b-1",
            "",
            "https://s3.amazonaws.com",
            "http://localhost:9000",
        ),
    ],
)
def test_documented_dsn_gives_bucket_region_endpoint_and_domain(
    dsn: str, bucket: str, region: str, endpoint: str, origin: str
) -> None:
    location = parse(LOGIN + dsn)
    assert isinstance(location, S3)
    assert (location.bucket, location.region, location.endpoint) == (bucket, region, endpoint)
    assert (location.key, location.secret) == ("KEY", "SE/CR+ET")
    assert location.origin == origin
    url = urlsplit(S3Media(location).url("a b.png"))
    assert f"{url.scheme}://{url.netloc}" == origin, "what the content security policy allows is where files come from"
    assert url.path.endswith("/a%20b.png")


def test_prefix_is_part_of_every_address() -> None:
    assert S3Media(parse(LOGIN + "b-1.s3.amazonaws.com/some%20where/?domain=m.x.org")).url("a.png") == (
        "https://m.x.org/some%20where/a.png"
    )
    assert S3Media(parse(LOGIN + "b-1.s3.amazonaws.com/in/?url=http://l:9/m")).url("a.png") == "http://l:9/m/in/a.png"


@pytest.mark.parametrize(
    ("arguments", "signed"),
    [
        ("", True),
        ("?qs_auth=false", False),
        ("?qs_auth=0", False),
        ("?qs_auth=True", True),
        ("?domain=m.x.org", False),
        ("?domain=m.x.org&qs_auth=on", True),
        ("?auth&domain&url&acl&qs_auth&addressing_style&region_name", True),
    ],
)
def test_addresses_are_signed_unless_files_are_public(arguments: str, signed: bool) -> None:
    location = parse("s3://K:S@b-1.s3.eu-west-1.amazonaws.com/" + arguments)
    assert ("X-Amz-Signature=" in S3Media(location).url("a.png")) is signed


def test_keyless_dsn_leaves_credentials_to_the_task_role() -> None:
    location = parse("s3://b-1.s3.eu-west-1.amazonaws.com/")
    assert isinstance(location, S3)
    assert (location.key, location.secret) == ("", "")
    assert S3Media(location).access_key is None


def test_no_acl_unless_asked_for() -> None:
    assert parse("s3://b-1.s3.amazonaws.com/").acl == ""
    assert S3Media(parse("s3://b-1.s3.amazonaws.com/"))._get_write_parameters("a.png").get("ACL") is None
    asked = S3Media(parse("s3://b-1.s3.amazonaws.com/?acl=public-read"))
    assert asked._get_write_parameters("a.png")["ACL"] == "public-read"


@pytest.mark.parametrize(
    ("dsn", "folder", "url"),
    [
        ("file:///data/media/?url=%2Fmedia%2F", "/data/media/", "/media/"),
        ("file:///data/media?url=/files", "/data/media/", "/files/"),
        ("file:///data/media/", "/data/media/", "/media/"),
        ("file:///app/media/", "/app/media/", "/media/"),
        ("file:///tmp/media/", "/tmp/media/", "/media/"),
        ("file:///d/?url=https%3A%2F%2Fcdn.example.com%2Fm%2F", "/d/", "https://cdn.example.com/m/"),
    ],
)
def test_folder_dsn(dsn: str, folder: str, url: str) -> None:
    assert parse(dsn) == Files(folder, url)


@pytest.mark.parametrize(
    ("dsn", "message"),
    [
        ("az://account:hunter2@host/container", "must begin with"),
        ("hunter2", "must begin with"),
        ("gs://hunter2/x", "write s3://KEY:SECRET@storage.googleapis.com/BUCKET/ with an HMAC key"),
        ("https://K:hunter2@minio.example.com/x", "a bucket is written s3://KEY:SECRET@BUCKET/?endpoint_url="),
        ("r2://K:hunter2@x", "write s3://KEY:SECRET@BUCKET.ACCOUNT.r2.cloudflarestorage.com/"),
        ("s3://hunter2", "names no bucket"),
        ("s3://KEY:hunter2@bucket", "names no bucket"),
        ("s3://KEY:hunter2@/?endpoint_url=http://x", "names no bucket"),
        ("s3://KEY@b-1.s3.amazonaws.com/", "key without a secret"),
        ("s3://:hunter2@b-1.s3.amazonaws.com/", "key without a secret"),
        ("s3://K:hunter2@b-1.s3.amazonaws.com/?regoin_name=x", "has unknown arguments (did you mean region_name?)"),
        ("s3://K:S@b-1.s3.amazonaws.com/?hunter=x&hunter2", "has unknown arguments; known are acl, address"),
        ("s3://K:S?hunter&ter2@b-1.s3.amazonaws.com/", "is not a URL"),
        ("s3://K:S/hunter2@b-1.s3.amazonaws.com/", "is not a URL"),
        ("s3://hunter2:9000/b-1", "names no bucket"),
        ("s3://K:hunter2@b-1.s3.amazonaws.com/?qs_auth=maybe", "argument qs_auth"),
        ("s3://K:hunter2@b-1.s3.amazonaws.com/?addressing_style=x", "argument addressing_style"),
        ("s3://K:hunter2@b-1.s3.amazonaws.com/?auth=v9", "argument auth"),
        ("s3://K:hunter2@b-1.s3.amazonaws.com/?domain=https://x", "argument domain"),
        ("s3://K:hunter2@b-1.s3.amazonaws.com/?url=ftp://x", "argument url"),
        ("s3://K:hunter2@media/?endpoint_url=media:9000", "argument endpoint_url"),
        ("s3://K:hunter2@media/?endpoint_url=http%3A%2F%2Fa%3Ahunter2%40media%3A9000", "argument endpoint_url"),
        ("s3://K:hunter2@b-1.s3.amazonaws.com/?acl=hunter2", "argument acl"),
        ("s3://K:hunter2@b-1.s3.amazonaws.com/?region_name=hun%20ter2", "has an invalid region"),
        ("s3://K:hunter2@media/?endpoint_url=http://media:99999", "argument endpoint_url"),
        ("s3://K:hunter2@media/?endpoint_url=http://media/path", "endpoint_url with a path"),
        ("s3://K:hun#ter2@b-1.s3.amazonaws.com/", "has a # or a space"),
        ("s3://K:[hunter2@b-1.s3.amazonaws.com/", "is not a URL"),
        ("file://data/media/", "three slashes"),
        *((f"file://{folder}", "needs a separate folder") for folder in ("/", "//", "/app/", "/proc/self", "/etc/x")),
        ("file:///data/media/../../proc/self/", "needs a separate folder"),
        ("file:///data/%2e%2e/", "needs a separate folder"),
        *((f"s3://K:hunter2@b-1.s3.amazonaws.com/{path}", "has a prefix with") for path in ("a//b", "a/../b", "./a")),
        ("s3://K:hunter2@b-1/..?endpoint_url=http://media", "has a prefix with"),
        ("file:///data/?url=//evil", "argument url"),
        ("file:///data/?url=/", "argument url"),
    ],
)
def test_malformed_dsn_says_what_is_wrong_but_no_secret(dsn: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        parse(dsn)
    assert "hun" not in str(caught.value)


LABEL = st.from_regex(r"[a-z0-9][a-z0-9-]{1,20}[a-z0-9]", fullmatch=True)
HOST = st.from_regex(r"[a-z0-9]{1,10}(\.[a-z0-9]{1,10}){0,2}(:[1-9][0-9]{0,3})?", fullmatch=True)


@given(
    bucket=st.lists(LABEL, min_size=1, max_size=3).map(".".join),
    login=st.one_of(st.just(("", "")), st.tuples(st.text(min_size=1), st.text(min_size=1))),
    region=st.sampled_from(["", "eu-central-1", "us-east-1"]),
    endpoint=st.one_of(st.just(""), st.builds("{}://{}".format, st.sampled_from(["http", "https"]), HOST)),
    prefix=st.lists(st.text(min_size=1).filter(lambda name: "/" not in name and name not in (".", ".."))).map("/".join),
    domain=st.one_of(st.just(""), HOST),
    qs_auth=st.sampled_from(["", "true", "false"]),
    style=st.sampled_from(["", "path", "virtual", "auto"]),
    acl=st.sampled_from(["", "private", "public-read"]),
)
def test_s3_dsn_survives_the_round_trip_with_any_characters(
    bucket: str,
    login: tuple[str, str],
    region: str,
    endpoint: str,
    prefix: str,
    domain: str,
    qs_auth: str,
    style: str,
    acl: str,
) -> None:
    location = S3.of(
        bucket=bucket,
        key=login[0],
        secret=login[1],
        region=region,
        endpoint=endpoint,
        prefix=prefix,
        domain=domain,
        qs_auth=qs_auth,
        addressing_style=style,
        acl=acl,
    )
    assert parse(build(location)) == location


@given(
    st.text().filter(lambda text: "\0" not in text and not {".", ".."} & set(text.split("/"))),
    st.one_of(
        st.text().map(lambda text: f"/{text.strip('/')}/").filter(lambda url: url != "//"),
        st.just("https://cdn.example.com/"),
    ),
)
def test_folder_dsn_survives_the_round_trip_with_any_characters(folder: str, url: str) -> None:
    location = Files(f"/data/{folder.strip('/')}".rstrip("/") + "/", url)
    assert parse(build(location)) == location


@given(st.text())
def test_any_text_is_a_location_or_a_clear_error(text: str) -> None:
    for dsn in (text, "s3://" + text, "file:///" + text, "s3://K:S@b-1.s3.amazonaws.com/?" + text):
        with suppress(ValueError):
            parse(dsn)
