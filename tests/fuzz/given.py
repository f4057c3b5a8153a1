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
            "mysql",
            "sqlite",
            "redis",
            "rediss",
            "memcache",
            "db",
            "smtp",
            "smtp+tls",
            "consolemail",
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
        "ssl",
        "tls",
    ]
)
VALUE = st.one_of(
    PIECE,
    st.sampled_from(["true", "s3v4", "path", "http://h:9000", "http://[::1", "https://h:٣", "//h", "/media/"]),
)


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
