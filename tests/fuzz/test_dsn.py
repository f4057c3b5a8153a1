"""Whatever stands in a DSN, its parsers at both ends give a result or their own error, without the secret."""

from collections.abc import Callable
from typing import Any

import pytest
from environment import storage_dsn, variables
from hypothesis import example, given

from infra.dsn import S3DSN, DatabaseURL, DSNError, check_storage_dsn
from tests.fuzz.given import SECRET, TEXT, fuzz, refusal, shows_secret, urls

INFRA: list[Callable[[str], Any]] = [DatabaseURL.parse, S3DSN.parse, check_storage_dsn]
APP: list[Callable[[str], Any]] = [storage_dsn.parse, variables.database]


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
@pytest.mark.parametrize("parse", APP)
def test_the_app_parses_or_refuses(parse: Callable[[str], Any], text: str) -> None:
    assert not shows_secret(refusal(lambda: parse(text), variables.MalformedError))


@fuzz
@given(text=urls())
def test_what_infra_read_shows_no_secret_when_printed(text: str) -> None:
    for kind in (DatabaseURL, S3DSN):
        try:
            read = kind.parse(text)
        except DSNError:
            continue
        assert not shows_secret(repr(read))
