"""Whatever stands in a DSN, its parsers at both ends give a result or their own error, without the secret."""

from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import pytest
from django_stack import cache_url, email_url, storage_dsn, variables
from django_stack.malformed import MalformedError
from hypothesis import example, given
from hypothesis import strategies as st

from infra.dsn import S3DSN, DatabaseURL, DSNError, check_storage_dsn
from tests.fuzz.given import SECRET, TEXT, buckets, fuzz, refusal, shows_secret, urls

INFRA: list[Callable[[str], Any]] = [DatabaseURL.parse, S3DSN.parse, check_storage_dsn]
APP: list[Callable[[str], Any]] = [storage_dsn.parse, variables.database, cache_url.cache, email_url.email]


@fuzz
@given(text=TEXT)
@example(text="postgres://u:p@h:²/db")
@example(text="postgres://u:p@h:" + "9" * 5000 + "/db")
@example(text="s3://K:S@b/?endpoint_url=http%3A%2F%2F%5B%3A%3A1")
@example(text="s3://\u2100/")
@pytest.mark.parametrize("parse", INFRA)
def test_infra_parses_or_refuses(parse: Callable[[str], Any], text: str) -> None:
    assert not shows_secret(refusal(lambda: parse(text), DSNError))


@fuzz
@given(text=TEXT)
@example(text="postgres://u:p@h:²/db")
@example(text="postgres://u:p@h:" + "9" * 5000 + "/db")
@example(text=f"postgres://u:{SECRET}@[h/db")
@example(text="s3://K:S@b-1/?endpoint_url=http://h:²")
@example(text="file:///\ud800/")
@example(text=f"redis://h?ssl_cert_reqs={SECRET}")
@example(text=f"smtp://h?_server_email={SECRET}")
@example(text=f"postgres://h,{SECRET}:x/db")
@pytest.mark.parametrize("parse", APP)
def test_the_app_parses_or_refuses(parse: Callable[[str], Any], text: str) -> None:
    assert not shows_secret(refusal(lambda: parse(text), MalformedError))


@fuzz
@given(text=urls())
@example(text=f"postgres://h/db?sslpassword={SECRET}")
def test_what_infra_read_shows_no_secret_when_printed(text: str) -> None:
    for kind in (DatabaseURL, S3DSN):
        try:
            read = kind.parse(text)
        except DSNError:
            continue
        assert not shows_secret(repr(read))


@fuzz
@given(address=buckets())
@example(address=("s3.eu-central-1.amazonaws.com", "/my-bucket/in"))
@example(address=("my-bucket.account.r2.cloudflarestorage.com", "/"))
@example(address=("a.s3.b.s3.eu-west-1.amazonaws.com", "/"))
def test_an_understood_address_is_a_bucket_and_a_server_and_nothing_is_left_over(address: tuple[str, str]) -> None:
    host, path = address
    text = f"s3://KEY:{SECRET}@{host}{path}?region_name=eu-west-1"
    message = refusal(lambda: storage_dsn.parse(text), MalformedError)
    assert not shows_secret(message)
    if message:
        return
    location = storage_dsn.parse(text)
    assert isinstance(location, storage_dsn.S3)
    server, _, root = location.endpoint.removeprefix("https://").partition("/")
    before = f"{location.bucket}.{server}".lower() == unquote(host).lower()
    assert before or server == host.lower()
    parts = [] if before else [root, location.bucket]
    assert "/".join([*parts, location.prefix]).strip("/").replace("//", "/") == unquote(path).strip("/").replace(
        "//", "/"
    )


@fuzz
@given(text=st.one_of(TEXT, buckets().map(lambda address: f"s3://K:{SECRET}@{''.join(address)}")))
@example(text="s3://K:S@my-bucket/?endpoint_url=http%3A%2F%2Fh%3A9000%2Fx")
@example(text="s3://K:S@my-bucket.s3.eu-west-1.amazonaws.com/?acl=x")
@example(text="s3://K:S@my-bucket.s3.eu-west-1.amazonaws.com/a@b")
def test_infra_takes_a_bucket_if_and_only_if_the_app_does(text: str) -> None:
    environ = {"DEFAULT_STORAGE_DSN": text.replace("\0", "")}
    found = refusal(lambda: variables.read(environ), variables.InvalidEnvironmentError)
    takes = not found and isinstance(variables.read(environ).storage, storage_dsn.S3)
    assert (refusal(lambda: check_storage_dsn(environ["DEFAULT_STORAGE_DSN"]), DSNError) == "") == takes
