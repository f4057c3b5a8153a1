"""Finds dumps in a text (xxd, hexdump, od, `\\x41`, `[65, 66]`): their characters, and the place of each."""

import re
from collections.abc import Callable, Iterator

_OFFSET = r"[ \t]*(?:[0-9a-fA-F]{6,16}:[ \t]+|0[0-9a-fA-F]{5,15}[ \t]+)"
# Rows of xxd, `hexdump -C`, `od -t x1`, and of hexdump and od without options, which print little-endian words.
_NUMBERS = re.compile(
    rf"(?m)^(?P<offset>{_OFFSET})?[ \t]*(?P<data>(?:[0-9a-fA-F]{{1,16}}(?:[ \t]{{1,3}}|$))+)(?P<rest>.*)$"
)
_CHARACTERS = re.compile(r"(?m)^(?:0[0-7]{6,7})?(?P<data>(?:   [ -~]|  \\[0abtnvfr]| [0-3][0-7]{2}){2,})[ ]*$")  # od -c
# A line of a text that pprint splits into several, or of an array by `xxd -i`.
_GOES_ON = re.compile(r"(?:[ \t]|\bb'[^']*|\bb\"[^\"]*)['\"]$|0x[0-9a-fA-F]{1,2},[ ]?$")
_CHARACTER = re.compile(r"   (.)|  \\(.)| ([0-3][0-7]{2})")
_ROW = re.compile(r"(?m)^[ \t]*[0-9a-fA-F]+:?[ \t]")  # the beginning of each kind of row
# Notations within a line: text that each contains, its base, a run of numbers, and one number.
_INLINE = (
    ("\\x", 16, re.compile(r"(?:\\x[0-9a-fA-F]{2}){4,}"), re.compile(r"\\x(..)")),
    ("0x", 16, re.compile(r"0x[0-9a-fA-F]{1,2}(?:,\s*0x[0-9a-fA-F]{1,2}){3,}"), re.compile(r"0x([0-9a-fA-F]{1,2})")),
    ("\\", 8, re.compile(r"(?:\\[0-3][0-7]{2}){4,}"), re.compile(r"\\(...)")),
    ("[", 10, re.compile(r"(?<=\[)[0-9]{1,3}(?:[, \n]{1,4}[0-9]{1,3}){3,}"), re.compile(r"([0-9]{1,3})")),
)
_ESCAPED = dict(zip("0abtnvfr", "\0\a\b\t\n\v\f\r", strict=True))

Span = tuple[int, int]
Reading = tuple[str, list[Span]]  # the decoded bytes as characters, and for each the span of the text that shows it
Token = Callable[[str], bytes]


def _hexadecimal(token: str) -> bytes:
    return bytes.fromhex(token)


def _low_first(token: str) -> bytes:
    return bytes.fromhex(token)[::-1]


def _number(base: int, size: int) -> Token:
    return lambda token: int(token, base).to_bytes(size, "little")


# The pattern of a notation's numbers, and the function that turns one into bytes.
_NOTATIONS: tuple[tuple[re.Pattern[str], Token], ...] = (
    (re.compile(r"(?:[0-9a-fA-F]{2})+"), _hexadecimal),
    (re.compile(r"[0-9a-fA-F]{4}|[0-9a-fA-F]{8}|[0-9a-fA-F]{16}"), _low_first),
    (re.compile(r"[01][0-7]{5}"), _number(8, 2)),
    (re.compile(r"[0-3][0-7]{2}"), _number(8, 1)),
    (re.compile(r"[01]?[0-9]{1,2}|2[0-4][0-9]|25[0-5]"), _number(10, 1)),
    (re.compile(r"[0-5]?[0-9]{1,4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]"), _number(10, 2)),
)


def readings(text: str) -> Iterator[Reading]:
    """Every way to decode the dumps in a text; successive rows are decoded together."""
    if _ROW.search(text):
        rows = [row for row in _NUMBERS.finditer(text) if _is_row(row)]
        for pattern, read in _NOTATIONS if rows else ():
            found: list[tuple[bytes, Span]] = []
            for row in rows:
                tokens = row["data"].split()
                # The beginning of the gutter, or what follows a row's last word, may look like a number.
                while tokens and not pattern.fullmatch(tokens[-1]):
                    tokens.pop()
                if tokens and all(pattern.fullmatch(token) for token in tokens):
                    found += [(read(token), row.span()) for token in tokens]
            yield _reading(found)
    if "   " in text:
        columns = [(row, token) for row in _CHARACTERS.finditer(text) for token in _CHARACTER.finditer(row["data"])]
        yield _reading([(_one(token), row.span()) for row, token in columns])
    for mark, base, run, token in _INLINE:
        for place in run.finditer(text) if mark in text else ():
            numbers = [one for one in token.finditer(text, *place.span()) if int(one[1], base) < 256]
            yield _reading([(bytes([int(one[1], base)]), one.span()) for one in numbers])


def begin_of_rows(text: str, end: int, least: int) -> int:
    """Where the rows begin that end at `end`, the end of a line, but not before `least`; `end` if there are none."""
    while end > least:
        begin = text.rfind("\n", 0, end - 1) + 1
        line = text[begin:end].rstrip("\r\n")
        row = _NUMBERS.match(line) if _ROW.match(line + " ") else None
        if not (row and _is_row(row)) and not _GOES_ON.search(line) and not ("   " in line and _CHARACTERS.match(line)):
            break
        end = begin
    return max(end, least)


def _is_row(row: re.Match[str]) -> bool:
    """Whether it has an offset, or at least four numbers and nothing after them except a gutter."""
    return bool(row["offset"]) or (len(row["data"].split()) >= 4 and (not row["rest"] or row["rest"][0] in "|>"))


def _one(token: re.Match[str]) -> bytes:
    if token[3]:
        return bytes([int(token[3], 8)])
    return (token[1] or _ESCAPED[token[2]]).encode()


def _reading(found: list[tuple[bytes, Span]]) -> Reading:
    return b"".join(data for data, _ in found).decode("latin-1"), [span for data, span in found for _ in data]
