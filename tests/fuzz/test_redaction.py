"""Whatever a secret is, however a program prints it, wherever its output is torn: no four characters of it are seen."""

import base64
import html
import json
import pprint
import re
import shlex
from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise
from math import ceil
from urllib.parse import quote, quote_plus, urlencode

from hypothesis import assume, example, given
from hypothesis import strategies as st

from infra.plain import without_escapes
from infra.redaction import SHOWN, Redactor
from infra.secret_forms import WORDS
from tests.fuzz.given import fuzz

# Around a secret there is what no secret here has in it, so that what is left over can be told from it.
AROUND = "░▒▓█"
LETTERS = st.characters(exclude_characters=AROUND, exclude_categories=["Cs"])
NASTY = st.sampled_from(["\n", "\r\n", '"', "'", "\\", "%", "&", "<", "ö", "€", "😀", "+", "/", "$", " ", "\\n", "\t"])
SECRET = st.one_of(
    st.text(LETTERS, min_size=4, max_size=40),
    st.lists(st.one_of(st.text("abcXYZ019_-", max_size=6), NASTY), min_size=2, max_size=12).map("".join),
    st.lists(st.text("abcXYZ0189+/=", max_size=70), min_size=1, max_size=5).map("\n".join),
).map(str.strip)

TOKEN = st.lists(
    st.tuples(st.sampled_from("abcdefghijk"), st.sampled_from("23456789"), st.sampled_from("LMNPQRST")),
    min_size=8,
    max_size=20,
    unique=True,
).map(lambda groups: "".join(map("".join, groups)))

Print = Callable[[str], str]
PRINTS: dict[str, Print] = {
    "as it is": str,
    "repr": repr,
    "ascii": ascii,
    "in a container": lambda text: repr({"key": [text, (text,)]}),
    "bytes": lambda text: repr(text.encode()),
    "an exception": lambda text: repr(ValueError(text)),
    "%r of a double quote": lambda text: repr(text + '"'),
    "JSON": json.dumps,
    "JSON in unicode": lambda text: json.dumps(text, ensure_ascii=False),
    "JSON with escaped slashes": lambda text: json.dumps(text).replace("/", "\\/"),
    "a URL": lambda text: quote(text, safe=""),
    "a path": quote,
    "small hex": lambda text: re.sub("%..", lambda code: code[0].lower(), quote(text, safe="")),
    "a form": lambda text: urlencode({"key": text}),
    "plus": quote_plus,
    "HTML": html.escape,
    "Django's HTML": lambda text: html.escape(text).replace("&#x27;", "&#39;"),
    "a shell": shlex.quote,
    "declare -p": lambda text: re.sub(r'([$`"\\])', r"\\\1", text),
    "SQL": lambda text: "'" + text.replace("'", "''") + "'",
    "CSV": lambda text: '"' + text.replace('"', '""') + '"',
    "a terminal's newlines": lambda text: text.replace("\r\n", "\n").replace("\n", "\r\n"),
}


@lru_cache(maxsize=200)
def redactor(secret: str) -> Redactor:
    return Redactor([secret])


def streamed(secret: str, text: str, cuts: list[int]) -> str:
    """The text, redacted as a stream whose chunks end at the bytes `cuts`."""
    data, stream = text.encode(), redactor(secret).stream()
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return "".join([*(stream.feed(data[a:b]) for a, b in pairwise(places)), stream.close()])


def left(printed: str, secret_form: str) -> list[str]:
    """Four characters in a row of the form that can be read in what was printed."""
    rest = printed.replace(SHOWN, AROUND[0])
    grams = {secret_form[at : at + 4] for at in range(len(secret_form) - 3)}
    return sorted(gram for gram in grams if gram in rest and gram.strip())


CUTS = st.lists(st.integers(0, 2000), max_size=6)


def is_secret(text: str) -> bool:
    """Whether it is redacted: neither a usual word, nor so short once a terminal has taken its controls out."""
    return len(without_escapes(text)) >= 4 and text.lower() not in WORDS


