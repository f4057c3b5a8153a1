"""Redacts secrets in what programs print, on every platform. Plain Python, no Pulumi.

Two things are replaced: secrets and their parts in every form in which programs print values (`infra.secret_forms`),
and pieces of a secret that look random, eight characters or more, as wrapped and truncated lines contain them.
"""

import atexit
import codecs
import io
import re
import sys
import threading
from collections.abc import Iterable
from contextlib import suppress
from functools import cached_property, lru_cache
from typing import TextIO

from infra.dumps import begin_of_rows, readings
from infra.secret_forms import SHORTEST, encoded_forms, forms, looks_random, secret_parts

SHOWN = "[secret]"
# How much of a line that doesn't end is held back before it is shown (characters).
LINE = 64 * 1024

_GRAM, _RUN = 4, 8  # any run of eight characters contains four that begin at a multiple of five
_STRIDE = _RUN - _GRAM + 1
_LONG = 16  # pieces of this length needn't look random
_GRAMS = 300_000  # the most that are indexed; secrets that fill an environment have more
_LARGE = 4096  # characters
_PLACES = 20  # the most places of one gram that are compared
_BEFORE = 80  # characters that are enough to recognise the beginning of a secret
_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\^_])")
_JOINT = re.compile(r"([\"'])\n[ ]*b?\1")  # between the lines into which pprint splits a long text

Span = tuple[int, int]


class Redactor:
    """Redacts a set of secret values in texts (`text`) and in streamed output (`stream`)."""

    def __init__(self, secrets: Iterable[str]) -> None:
        parts = {part for secret in secrets for part in secret_parts(secret)}
        every = {form for part in parts for form in forms(part)}
        self._by_head: dict[str, list[str]] = {}
        for form in sorted(every, key=len, reverse=True):
            self._by_head.setdefault(form[:SHORTEST], []).append(form)
        self.longest = max(map(len, every), default=0)
        # For forms of several lines: the text before each line break, and its length.
        self._unfinished: dict[str, dict[str, int]] = {}
        for form in every:
            for end in re.finditer(r"\r?\n|\r", form):
                before = form[max(0, end.end() - _BEFORE) : end.end()]
                known = self._unfinished.setdefault(before[-SHORTEST:], {})
                known[before] = max(end.end(), known.get(before, 0))
        self._grams: dict[str, list[tuple[str, int]]] = {}
        for piece in sorted({piece for part in parts for piece in _pieces(part)}, key=lambda text: (len(text), text)):
            for at in range(len(piece) - _GRAM + 1 if len(self._grams) < _GRAMS else 0):
                places = self._grams.setdefault(piece[at : at + _GRAM], [])
                if len(places) < _PLACES:
                    places.append((piece, at))

    def text(self, text: str) -> str:
        """The text with [secret] in place of each secret."""
        return self._replaced(text, self._found(text))

    def stream(self) -> "Stream":
        """For output that comes in chunks."""
        return Stream(self)

    def unfinished(self, text: str, end: int) -> int:
        """How many characters before `end`, the end of a line, may begin a secret that continues after it."""
        held = 0
        for length in range(1, SHORTEST + 1):
            for before, much in self._unfinished.get(text[max(0, end - length) : end], {}).items():
                if much > held and text.endswith(before, 0, end):
                    held = much
        return held

    def _replaced(self, text: str, spans: Iterable[Span]) -> str:
        shown, done = [], 0
        for begin, end in spans:
            # A secret that contained colour codes is followed by a reset.
            shown += [text[done:begin], SHOWN, "\x1b[0m" if "\x1b" in text[begin:end] else ""]
            done = end
        return "".join([*shown, text[done:]])

    def _found(self, text: str) -> list[Span]:
        """The spans of the secrets, in order; spans that touch or overlap are merged."""
        if not self._by_head:
            return []
        spans = self._whole(text) + self._partial(text)
        for codes in (
            [*_ANSI.finditer(text)] if "\x1b" in text else [],
            [*_JOINT.finditer(text)] if "\n " in text else [],
        ):
            if not codes:
                continue
            where = list(range(len(text)))
            for code in reversed(codes):
                del where[code.start() : code.end()]
            plain = "".join(text[at] for at in where)
            spans += [(where[a], where[b - 1] + 1) for a, b in self._whole(plain) + self._partial(plain)]
        for plain, places in readings(text):
            for a, b in self._whole(plain) + self._partial(plain):
                spans += [places[at] for at in range(a, b)]
        merged: list[Span] = []
        for begin, end in sorted(spans):
            if merged and begin <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
            else:
                merged.append((begin, end))
        return merged

    def _whole(self, text: str) -> list[Span]:
        """The spans of whole forms."""
        spans, heads = [], self._by_head
        for at in [at for at in range(len(text) - SHORTEST + 1) if text[at : at + SHORTEST] in heads]:
            for form in heads[text[at : at + SHORTEST]]:
                if text.startswith(form, at):
                    spans.append((at, at + len(form)))
                    break
        return spans

    def _partial(self, text: str) -> list[Span]:
        """The spans of pieces of a secret that reveal something of it."""
        grams, spans, done = self._grams, [], 0
        for at in [at for at in range(0, len(text) - _GRAM + 1, _STRIDE) if text[at : at + _GRAM] in grams]:
            if at < done:
                continue
            begin, end = at, at
            for piece, place in grams[text[at : at + _GRAM]]:
                one, two = _run(text, at, piece, place)
                if two - one > end - begin:
                    begin, end = one, two
            run = text[begin:end]
            if len(run) >= _RUN and (looks_random(run) or (len(run) >= _LONG and len(set(run)) >= _RUN)):
                spans.append((begin, end))
                done = end
        return spans


