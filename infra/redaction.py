"""Redacts secrets in what programs print, on every platform. Plain Python, no Pulumi.

Two things are hidden: every form of a secret and of its parts in which programs print values (`infra.secret_forms`),
and pieces of a secret that look random, eight characters or more, as lines that are wrapped or cut off show them.
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
# How much of a line without an end is kept before it is shown (characters).
LINE = 64 * 1024

_GRAM, _RUN = 4, 8  # a run of eight characters has four in a row that begin at a multiple of five
_STRIDE = _RUN - _GRAM + 1
_LONG = 16  # from here on a piece needn't look random
_GRAMS = 300_000  # that are kept; secrets as large as an environment can be have more
_LARGE = 4096  # characters
_PLACES = 20  # of one gram that are tried
_BEFORE = 80  # characters that tell enough of a secret's beginning
_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\^_])")
_JOINT = re.compile(r"([\"'])\n[ ]*b?\1")  # between the lines in which pprint writes a long text

Span = tuple[int, int]


class Redactor:
    """Hides a set of secret values in texts (`text`) and in output as it comes (`stream`)."""

    def __init__(self, secrets: Iterable[str]) -> None:
        parts = {part for secret in secrets for part in secret_parts(secret)}
        every = {form for part in parts for form in forms(part)}
        self._by_head: dict[str, list[str]] = {}
        for form in sorted(every, key=len, reverse=True):
            self._by_head.setdefault(form[:SHORTEST], []).append(form)
        self.longest = max(map(len, every), default=0)
        # Where a form of several lines goes on: the end of what is before, and how much that is.
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
        """The whole of a text with [secret] in place of each secret."""
        return self._replaced(text, self._found(text))

    def stream(self) -> "Stream":
        """For output that comes in chunks."""
        return Stream(self)

    def unfinished(self, text: str, end: int) -> int:
        """How much of text[:end], whole lines, could be the beginning of a secret that goes on behind; 0 for none."""
        held = 0
        for length in range(1, SHORTEST + 1):
            for before, much in self._unfinished.get(text[max(0, end - length) : end], {}).items():
                if much > held and text.endswith(before, 0, end):
                    held = much
        return held

    def _replaced(self, text: str, spans: Iterable[Span]) -> str:
        shown, done = [], 0
        for begin, end in spans:
            # Of a secret with colours in it the last word on colours is: none.
            shown += [text[done:begin], SHOWN, "\x1b[0m" if "\x1b" in text[begin:end] else ""]
            done = end
        return "".join([*shown, text[done:]])

    def _found(self, text: str) -> list[Span]:
        """Where secrets are, in order; those that touch or overlap are one."""
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
        """Where a form is."""
        spans, heads = [], self._by_head
        for at in [at for at in range(len(text) - SHORTEST + 1) if text[at : at + SHORTEST] in heads]:
            for form in heads[text[at : at + SHORTEST]]:
                if text.startswith(form, at):
                    spans.append((at, at + len(form)))
                    break
        return spans

    def _partial(self, text: str) -> list[Span]:
        """Where a piece of a secret is that tells something of it."""
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
    """Output that comes in chunks: `feed` gives what of it may be shown by now, `close` the rest.

    That is whole lines; a carriage return ends one, too, so that progress is seen. A line without an end is given in
    pieces. Lines that are the beginning of a secret of several wait for the next, and so do the rows of a dump.
    """

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._pending = ""
        self._rows, self._seen = 0, 0  # where the rows of a dump begin that end at the place that was looked at last

    def feed(self, chunk: bytes | str) -> str:
        """Takes a chunk in, wherever it was torn, also within a character."""
        more = self._decoder.decode(chunk) if isinstance(chunk, bytes) else chunk
        before = len(self._pending)
        self._pending += more
        end = self._end(max(before - 1, 0))
        if not end and len(self._pending) > LINE + self._redactor.longest:
            end = self._end_within(self._pending)
        return self._take(end)

    def close(self) -> str:
        """The rest, when nothing more will come."""
        self._pending += self._decoder.decode(b"", final=True)
        return self._take(len(self._pending))

    def _take(self, end: int) -> str:
        given, self._pending = self._pending[:end], self._pending[end:]
        self._rows, self._seen = max(self._rows - end, 0), max(self._seen - end, 0)
        return self._redactor.text(given) if given else ""

    def _end(self, begin: int) -> int:
        """How far there are whole lines of which no secret goes on behind them."""
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
        """Where a line without an end may be cut: no secret begins before and ends behind."""
        cut = len(text) - self._redactor.longest
        for begin, end in self._redactor._found(text):
            if begin < cut < end:
                return begin or end
        return cut


class RedactedOutput(io.TextIOBase):
    """A text stream, such as standard error, that passes on what is written to it without the secrets."""

    def __init__(self, target: TextIO, secrets: Iterable[str]) -> None:
        self._target = target
        self._secrets = frozenset(secrets)
        self._lock = threading.Lock()

    @cached_property
    def _stream(self) -> Stream:
        """Made when there is something to write: many a program has nothing to say."""
        return redactor(self._secrets).stream()

    def write(self, text: str) -> int:
        with self._lock:
            self._target.write(self._stream.feed(text))
        return len(text)

    def flush(self) -> None:
        self._target.flush()

    def finish(self) -> None:
        """Writes what waits for the end of its line."""
        with self._lock, suppress(ValueError, OSError):  # it was closed, here or at its other end
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
    """The redactor of these values; made once for all who ask."""
    return _redactor(frozenset(secrets))


def hide(secrets: Iterable[str]) -> None:
    """From here on nothing that this process prints shows the values, whoever prints it: tracebacks are included."""
    values = frozenset(secrets)
    for name in ("stdout", "stderr"):
        output = RedactedOutput(getattr(sys, name), values)
        setattr(sys, name, output)
        atexit.register(output.finish)


def _pieces(part: str) -> Iterable[str]:
    """The texts whose runs tell something of a part: itself, unless it has an address in it, and its encoded forms.

    The lines of a large one are parts of their own.
    """
    if len(part) <= _LARGE:
        yield from encoded_forms(part)
    if "://" not in part:
        yield part


def _run(text: str, at: int, piece: str, place: int) -> Span:
    """The longest run around text[at:] that is the same around piece[place:]."""
    begin, end = at, at + _GRAM
    first, last = place, place + _GRAM
    while begin and first and text[begin - 1] == piece[first - 1]:
        begin, first = begin - 1, first - 1
    while end < len(text) and last < len(piece) and text[end] == piece[last]:
        end, last = end + 1, last + 1
    return begin, end