@fuzz
@given(secret=SECRET, first=st.sampled_from(sorted(PRINTS)), second=st.sampled_from(sorted(PRINTS)), cuts=CUTS)
@example(secret='it\'s\n"both" \\ of them', first="repr", second="JSON", cuts=[])
@example(secret="a\nb\nc\nd\ne", first="as it is", second="a terminal's newlines", cuts=[3])
@example(secret="p@ss/wörd €", first="JSON", second="a URL", cuts=[1, 2, 3])
def test_no_form_of_a_secret_is_seen(secret: str, first: str, second: str, cuts: list[int]) -> None:
    assume(is_secret(secret))
    form = PRINTS[second](PRINTS[first](secret))
    # What a way to print adds around every text (quotes, `ValueError(`) is no secret.
    innocent = [PRINTS[second](PRINTS[first](text)) for text in ("█", "█ *", "'█", '"█', "'█\"", "\n█")]
    shown = streamed(secret, f"{AROUND}\n{AROUND}{form}{AROUND}\n{AROUND}", cuts)
    assert shown.startswith(AROUND)
    assert shown.endswith(AROUND)
    assert [gram for gram in left(shown, form) if not any(gram in text for text in innocent)] == []


@fuzz
@given(secret=SECRET, indent=st.sampled_from(["", "  ", "\t| ", "E   "]), cuts=CUTS)
def test_no_line_of_a_secret_is_seen(secret: str, indent: str, cuts: list[int]) -> None:
    assume(is_secret(secret))
    lines = [line.strip() for line in secret.splitlines()]
    shown = streamed(secret, "\n".join(f"{AROUND}{indent}{line}{AROUND}" for line in lines), cuts)
    assert [line for line in lines if len(line) >= 4 and left(shown, line)] == []


@fuzz
@given(secret=SECRET, before=st.text(LETTERS, max_size=7), after=st.text(LETTERS, max_size=7), safe=st.booleans())
def test_base64_of_a_secret_is_not_seen_whatever_is_encoded_with_it(
    secret: str, before: str, after: str, safe: bool
) -> None:
    assume(is_secret(secret))
    encode = base64.urlsafe_b64encode if safe else base64.b64encode
    data = f"{before}{secret}{after}".encode()
    shown = redactor(secret).text(f"Basic {encode(data).decode()}")
    begin, *_, end = shown.split(SHOWN)
    first, last = len(before.encode()) * 8, len(f"{before}{secret}".encode()) * 8  # bits
    assert len(begin) - len("Basic ") <= ceil(first / 6)
    assert len(end.rstrip("=")) <= ceil(len(data) * 8 / 6) - last // 6


@fuzz
@given(token=TOKEN, data=st.data())
def test_a_piece_of_a_random_secret_is_not_seen(token: str, data: st.DataObject) -> None:
    """Lines that are wrapped or cut off: eight characters that change their kind tell something."""
    begin = data.draw(st.integers(0, len(token) - 8))
    end = data.draw(st.integers(begin + 8, len(token)))
    code = data.draw(st.sampled_from(["", "\x1b[31m", "\x1b[1;32m"]))
    piece = token[begin:end]
    shown = redactor(token).text(f"{AROUND}{piece[:3]}{code}{piece[3:]}…{AROUND}")
    assert left(shown, piece) == []
    wrapped = pprint.pformat(token.encode(), width=20)
    assert wrapped.count("\n ") >= 1
    lines = re.findall("b'(.*)'", redactor(token).text(wrapped))
    assert SHOWN in lines
    assert [line for line in lines if len(line) >= 8 and line != SHOWN] == []


@fuzz
@given(text=st.text(max_size=200), secrets=st.lists(st.text(max_size=3), max_size=3), cuts=CUTS)
def test_a_stream_without_secrets_is_what_it_was(text: str, secrets: list[str], cuts: list[int]) -> None:
    data, stream = text.encode(errors="replace"), Redactor(secrets).stream()
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    shown = [stream.feed(data[a:b]) for a, b in pairwise(places)]
    assert "".join([*shown, stream.close()]) == data.decode()


def rows(data: bytes, group: int) -> str:
    """Bytes in rows of sixteen, as xxd prints them in pairs, and `od -t x1` one by one."""
    lines = [data[at : at + 16] for at in range(0, len(data), 16)]
    return "\n".join(
        f"{16 * number:08x}: " + " ".join(line[at : at + group].hex() for at in range(0, len(line), group))
        for number, line in enumerate(lines)
    )


@fuzz
@given(secret=SECRET, before=st.binary(max_size=15), group=st.sampled_from([1, 2]), cuts=CUTS)
@example(secret="p@ss/wörd €", before=b"", group=2, cuts=[1, 2, 3])
def test_no_row_of_a_dumped_secret_is_seen(secret: str, before: bytes, group: int, cuts: list[int]) -> None:
    assume(is_secret(secret))
    dump = rows(before + secret.encode(), group)
    shown = streamed(secret, f"{AROUND}\n{dump}\n{AROUND}", cuts)
    assert SHOWN in shown
    assert [row for row in dump.splitlines()[1:] if row in shown] == []
