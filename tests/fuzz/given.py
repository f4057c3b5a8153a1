"""What the fuzz tests share: how many examples, and texts that look like what they are not.

FUZZ_EXAMPLES says how many examples a test takes: a few in every test run, more by `make fuzz`.
"""

import os
from collections.abc import Callable
from urllib.parse import quote

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

# Fixtures are the same for every example on purpose.
fuzz = settings(
    max_examples=int(os.environ.get("FUZZ_EXAMPLES", "40")),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

# Planted wherever a secret may stand; it must never be seen in an error.
SECRET = "Wq8sYb2KpZ4nTf7G"

NASTY = st.sampled_from(
    [
        "",
        "\0",
        "\ud800",
        "\u2100",  # ℀: NFKC makes a slash of it, and urlsplit refuses it in a host
        "%",
        "%00",
        "%zz",
        "%2f",
        "[",
        "]",
        "[::1",
        "[::1]",
        "[v1.x]",
        "@",
        ":",
        "::",
        "/",
        "//",
        "?",
        "#",
        "&",
        "=",
        "*",
        ".",
        "..",
        "\r\n",
        "\t",
        " ",
        "İ",
        "٣",  # a digit to str.isdigit and to int
        "²",  # a digit to str.isdigit, and to int none
        "99999999999999999999",
        "-1",
        "9" * 5000,  # more digits than int takes
        "a" * 300,
        "xn--",
        "localhost",
        "s3.eu-central-1.amazonaws.com",
        "bucket.s3.amazonaws.com",
    ]
)
PIECE = st.one_of(NASTY, st.text(max_size=12))
SCHEME = st.one_of(
    st.sampled_from(
        [
            "s3",
            "file",
            "postgres",
            "postgresql",
            "postgis",
            "postgresql+psycopg",
            "psql",
            "timescale",
            "mysql",
            "mssql",
            "oracle",
            "sqlite",
            "redis",
            "rediss",
            "rediscache",
            "redis+socket",
            "valkey",
            "valkeys",
            "unix",
            "hiredis",
            "memcache",
            "memcached",
            "db",
            "locmem",
            "filecache",
            "smtp",
            "smtps",
            "smtp+tls",
            "smtp+ssl",
            "submission",
            "submissions",
            "ses",
            "consolemail",
            "filemail",
            "http",
            "https",
            "S3",
            "Postgres",
        ]
    ),
    PIECE,
)
ARGUMENT = st.sampled_from(
    [
        "acl",
        "addressing_style",
        "auth",
        "domain",
        "endpoint_url",
        "qs_auth",
        "region_name",
        "url",
        "sslmode",
        "timeout",
        "conn_max_age",
        "connect_timeout",
        "pool",
        "application_name",
        "backend",
        "atomic_requests",
        "autocommit",
        "client_class",
        "channel_binding",
        "conn_health_checks",
        "currentSchema",
        "cull_frequency",
        "db",
        "_default_from_email",
        "disable_server_side_cursors",
        "email_use_tls",
        "isolation_level",
        "key_function",
        "key_prefix",
        "max_connections",
        "max_entries",
        "options",
        "pgbouncer",
        "schema",
        "_server_email",
        "server_side_binding",
        "socket_timeout",
        "SSLMODE",
        "ssl",
        "ssl_ca_certs",
        "ssl_cert_reqs",
        "ssl_check_hostname",
        "ssl_require",
        "tls",
        "transaction_mode",
        "version",
        "virtual_host",
    ]
)
VALUE = st.one_of(
    PIECE,
    st.sampled_from(["true", "s3v4", "path", "http://h:9000", "http://[::1", "https://h:٣", "//h", "/media/"]),
    st.sampled_from(
        ["none", "CERT_NONE", "require", "no-verify", "0", "5", "0.5", "eu-west-1", "a.b", "me@x.org", SECRET]
    ),
    st.sampled_from(["https://fra1.digitaloceanspaces.com", "https://r.supabase.co/storage/v1/s3", f"http://{SECRET}"]),
)

# Servers of S3 that are known by their name, and names that only look like one.
SERVERS = st.sampled_from(
    [
        "s3.amazonaws.com",
        "s3.eu-central-1.amazonaws.com",
        "s3-eu-west-1.amazonaws.com",
        "s3-fips.dualstack.us-east-1.amazonaws.com",
        "s3.cn-north-1.amazonaws.com.cn",
        "s3-accesspoint.eu-west-1.amazonaws.com",
        "0123456789abcdef0123456789abcdef.r2.cloudflarestorage.com",
        "0123456789abcdef0123456789abcdef.eu.r2.cloudflarestorage.com",
        "fra1.digitaloceanspaces.com",
        "s3.wasabisys.com",
        "s3.us-west-004.backblazeb2.com",
        "nbg1.your-objectstorage.com",
        "s3.fr-par.scw.cloud",
        "s3.gra.io.cloud.ovh.net",
        "us-sea-1.linodeobjects.com",
        "sos-ch-dk-2.exo.io",
        "storage.googleapis.com",
        "s3.private.dal.us.cloud-object-storage.appdomain.cloud",
        "ns.compat.objectstorage.eu-frankfurt-1.oraclecloud.com",
        "t3.storage.dev",
        "ref.storage.supabase.co",
        "s3-website-eu-west-1.amazonaws.com",
        "s3-accelerate.amazonaws.com",
        "fra1.cdn.digitaloceanspaces.com",
        "account.r2.cloudflarestorage.com",
        "s3.example.com",
        "minio.example.com:9000",
        "localhost:9000",
        "a.b.c.d",
    ]
)
NAME = st.one_of(
    st.sampled_from(["my-bucket", "my.bucket", "s3", "eu", "s3.eu", "B_1", "a", "", "%2F", "x--x-s3"]), PIECE
)


@st.composite
def buckets(draw: st.DrawFn) -> tuple[str, str]:
    """Host and path of a bucket's address, the bucket's name before the server's, behind it, at both places or none."""
    server, root = draw(SERVERS), draw(st.sampled_from(["", "", "/storage/v1/s3"]))
    before, behind = draw(st.one_of(st.just(""), NAME)), draw(st.one_of(st.just(""), NAME))
    rest = draw(st.sampled_from(["", "/", "/in", "/in/it/"]))
    return f"{before}.{server}" if before else server, f"{root}/{behind}{rest}"


@st.composite
def urls(draw: st.DrawFn) -> str:
    """Texts with the outline of a URL, each part drawn from what parsers stumble over; often with SECRET in them."""
    user = draw(st.sampled_from(["", "KEY", "KEY:", f":{SECRET}@", f"KEY:{SECRET}@", f"K/{SECRET}@", f"K:{SECRET}#@"]))
    host = draw(st.one_of(PIECE, st.sampled_from(["host", "b.s3.eu-west-1.amazonaws.com", "media", "a.b.c.d"])))
    port = draw(st.one_of(st.just(""), PIECE.map(":{}".format), st.integers(-1, 70000).map(":{}".format)))
    path = draw(st.one_of(st.just(""), PIECE.map("/{}".format)))
    pairs = draw(st.lists(st.tuples(st.one_of(ARGUMENT, PIECE), VALUE), max_size=4))
    encode = draw(st.sampled_from([str, lambda text: quote(text, safe="", errors="replace")]))
    query = "&".join(f"{name}={encode(value)}" for name, value in pairs)
    return f"{draw(SCHEME)}{draw(st.sampled_from(['://', ':', ':///', '']))}{user}{host}{port}{path}?{query}"


TEXT = st.one_of(urls(), PIECE, st.text(max_size=60))


# What YAML reads as something else, and what shells and editors leave around values.
YAML_WORD = st.one_of(
    st.sampled_from(
        ["1.10", "0123", "0o17", "0x1F", "1e3", ".5", "-0", "+5", "1_000", ".inf", ".nan", "True", "yes", "off", "~"]
    ),
    st.sampled_from(["null", "2026-01-31", "12:30", "17.0", "<<", "1e400", "12345678901234567890", "\u0661\u0667"]),
    st.sampled_from(["2026-01-31 00:00:00 +0000 UTC", " 17 ", "17\r\n", "\ufeff17", "Web-Port"]),
)
# Command lines, with what only a shell understands in and out of quotes.
COMMAND = st.lists(
    st.one_of(
        st.sampled_from(["python", "sh", "-c", "a b", "'", '"', "\\", " ", "\n", "\0", "\u00a0"]),
        st.sampled_from(
            ["$PORT", "${X", "$(", "`", "&&", "||", "|", ";", ">", "*", "A=1", "exec", "cd", "#", "~/", "("]
        ),
        st.sampled_from(["http://h/?a=1&b", "--all=*"]),
    ),
    max_size=8,
).map("".join)


def shows_secret(text: str) -> bool:
    """Whether the planted secret, or most of it, is in the text."""
    return SECRET[:8] in text or SECRET[-8:] in text


def refusal(call: Callable[[], object], kind: type[BaseException]) -> str:
    """The words of the error of this very kind that the call ends with; nothing when it ends well.

    What is below that kind passes through, such as an UnicodeError for ValueError: its words are not ours.
    """
    try:
        call()
    except kind as error:
        if type(error) is not kind:
            raise
        return str(error)
    return ""
