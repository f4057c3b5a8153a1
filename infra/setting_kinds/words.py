"""Kinds of settings that are one word, one number, or comma-separated words."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from ipaddress import IPv4Interface, IPv4Network
from typing import Any, ClassVar

from infra import fixes
from infra.names import IMAGE
from infra.setting_kinds.base import Setting
from infra.settings_reader import Reader

_HOST = re.compile(r"^(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$")


class Choice:
    """One of several words; `kind` describes them when there are many.

    To propose a fix, `synonyms` has other words for some of them, and `likely` guesses from the stack what a value that
    resembles none of them should be.
    """

    def __init__(
        self,
        *words: str,
        kind: str = "",
        synonyms: Mapping[str, Collection[str]] | None = None,
        likely: Callable[[Reader], str] | None = None,
    ) -> None:
        self.words = words
        self._kind = kind
        self._synonyms = synonyms or {}
        self._likely = likely

    @property
    def allowed(self) -> str:
        return self._kind or " or ".join(f"`{word}`" for word in self.words)

    def read(self, reader: Reader, setting: Setting[Any]) -> str:
        value = reader.value_as_written(setting.key)
        if value in self.words:
            return value
        synonyms = [word for word in self.words if value.lower() in self.synonyms_of(word)]
        likely = [(self._likely(reader) if self._likely else "") or setting.default_text]
        near = synonyms or get_close_matches(value.lower(), self.words, n=1, cutoff=0.4) or likely
        few = self.words
        if self._kind:
            few = (*get_close_matches(value, self.words, n=5, cutoff=0), "another of its kind")
        reader.note_wrong(setting.key, " or ".join(few), near[0])
        return near[0]

    def synonyms_of(self, word: str) -> Collection[str]:
        """Other words for one of the words, in lower case."""
        return self._synonyms.get(word, ())


class Boolean:
    """`true` or `false`."""

    _synonyms: ClassVar = {"true": ("true", "yes", "y", "on", "1"), "false": ("false", "no", "n", "off", "0")}
    allowed = "`true` or `false`"

    def read(self, reader: Reader, setting: Setting[Any]) -> bool:
        value = reader.value_as_written(setting.key)
        if value not in {"true", "false"}:
            words = (word for word in ("true", "false") if value.lower() in self._synonyms[word])
            reader.note_wrong(setting.key, "true or false", next(words, setting.default_text))
        return value == "true"


@dataclass(frozen=True)
class Integer:
    """A whole number of `unit` from `low` to `high`; or 0, if `zero` says what that means."""

    low: int
    high: int
    unit: str
    zero: str = ""

    @property
    def allowed(self) -> str:
        return f"{self.unit}, {self.low} to {self.high}" + (f", or 0 {self.zero}" if self.zero else "")

    def read(self, reader: Reader, setting: Setting[Any]) -> int:
        value = reader.raw_value(setting.key)
        if not re.fullmatch(r"[0-9]{1,9}", value) or not self._fits(int(value)):
            whole = value.partition(".")[0]
            fits = re.fullmatch(r"[0-9]{1,9}\.[0-9]+", value) and self._fits(int(whole))
            reader.note_wrong(setting.key, self.allowed, whole if fits else setting.default_text)
            return self.low
        written = reader.number_as_written(setting.key)
        if re.fullmatch(r"0[0-9]{1,8}", written) and int(written) != int(value):
            allowed = f"{self.unit} without a leading zero, since YAML reads {written} as {value}"
            fix = str(int(written)) if self._fits(int(written)) else setting.default_text
            reader.note_wrong(setting.key, allowed, fix)
        return int(value)

    def _fits(self, number: int) -> bool:
        return self.low <= number <= self.high or (bool(self.zero) and number == 0)


class Port(Integer):
    """A TCP port."""

    def __init__(self) -> None:
        super().__init__(1, 65535, "a port number")


@dataclass(frozen=True)
class NumberOf:
    """One of a list of numbers; for any other value, an error and the first of the list."""

    numbers: Sequence[int]
    unit: str

    @property
    def allowed(self) -> str:
        return f"{self.unit}, one of {', '.join(map(str, self.numbers))}"

    def read(self, reader: Reader, setting: Setting[Any]) -> int:
        value = reader.raw_value(setting.key)
        if value not in map(str, self.numbers):
            reader.note_wrong(setting.key, self.allowed, setting.default_text)
            return self.numbers[0]
        return int(value)


@dataclass(frozen=True)
class Text:
    """A text that matches a pattern, or nothing. `find` returns a command that sets the right text."""

    what: str
    pattern: str = r"(?s:.*)"
    find: Callable[[Reader], str] = lambda _: ""

    @property
    def allowed(self) -> str:
        return f"{self.what}, or nothing"

    def read(self, reader: Reader, setting: Setting[Any]) -> str:
        value = reader.value_as_written(setting.key)
        if value and not re.fullmatch(self.pattern, value):
            reader.note_wrong(setting.key, self.allowed, command=self.find(reader))
        return value


@dataclass(frozen=True)
class Words:
    """Comma-separated words that match a pattern."""

    what: str
    pattern: str

    @property
    def allowed(self) -> str:
        return f"{self.what}, separated by commas, or nothing"

    def read(self, reader: Reader, setting: Setting[Any]) -> tuple[str, ...]:
        words = _listed(reader.value_as_written(setting.key))
        if any(not re.fullmatch(self.pattern, word) for word in words):
            good = [word for word in words if re.fullmatch(self.pattern, word)]
            reader.note_wrong(setting.key, self.allowed, ",".join(good) if len(good) > 1 else "")
        return words


class AddressBlock:
    """A block of private IPv4 addresses, of 65536 to 1024 of them."""

    _private = tuple(map(IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")))
    _sizes = range(16, 23)
    allowed = "a private block of IPv4 addresses, /16 to /22"

    def read(self, reader: Reader, setting: Setting[Any]) -> str:
        value = reader.value_as_written(setting.key)
        near = self._near(value) or setting.default_text
        if value != near:
            reader.note_wrong(setting.key, f"{self.allowed}, such as {near}", near)
        return near

    def _near(self, value: str) -> str:
        """The allowed block around the address of the value; nothing if it has no private one."""
        try:
            given = IPv4Interface(value)
        except ValueError:
            return ""
        size = min(max(given.network.prefixlen, self._sizes[0]), self._sizes[-1])
        block = IPv4Network((given.ip, size), strict=False)
        return str(block) if any(map(block.subnet_of, self._private)) else ""


class Moment:
    """A moment in UTC by ISO 8601, whole seconds; `latest`, or nothing."""

    allowed = "a moment by ISO 8601 with its zone, such as 2026-01-31T09:30:00Z, `latest`, or nothing"

    def read(self, reader: Reader, setting: Setting[Any]) -> str:
        value = reader.value_as_written(setting.key)
        if value in {"", "latest"}:
            return value
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            reader.note_wrong(setting.key, self.allowed.replace("`", ""), "latest")
            return ""
        text = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if moment.tzinfo else ""
        if not text:
            reader.note_wrong(setting.key, self.allowed.replace("`", ""), moment.strftime("%Y-%m-%dT%H:%M:%SZ"))
        return text


class Hosts:
    """Comma-separated host names."""

    _form = "host names separated by commas"
    _most: int | None = None

    @property
    def allowed(self) -> str:
        return f"{self._form}, lower case, without scheme, port or path, or nothing"

    def read(self, reader: Reader, setting: Setting[Any]) -> tuple[str, ...]:
        value = reader.value_as_written(setting.key)
        hosts = _listed(value)
        if any(not _HOST.match(host) for host in hosts) or (self._most and len(hosts) > self._most):
            # A YAML list arrives as JSON, with quotes and brackets.
            good = [name for host in re.split(r'[,\s"\[\]]+', value) if _HOST.match(name := fixes.host_in(host))]
            reader.note_wrong(setting.key, self.allowed, ",".join(good[: self._most]))
        return hosts


class _OneHost(Hosts):
    _form = "one host name"
    _most = 1


class Host:
    """One host name, or nothing."""

    _list = _OneHost()
    allowed = _list.allowed

    def read(self, reader: Reader, setting: Setting[Any]) -> str:
        return next(iter(self._list.read(reader, setting)), "")


class Image:
    """An image reference."""

    allowed = "an image reference such as name:tag"

    def read(self, reader: Reader, setting: Setting[Any]) -> str:
        value = self.named(reader, setting)
        if not IMAGE.fullmatch(value):
            reader.note_wrong(setting.key, self.allowed, setting.default_text)
        return value

    def named(self, reader: Reader, setting: Setting[Any]) -> str:
        """The reference, with placeholders filled in."""
        return reader.value_as_written(setting.key)


def _listed(value: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in value.split(",") if part.strip())