class Stream:
    """Redacts output that comes in chunks: `feed` returns what can be shown so far, `close` the rest.

    That is whole lines; a carriage return ends a line, too, so that progress bars are shown. A line that doesn't end is
    returned in pieces. Lines that may begin a secret of several lines are held back, and so are the rows of a dump.
    """

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._pending = ""
        self._rows, self._seen = 0, 0  # where the rows of a dump begin that end at the last place examined

    def feed(self, chunk: bytes | str) -> str:
        """Takes in a chunk, which may end anywhere, even within a character."""
        more = self._decoder.decode(chunk) if isinstance(chunk, bytes) else chunk
        before = len(self._pending)
        self._pending += more
        end = self._end(max(before - 1, 0))
        if not end and len(self._pending) > LINE + self._redactor.longest:
            end = self._end_within(self._pending)
        return self._take(end)

    def close(self) -> str:
        """Returns the rest at the end of the output."""
        self._pending += self._decoder.decode(b"", final=True)
        return self._take(len(self._pending))

    def _take(self, end: int) -> str:
        given, self._pending = self._pending[:end], self._pending[end:]
        self._rows, self._seen = max(self._rows - end, 0), max(self._seen - end, 0)
        return self._redactor.text(given) if given else ""

    def _end(self, begin: int) -> int:
        """The end of the whole lines after which no secret continues."""
        text = self._pending
        stop = len(text) - text.endswith("\r")  # a line feed may follow
        end = max(text.rfind("\n", begin, stop), text.rfind("\r", begin, stop)) + 1
        if len(text) > LINE + self._redactor.longest:
            return end
        if held := self._redactor.unfinished(text, end):
            start = max(end - held, 0)
            end = max(text.rfind("\n", 0, start), text.rfind("\r", 0, start)) + 1
        before = min(self._seen, end)
        begin = begin_of_rows(text, end, before)
        self._rows = min(self._rows, before) if begin == before else begin
        self._seen = end
        return self._rows

    def _end_within(self, text: str) -> int:
        """Where a line that doesn't end may be split: not within a secret."""
        cut = len(text) - self._redactor.longest
        for begin, end in self._redactor._found(text):
            if begin < cut < end:
                return begin or end
        return cut


class RedactedOutput(io.TextIOBase):
    """A text stream, such as standard error, that redacts what is written to it and passes it on."""

    def __init__(self, target: TextIO, secrets: Iterable[str]) -> None:
        self._target = target
        self._secrets = frozenset(secrets)
        self._lock = threading.Lock()

    @cached_property
    def _stream(self) -> Stream:
        """Created at the first write, since many programs never write."""
        return redactor(self._secrets).stream()

    def write(self, text: str) -> int:
        with self._lock:
            self._target.write(self._stream.feed(text))
        return len(text)

    def flush(self) -> None:
        self._target.flush()

    def finish(self) -> None:
        """Writes what is held back."""
        with self._lock, suppress(ValueError, OSError):  # the target is closed, or its reader is gone
            if "_stream" in vars(self):
                self._target.write(self._stream.close())
            self._target.flush()

    def fileno(self) -> int:
        return self._target.fileno()

    def isatty(self) -> bool:
        return self._target.isatty()

    def writable(self) -> bool:
        return True

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._target.encoding


@lru_cache(maxsize=8)
def _redactor(secrets: frozenset[str]) -> Redactor:
    return Redactor(secrets)


def redactor(secrets: Iterable[str]) -> Redactor:
    """The redactor of these values; cached."""
    return _redactor(frozenset(secrets))


def hide(secrets: Iterable[str]) -> None:
    """Redacts the values from now on in everything that this process prints, tracebacks included."""
    values = frozenset(secrets)
    for name in ("stdout", "stderr"):
        output = RedactedOutput(getattr(sys, name), values)
        setattr(sys, name, output)
        atexit.register(output.finish)


def _pieces(part: str) -> Iterable[str]:
    """The texts of which any piece reveals something of a part: the part, unless it contains a URL, and its encodings.

    A large part isn't encoded as a whole; its lines are parts themselves.
    """
    if len(part) <= _LARGE:
        yield from encoded_forms(part)
    if "://" not in part:
        yield part


def _run(text: str, at: int, piece: str, place: int) -> Span:
    """The span of the longest text around `at` that equals the piece around `place`."""
    begin, end = at, at + _GRAM
    first, last = place, place + _GRAM
    while begin and first and text[begin - 1] == piece[first - 1]:
        begin, first = begin - 1, first - 1
    while end < len(text) and last < len(piece) and text[end] == piece[last]:
        end, last = end + 1, last + 1
    return begin, end
