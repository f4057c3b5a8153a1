"""An end of a database that only remembers what was asked of it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from infra.commands.data.ends import Archive, Backups, DatabaseFacts, DataError, Rows


@dataclass
class MadeUpArchive:
    version: int = 17
    size: int = 1000
    extensions: tuple[str, ...] = ()
    rows: Rows = field(default_factory=lambda: {"public.one": 2})

    @contextmanager
    def open(self, section: str) -> Iterator[None]:  # type: ignore[override]
        yield None


@dataclass
class MadeUpDatabase:
    """`statuses` are those of the commands that are run, `found` the rows after a restore."""

    name: str = "b"
    production: bool = False
    overhead: float = 0
    depth: int | None = None
    known: DatabaseFacts = field(default_factory=lambda: DatabaseFacts(17, "app", 1000))
    statuses: list[int] = field(default_factory=list)
    found: Rows = field(default_factory=lambda: {"public.one": 2})
    fails: str = ""
    same_migrations: bool = False
    asked: list[str] = field(default_factory=list)

    def ask(self, what: str) -> None:
        self.asked.append(what)
        if self.fails and what.startswith(self.fails):
            raise DataError("made up")

    def facts(self) -> DatabaseFacts:
        return self.known

    def backups(self) -> Backups:
        return Backups()

    @contextmanager
    def archive(self) -> Iterator[Archive]:
        yield MadeUpArchive()  # type: ignore[misc]

    @contextmanager
    def lock(self) -> Iterator[None]:
        self.ask("lock")
        yield

    def restore(self, archive: Archive, into: str) -> Rows:
        del archive
        self.ask(f"restore {kind(into)}")
        return self.found

    def has_migrations_of(self, database: str) -> bool:
        del database
        return self.same_migrations

    def run(self, command: Sequence[str], database: str) -> int:
        self.ask(f"run {'migrate' if 'manage.py' in command else command[0]} in {kind(database)}")
        return self.statuses.pop(0) if self.statuses else 0

    def swap(self, new: str, old: str, comment: str = "") -> None:
        self.ask(f"swap {kind(new)} {kind(old)}: {comment.partition(' at ')[0]}")

    def drop(self, databases: Sequence[str]) -> None:
        self.ask(f"drop {' '.join(map(kind, databases))}")


def kind(database: str) -> str:
    """Without its time, which is now."""
    return database if "2025" in database else "_".join(database.split("_")[:2])
