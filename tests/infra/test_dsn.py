"""Both DSNs survive the round trip with any character, and wrong ones are refused without being shown."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.connection import parse_url

import infra.contract
from infra.dsn import S3DSN, CacheURL, DatabaseURL, DSNError, FileDSN, check_storage_dsn
from tests.storage_dsns import NOBODYS, REFUSED, UNDERSTOOD

ANY = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)


@given(user=ANY, password=ANY, name=ANY)
def test_a_database_url_survives_the_round_trip_with_any_characters(user: str, password: str, name: str) -> None:
    url = DatabaseURL(user, password, "database", 5432, name, {"sslmode": "verify-full"})
    assert DatabaseURL.parse(str(url)) == url


@given(key=ANY, secret=ANY, signed=st.booleans(), prefix=st.sampled_from(["", "media/", "a b/ü/"]))
def test_an_s3_dsn_survives_the_round_trip_with_any_characters(
    key: str, secret: str, signed: bool, prefix: str
) -> None:
    for endpoint in ("", "http://media.localhost:9000", "https://s3.example.com"):
        dsn = S3DSN("bucket.with.dots", key, secret, "eu-central-1", endpoint, prefix, signed)
        assert S3DSN.parse(str(dsn)) == dsn


def test_a_keyless_dsn_on_aws_holds_bucket_and_region_only() -> None:
    assert str(S3DSN("my-bucket", region="eu-west-1")) == "s3://my-bucket.s3.eu-west-1.amazonaws.com/"
    assert S3DSN.parse("s3://my-bucket.s3.eu-west-1.amazonaws.com/") == S3DSN("my-bucket", region="eu-west-1")


@pytest.mark.parametrize(
    "text",
    [
        "s3://KEY:SECRET@example-live-0.divio-media.org.s3.amazonaws.com/?auth=s3v4&domain=example-live-0.divio-media.org",
        "s3://KEY:SECRET@bucket.aldryn-media.io.s3-eu-central-1.amazonaws.com/?domain=bucket.aldryn-media.io",
        "s3://KEY:SECRET@bucket.s3.dualstack.us-west-2.amazonaws.com/prefix",
        "s3://KEY:SECRET@bucket.sos-ch-dk-2.exo.io/?region_name=ch-dk-2",
    ],
)
def test_divios_documented_forms_are_taken(text: str) -> None:
    check_storage_dsn(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("https://KEY:TOPSECRET@example.com/", "not s3://"),
        ("s3://KEY:TOPSECRET@/", "no bucket"),
        ("s3://KEY:TOPSECRET@bucket/?endpoint_url=media:9000", "endpoint_url"),
        ("s3://:TOPSECRET@bucket.s3.amazonaws.com/", "secret without a key"),
        ("file:///data/media/", "not s3://"),
        ("s3://KEY:TOP/SECRET@[bucket/", "percent-encoded"),
    ],
)
def test_a_wrong_storage_dsn_is_refused_without_being_shown(text: str, message: str) -> None:
    with pytest.raises(DSNError, match=message) as refused:
        check_storage_dsn(text)
    assert "TOPSECRET" not in str(refused.value)


@pytest.mark.report("filestash#841")
@pytest.mark.parametrize("dsn", [dsn for dsn, *_ in UNDERSTOOD])
def test_what_the_app_understands_is_taken(dsn: str) -> None:
    check_storage_dsn("s3://KEY:TOPSECRET@" + dsn.replace("BUCKET", "my-bucket"))


@pytest.mark.report("filestash#841")
@pytest.mark.parametrize(("dsn", "message"), [*REFUSED, *NOBODYS])
def test_what_the_app_refuses_is_refused_before_anything_is_made(dsn: str, message: str) -> None:
    with pytest.raises(DSNError, match=re.escape(message)) as refused:
        check_storage_dsn("s3://KEY:TOPSECRET@" + dsn)
    assert "TOPSECRET" not in str(refused.value)
    assert "\n" not in str(refused.value)


COPIES = sorted(Path(infra.contract.__file__).parent.glob("[!_]*.py"))


@pytest.mark.parametrize("copy", COPIES, ids=lambda path: str(path.name))
def test_the_contracts_grammar_is_the_apps_own(copy: Path) -> None:
    original = Path(__file__).parents[2] / "app" / "contract" / "django_stack" / copy.name
    assert copy.read_text() == original.read_text(), f"Fix: cp {original} {copy}"


def test_the_grammar_is_copied_with_all_that_it_imports() -> None:
    assert [path.stem for path in COPIES] == ["cron", "malformed", "s3_hosts", "storage_dsn"]
    imported = {name for path in COPIES for name in re.findall(r"^from \.(\w+) import", path.read_text(), re.MULTILINE)}
    assert imported <= {path.stem for path in COPIES}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("mysql://u:TOPSECRET@host/db", "not postgres://"),
        ("postgres://u:TOPSECRET@/db", "no host"),
        ("postgres://u:TOPSECRET@host/", "no database name"),
        ("postgres://u:TOPSECRET@host:99999/db", "port"),
        ("postgres://u:TOPSECRET@host:abc/db", "port"),
    ],
)
def test_a_wrong_database_url_is_refused_without_being_shown(text: str, message: str) -> None:
    with pytest.raises(DSNError, match=message) as refused:
        DatabaseURL.parse(text)
    assert "TOPSECRET" not in str(refused.value)


def test_a_folder_dsn_is_the_handbooks() -> None:
    assert str(FileDSN("/data/media/", "/media/")) == "file:///data/media/?url=%2Fmedia%2F"


@pytest.mark.parametrize("tls", [True, False])
def test_a_caches_address_is_what_redis_py_reads(tls: bool) -> None:
    """Whatever is in the password."""
    options = {"ssl_cert_reqs": "required"} if tls else {}
    url = str(CacheURL("p/w:@?#%", "cache.example.com", 6379, 3, tls=tls, options=options))
    assert url.startswith("rediss://" if tls else "redis://")
    found = parse_url(url)
    assert {key: found[key] for key in ("password", "host", "port", "db")} == {
        "password": "p/w:@?#%",
        "host": "cache.example.com",
        "port": 6379,
        "db": 3,
    }
    assert found.get("ssl_cert_reqs") == ("required" if tls else None)
    assert "p/w" not in repr(CacheURL("p/w", "host", 1, 0))
