"""Redaction: what counts as secret, that it's hidden in every form, promptly and quickly; innocent text stays."""

import base64
import json
import pprint
import re
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from infra.redaction import LINE, SHOWN, Redactor
from infra.secret_forms import secret_parts
from tests import ROOT

BODY = [
    "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj",
    "MzEfYyjiWA4R4/M2bS1GB4t7NXp98C3SC6dVMvDuictGeurT8jNbvJZHtCSuYEvu",
    "NMoSfm76oqFvAp8Gy0iz5sxjZmSnXyCdPEovGhLa0VzMaQ==",
]
PEM = "\n".join(["-----BEGIN PRIVATE KEY-----", *BODY, "-----END PRIVATE KEY-----", ""])
pytestmark = pytest.mark.report("hashicorp-vault-plugin#182")


def test_the_secrets_of_a_url_are_itself_and_its_password_encoded_and_plain() -> None:
    assert secret_parts("postgres://user:p%40ss%2Fword@host/db") == [
        "postgres://user:p%40ss%2Fword@host/db",
        "p%40ss%2Fword",
        "p@ss/word",
        "user",
    ]


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        ("s3://AKIAXYZ:se%2Fcret@bucket/?region_name=eu", {"AKIAXYZ", "se/cret", "se%2Fcret"}),
        ("https://host/?api_key=abcd%2F1&page=second", {"abcd/1", "abcd%2F1"}),
        ("host=db user=app password='it is' sslmode=require", {"it is"}),
        ("DefaultEndpointsProtocol=https;AccountKey=abc+def==;EndpointSuffix=windows.net", {"abc+def=="}),
        ("https://hooks.example.com/services/T00000000/B0/aZ3xK9mQ2wE7rT5y", {"aZ3xK9mQ2wE7rT5y"}),
        ("one-old-key-of-django,another-old-key-of-it", {"one-old-key-of-django", "another-old-key-of-it"}),
        ("Bearer aZ3xK9mQ2wE7rT5y", {"aZ3xK9mQ2wE7rT5y"}),
        ("BEGIN KEY\\nfirst line\\nlast line\\n", {"BEGIN KEY\nfirst line\nlast line", "first line", "last line"}),
        (base64.b64encode(b'{"password": "hunter22"}').decode(), {"hunter22"}),
        (json.dumps({"private_key": PEM, "pin": "0815", "api_key": "k3y!"}), {*BODY, "k3y!"}),
    ],
)
def test_the_secrets_within_a_value(value: str, parts: set[str]) -> None:
    assert set(secret_parts(value)) >= {value.strip(), *parts}


@pytest.mark.parametrize(
    ("value", "innocent"),
    [
        ("postgres://postgres:longpassword@database:5432/app", "psycopg: database:5432, user postgres, postgres://"),
        ("postgres://app:longpassword@database:5432/app", "django.db: app.0001 to database:5432/app"),
        ("https://www.example.com/path", "see https://www.example.com/other and https://"),
        (
            json.dumps({"type": "web", "token_uri": "https://oauth2.googleapis.com/token"}),
            "oauth2.googleapis.com/token",
        ),
        ("correct horse battery staple", "a horse and a battery, correct"),
        ("s3://KEY4:hunter22@b/?auth=s3v4&signature_version=s3v4&key_prefix=site", "the site signs with s3v4"),
        ("True", "True, it's true"),
        ("abc", "abc abcabc"),
        ("", "anything"),
        (" \n ", "anything\n \n more"),
        (PEM, "-----------------------\nBEGIN; PRIVATE; KEY"),
    ],
)
def test_innocent_text_stays(value: str, innocent: str) -> None:
    assert Redactor([value]).text(innocent) == innocent


@pytest.mark.parametrize(
    "printed",
    [
        PEM,
        PEM.replace("\n", "\r\n"),
        "\n".join(f"    {line}" for line in PEM.splitlines()),
        repr(PEM),
        repr(PEM.encode()),
        json.dumps({"key": PEM}),
        json.dumps(json.dumps(json.dumps({"key": PEM}))),
        base64.b64encode(PEM.encode()).decode(),
        base64.encodebytes(PEM.encode()).decode(),
        base64.b64encode(f"user:{PEM}".encode()).decode(),
        PEM.encode().hex(),
        f"… truncated: {PEM[60:100]}…",
        PEM.replace("\n", "\x1b[0m\n\x1b[33m"),
        f"\x1b[32m{PEM[:40]}\x1b[1m{PEM[40:]}\x1b[0m",
        " ".join(PEM.split()),
    ],
    ids=range(15),
)
def test_nothing_of_a_key_of_several_lines_is_seen(printed: str) -> None:
    shown = Redactor([PEM]).text(f"begin {printed} end")
    assert SHOWN in shown
    rest = shown.replace(SHOWN, "░")
    grams = {form[at : at + 4] for form in (printed, *BODY) for at in range(len(form) - 3)}
    innocent = "truncated " + base64.b64encode(b"user:").decode()  # what stands around it
    assert [gram for gram in grams if gram in rest and gram.isalnum() and gram not in innocent] == []


