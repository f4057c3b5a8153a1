"""What `copy`, `dump`, `load` and `restore` ask of the two ends of data; each platform has classes that answer.

What can't be done raises DataError, whose message is one line with its fix.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import import_module
from typing import IO, Protocol

from infra.commands.data.media import MediaEnd
from infra.commands.operations import platform_of, read_settings

SECTIONS = ("pre-data", "data", "post-data")  # of pg_dump's archives, in the order in which they are restored
Rows = Mapping[str, int]  # by `schema.table`, quoted where PostgreSQL needs quotes


class DataError(Exception):
    """Something can't be copied, and nothing was changed; the message says why, and what to do."""


class ServerError(DataError):
    """Data can't be taken now, whatever they are.

    The server lacks room or an extension, is too old, or is gone; or this machine lacks room.
    """


class BusyError(ServerError):
    """Another copy into the same stack runs."""


def refusal(message: str, said: str) -> DataError:
    """The error with this message, of a server that said so: it may be about the data, or about its full disk."""
    return ServerError(message) if "No space left" in said else DataError(message)


@dataclass(frozen=True)
class DatabaseFacts:
    """A stack's database as a plan shows it. `size` and `free` are in bytes; `free` is None where it isn't known.

    `extensions` are those that the database has, `available` those that its server can make, by name with the version.
    `old` are the databases that earlier swaps kept, with their sizes; `unfinished` what an interrupted copy left.
    `comment` is the serving one's, in which a copy says where it came from. `is_rds` is whether the server is RDS.
    """

    version: int
    name: str
    size: int
    free: int | None = None
    extensions: Mapping[str, str] = field(default_factory=dict)
    available: Mapping[str, str] = field(default_factory=dict)
    old: Mapping[str, int] = field(default_factory=dict)
    unfinished: tuple[str, ...] = ()
    comment: str = ""
    is_rds: bool = False


@dataclass(frozen=True)
class Window:
    """The moments to which a database can be restored, in UTC.

    `source` is what the setting database-restore-source has to be for them; nothing for its default.
    """

    first: datetime
    last: datetime
    source: str = ""


@dataclass(frozen=True)
class Backups:
    """What a database's service has kept: snapshots (name, when in UTC, GiB), and windows of moments, of the databases
    that the stack had before as well; the serving one's is the first."""

    snapshots: tuple[tuple[str, datetime, int], ...] = ()
    windows: tuple[Window, ...] = ()


class Archive(Protocol):
    """A database at one moment, as three archives of pg_dump's custom format, one for each of SECTIONS.

    `version` is the major version of the server that wrote them, `size` the database's in bytes there, `rows` what each
    table had at that moment.
    """

    @property
    def version(self) -> int: ...

    @property
    def size(self) -> int: ...

    @property
    def extensions(self) -> tuple[str, ...]: ...

    @property
    def rows(self) -> Rows: ...

    def open(self, section: str, *, compress: bool = False) -> AbstractContextManager[IO[bytes]]:
        """The archive of a section as a stream, which is read once; with `compress`, one that is made now is made a
        small one, for a way that is slow. Leaving it raises DataError if it broke off."""


class DatabaseEnd(Protocol):
    """The database of one stack that is up. `production` is whether it is protected (cloud, keep-data)."""

    name: str
    production: bool
    overhead: float  # seconds that it takes whatever the size
    depth: int | None  # replaced databases that are kept, the newest; None for all, until somebody drops them

    def facts(self) -> DatabaseFacts:
        """What there is to know before anything is changed."""

    def backups(self) -> Backups:
        """What the service of the database has kept, the newest first; nothing where there is no such service."""

    def archive(self) -> AbstractContextManager[Archive]:
        """The database at one moment, readable within the context; whatever it needs is gone afterwards."""

    def lock(self) -> AbstractContextManager[None]:
        """While it is held, no other copy into this stack can run; a process that is killed loses it."""

    def restore(self, archive: Archive, into: str) -> Rows:
        """Makes the database `into`, fills it, and counts its rows. The one that serves stays as it is."""

    def has_migrations_of(self, database: str) -> bool:
        """Whether a database that was restored is known to have had the very migrations that the serving one has."""

    def run(self, command: Sequence[str], database: str) -> int:
        """Runs a command of the stack's running version with DATABASE_URL naming `database`; its exit status."""

    def swap(self, new: str, old: str, comment: str = "") -> None:
        """In one transaction, the serving database becomes `old` and `new` takes its name, with that comment unless it
        is empty; connections are dropped."""

    def drop(self, databases: Sequence[str]) -> None:
        """Removes databases that copies made, as far as they are there; any other name is refused."""


def database_of(name: str) -> DatabaseEnd:
    """The database's end of a stack; ends the command with one line where the stack isn't up."""
    module = import_module(f"infra.commands.data.{platform_of(name)}_database")
    found: DatabaseEnd = module.StackDatabase(name, read_settings(name))
    return found


def media_of(name: str) -> MediaEnd:
    """The media's end of a stack; ends the command with one line where the stack isn't up."""
    module = import_module(f"infra.commands.data.{platform_of(name)}_media")
    found: MediaEnd = module.media(name, read_settings(name))
    return found


def stamp(moment: datetime | None = None) -> str:
    """A moment (UTC, now if there is none) as names have it: 20260131_093000."""
    return f"{moment or datetime.now(UTC):%Y%m%d_%H%M%S}"
