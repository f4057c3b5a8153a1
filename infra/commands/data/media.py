"""What the media of any stack can do for a copy: list its objects, read one, write one, remove some."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import IO, Protocol


class ObjectError(Exception):
    """An object that can't be read or written; the message says why, without the object's name."""


class GoneError(ObjectError):
    """The object was deleted since it was listed."""


@dataclass(frozen=True)
class Object:
    """An object as a listing has it; `size` is in bytes.

    `key` is without the prefix of the stack's media. `tag` is S3's ETag without quotes: the MD5 sum of the content, or
    for one that was uploaded in parts, the sum of their sums, a dash and their number
    (https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html). Encrypted by KMS, it is no sum of the content.
    """

    key: str
    size: int
    tag: str

    @property
    def parts(self) -> int:
        """The number of parts in which it was uploaded; 0 for one that was uploaded whole."""
        number = self.tag.rpartition("-")[2] if "-" in self.tag else ""
        return int(number) if number.isdigit() else 0


@dataclass(frozen=True)
class Headers:
    """What is kept of an object beside its content: S3's parameters by name (`ContentType`), and its own metadata."""

    standard: Mapping[str, str] = field(default_factory=dict)
    own: Mapping[str, str] = field(default_factory=dict)


class Body(Protocol):
    """The content of an object, as it comes.

    `found` is the object as it is now. `part_size` are the bytes of each part of one that was uploaded in parts, else
    0. `is_md5` says whether its tag is the MD5 sum of the content.
    """

    found: Object
    headers: Headers
    part_size: int
    is_md5: bool

    def read(self, size: int) -> bytes:
        """At most `size` bytes, none at the end. Raises ObjectError when there are fewer than there should be."""


class MediaEnd(Protocol):
    """The media of one stack that is up, for any number of threads.

    `production` is whether they are protected (cloud with keep-data, or from elsewhere). `place` says to people
    where they are. `is_near` is whether they are on this machine.
    """

    name: str
    production: bool
    place: str
    is_near: bool

    def objects(self) -> Iterator[Object]:
        """All objects, in no order that can be relied on. Raises DataError."""

    def open(self, found: Object) -> AbstractContextManager[Body]:
        """The present content of an object. Raises ObjectError, GoneError if there is none any more."""

    def write(self, key: str, file: IO[bytes], size: int, headers: Headers, part_size: int) -> None:
        """Makes or replaces an object, as a whole or not at all. Raises ObjectError."""

    def copies_from(self, source: "MediaEnd") -> bool:
        """Whether objects of the other end can be copied by the server, without a way through this machine."""

    def copy(self, source: "MediaEnd", found: Object) -> None:
        """Has the server make or replace an object by one of `source`. Raises ObjectError, GoneError."""

    def part_size(self, found: Object) -> int:
        """The bytes of each part of an object that was uploaded in parts; 0 for one that was uploaded whole."""

    def remove(self, keys: Sequence[str]) -> None:
        """Removes 1,000 objects at most; a bucket with versions keeps their last ones. Raises ObjectError."""