def xxd(data: bytes, group: int = 2) -> str:
    """As `xxd -g GROUP` and, with spaces between all bytes, `hexdump -C` print it."""
    rows = []
    for at in range(0, len(data), 16):
        row = data[at : at + 16]
        words = " ".join(row[begin : begin + group].hex() for begin in range(0, len(row), group))
        gutter = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        rows.append(f"{at:08x}: {words:<40} {gutter}" if group > 1 else f"{at:08x}  {words:<48} |{gutter}|")
    return "\n".join([*rows, ""])


def od(data: bytes, *arguments: str) -> str:
    return subprocess.run(["od", *arguments], input=data, capture_output=True, check=True).stdout.decode()


DUMPS = {
    "xxd": xxd,
    "hexdump -C": lambda data: xxd(data, 1),
    "xxd -i": lambda data: ",\n".join(
        ", ".join(f"0x{b:02x}" for b in data[at : at + 12]) for at in range(0, len(data), 12)
    ),
    "od": od,
    "od -x, and hexdump": lambda data: od(data, "-x"),
    "od -c": lambda data: od(data, "-c"),
    "od -t x1z": lambda data: od(data, "-A", "x", "-t", "x1z"),
    "od -An -tx1": lambda data: od(data, "-An", "-tx1"),
    "od -b": lambda data: od(data, "-b"),
    "od -An -tu1": lambda data: od(data, "-An", "-tu1"),
    "escapes": lambda data: "".join(f"\\x{byte:02x}" for byte in data),
    "octal escapes": lambda data: "".join(f"\\{byte:03o}" for byte in data),
    "Go": lambda data: f"[{' '.join(map(str, data))}]",
    "pprint": lambda data: pprint.pformat({"DATABASES": {"PASSWORD": data.decode()}}, width=40),
    "pprint of bytes": lambda data: pprint.pformat({"DATABASES": {"PASSWORD": data}}, width=40),
}


@pytest.mark.parametrize("dump", DUMPS.values(), ids=DUMPS)
@pytest.mark.parametrize(
    "secret", ["hunter22", "correct horse battery staple, grüße", PEM.strip()], ids=["8", "36", "PEM"]
)
def test_a_secret_that_is_dumped_byte_by_byte_is_hidden(secret: str, dump: Callable[[bytes], str]) -> None:
    text = f"before\n{dump(b'KEY=' + secret.encode() + b' ')}\nafter\n"
    redactor = Redactor([secret])
    stream = redactor.stream()
    streamed = "".join(stream.feed(text[at : at + 7]) for at in range(0, len(text), 7)) + stream.close()
    for shown in (redactor.text(text), streamed):
        assert SHOWN in shown
        assert shown.startswith("before\n")
        assert shown.endswith("after\n")
        assert len(re.sub(r"\W", "", shown.replace(SHOWN, ""))) < 60, shown


def test_a_dump_of_something_else_stays() -> None:
    text = (
        xxd(b"nothing of it is a secret, whatever it looks like") + od(b"neither is this", "-c") + "[1, 2, 3, 4, 5]\n"
    )
    assert Redactor(["hunter22", PEM]).text(text) == text


def test_a_long_dump_is_shown_piece_by_piece_and_takes_seconds() -> None:
    redactor = Redactor([PEM])
    stream, begin, longest = redactor.stream(), time.process_time(), 0
    for number in range(20_000):
        stream.feed(f"{number:08x}: 6e6f 7468 696e 6720 6f66 2069 7420 6973\n")
        longest = max(longest, len(stream._pending))
    assert longest < 2 * LINE
    assert time.process_time() - begin < 10, "it takes one on an idle machine"


