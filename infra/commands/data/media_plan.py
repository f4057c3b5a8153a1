"""Which objects a copy of media makes, replaces and removes, by the listings of both ends.

The listings are in a temporary database, which SQLite keeps in memory while it is small, and in a file without a name
otherwise (https://www.sqlite.org/inmemorydb.html#temp_db). So millions of objects need little memory, and nothing is
left over.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from infra.commands.data.media import Object

CACHE = 16_384  # kB
SCHEMA = """
create table source (key text primary key, size integer, tag text) without rowid;
create table target (key text primary key, size integer, tag text) without rowid;
"""
# Objects of the same size whose tags can't be compared are counted apart: their content says whether they are equal.
WANTED = """
select source.key, source.size, source.tag, target.size, target.tag
from source left join target using (key)
where (target.key is null or source.size != target.size or source.tag != target.tag)
"""
WANTED_ONE = f"{WANTED} and source.key = ?"
EXTRA = "select key, size from target where key not in (select key from source) order by key"


@dataclass(frozen=True)
class Wanted:
    """An object that the target lacks, or has otherwise; `there` is what it has."""

    found: Object
    there: Object | None

    @property
    def is_unsure(self) -> bool:
        """Whether only the content says if both are equal: uploads in parts have tags that depend on the parts."""
        there = self.there
        return bool(there and there.size == self.found.size and (there.parts or self.found.parts))


@dataclass(frozen=True)
class Totals:
    """Numbers of objects, and their bytes."""

    objects: int = 0
    bytes: int = 0

    def __add__(self, other: "Totals") -> "Totals":
        return Totals(self.objects + other.objects, self.bytes + other.bytes)


@dataclass(frozen=True)
class Difference:
    """How two ends differ. `unsure` are those of `changed` that may be equal; `extra` are in the target alone."""

    source: Totals
    target: Totals
    new: Totals
    changed: Totals
    unsure: Totals
    extra: Totals

    @property
    def wanted(self) -> Totals:
        """What is copied."""
        return self.new + self.changed


class Listed(Protocol):
    """Whatever has objects."""

    def objects(self) -> Iterator[Object]: ...


class MediaPlan:
    """The listings of both ends; made by `planned`. For one thread."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def wanted(self) -> Iterator[Wanted]:
        """What has to be copied, in the order of the keys."""
        for key, size, tag, other_size, other_tag in self._database.execute(f"{WANTED} order by source.key"):
            there = None if other_tag is None else Object(key, other_size, other_tag)
            yield Wanted(Object(key, size, tag), there)

    def extra(self) -> Iterator[str]:
        """The keys of what only the target has, in their order."""
        for key, _ in self._database.execute(EXTRA):
            yield str(key)

    def difference(self) -> Difference:
        new = changed = unsure = Totals()
        for one in self.wanted():
            mine = Totals(1, one.found.size)
            if one.there is None:
                new += mine
            else:
                changed += mine
                unsure += mine if one.is_unsure else Totals()
        return Difference(
            self._totals("source"), self._totals("target"), new, changed, unsure, self._totals(f"({EXTRA})")
        )

    def objects(self) -> Iterator[Object]:
        """All objects of the source, in the order of the keys."""
        for key, size, tag in self._database.execute("select key, size, tag from source order by key"):
            yield Object(key, size, tag)

    def totals(self) -> Totals:
        """Of all objects of the source."""
        return self._totals("source")

    def wants(self, key: str) -> bool:
        """Whether an object has to be copied."""
        return self._database.execute(WANTED_ONE, [key]).fetchone() is not None

    def _totals(self, of: str) -> Totals:
        (objects, size) = self._database.execute(f"select count(*), coalesce(sum(size), 0) from {of}").fetchone()  # noqa: S608  # our own words
        return Totals(int(objects), int(size))


@contextmanager
def planned(source: Listed, target: Listed) -> Iterator[MediaPlan]:
    """Lists both ends. Raises DataError."""
    with _listings(source=source, target=target) as plan:
        yield plan


@contextmanager
def listed(source: Listed) -> Iterator[MediaPlan]:
    """Lists one end alone. Raises DataError."""
    with _listings(source=source) as plan:
        yield plan


@contextmanager
def _listings(**ends: Listed) -> Iterator[MediaPlan]:
    database = sqlite3.connect("", isolation_level=None)
    try:
        database.execute(f"pragma cache_size = -{CACHE}")
        database.executescript(SCHEMA)
        for table, end in ends.items():
            _fill(database, table, end.objects())
        yield MediaPlan(database)
    finally:
        database.close()


def _fill(database: sqlite3.Connection, table: str, objects: Iterable[Object]) -> None:
    database.execute("begin")
    rows = ((one.key, one.size, one.tag) for one in objects)
    database.executemany(f"insert or replace into {table} values (?, ?, ?)", rows)  # noqa: S608  # our own words
    database.execute("commit")