def test_a_key_of_django_is_hidden_as_bash_and_java_quote_it() -> None:
    key = "k9#2^x(a!v7&q@z_3-=m$0*r+8)wpe5hd6ygu1jfnbtclios~4kx"
    quoted = subprocess.run(
        ["bash", "-c", 'printf %q "$KEY"'], env={"KEY": key}, capture_output=True, check=True, text=True
    ).stdout
    assert quoted != key
    assert Redactor([key]).text(quoted) == SHOWN
    assert Redactor([key]).text("k9\\#2^x(a\\!v7&q@z_3-\\=m$0*r+8)wpe5hd6ygu1jfnbtclios~4kx") == SHOWN


def test_each_form_is_one_mark() -> None:
    assert Redactor([PEM]).text(f"the key:\n{PEM}done") == "the key:\n[secret]\ndone"
    assert (
        Redactor(["longpassword"]).text("a \x1b[31mlong\x1b[1mpassword\x1b[0m!") == "a \x1b[31m[secret]\x1b[0m\x1b[0m!"
    )


def test_a_stream_gives_whole_lines_at_once_and_progress_at_each_carriage_return() -> None:
    stream = Redactor(["TOPSECRET", PEM]).stream()
    assert stream.feed(b"one\ntw") == "one\n"
    assert stream.feed(b"o\n") == "two\n"
    assert stream.feed("ö TOPSE€".encode()[:-1]) == ""
    assert stream.feed("€".encode()[-1:] + b" TOPSEC") == ""
    assert stream.feed(b"RET\r") == "", "a line feed may follow"
    assert stream.feed(b"50 % TOPSECRET\r75 %") == "ö TOPSE€ [secret]\r50 % [secret]\r"
    assert stream.feed(b"\r\n" + PEM[:100].encode()) == "75 %\r\n", "the key may go on"
    assert stream.feed(PEM[100:].encode() + b"end") == "[secret]\n"
    assert stream.close() == "end"


def test_a_line_without_an_end_is_given_in_pieces_and_none_has_a_secret() -> None:
    stream = Redactor(["TOPSECRET"]).stream()
    shown, largest = "", 0
    for _ in range(40):
        shown += stream.feed(b"x" * 5001 + b"TOPSECRET" * 7)
        largest = max(largest, len(stream._pending))
    assert largest < 2 * LINE
    assert len(shown) > 100_000
    shown += stream.close()
    assert shown == ("x" * 5001 + SHOWN) * 40


def test_a_hundred_thousand_lines_with_twenty_secrets_take_seconds() -> None:
    secrets = [PEM, *(f"postgres://user{n}:{'aZ3xK9mQ' * 4}{n}@database/app" for n in range(9))]
    secrets += [f"p@ss'w\"ö{n:09}" for n in range(10)]
    line = "2026-11-26 22:50:01 INFO django.request GET /page/{}/ 200 took 12 ms for {}\n"
    lines = [line.format(n, secrets[n % 20] if n % 100 == 0 else "nobody").encode() for n in range(100_000)]
    begin = time.process_time()
    stream = Redactor(secrets).stream()
    shown = "".join([*map(stream.feed, lines), stream.close()])
    assert time.process_time() - begin < 20, "it takes three on an idle machine"
    assert shown.count("nobody") == 99_000
    assert not [secret for secret in secrets if secret in shown]


STEP = """
import sys
from dataclasses import dataclass, field
from infra.steps import SECRET, StepRequest, read_request

@dataclass(frozen=True, kw_only=True)
class Request(StepRequest):
    password: str = field(repr=False, metadata=SECRET)
    secrets: list[str] = field(repr=False, metadata=SECRET)
    how: str
request = read_request(Request)
print("to stdout", request.password, flush=True)
print("to stderr", repr(request.secrets[0]), file=sys.stderr)
print("without an end", request.password, end="")
if request.how == "exit":
    sys.exit(f"ended by {request.password}")
raise ValueError(f"can't reach postgres://user:{request.password}@host")
"""


@pytest.mark.parametrize("how", ["exit", "raise"])
def test_no_step_prints_a_secret_of_its_request_however_it_ends(how: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", STEP],
        input=json.dumps({"password": "TOP SECRET", "secrets": [PEM], "how": how}),
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 1
    assert done.stdout == "to stdout [secret]\nwithout an end [secret]"
    assert "to stderr '[secret]\\n'" in done.stderr
    assert ("ended by [secret]\n" if how == "exit" else "postgres://user:[secret]@host") in done.stderr
    assert not [part for part in ("TOP", "SECRET", *BODY) if part in done.stdout + done.stderr]
