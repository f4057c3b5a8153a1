"""The plan of a copy: what will be moved and replaced, how long it will take, and why it can't be."""

import re
import shlex
from dataclasses import dataclass, field

from infra import fixes
from infra.commands.data.ends import DatabaseFacts
from infra.commands.operations.status import size

RATE = 8e6  # bytes of a database per second, until a copy into the stack has measured it
WAL = 1 << 30  # bytes of its log at most that a server keeps by default while it loads (max_wal_size)
_MEASURED = re.compile(r"\b(\d+) bytes in (\d+) seconds")


@dataclass(frozen=True)
class Plan:
    """What a copy will do. `lines` say it to a person; `faults` are the reasons why it can't be done, with their fixes.

    `size` is in bytes, `seconds` the estimated time (None where it can't be known).
    """

    lines: list[str]
    faults: list[str] = field(default_factory=list)
    size: int = 0
    seconds: float | None = None


def measured(bytes_: int, seconds: float) -> str:
    """What a copied database's comment says, from which the next copy's time is estimated."""
    return f"{bytes_} bytes in {max(1, round(seconds))} seconds"


def of_database(source: str, from_: DatabaseFacts, target: str, to: DatabaseFacts, overhead: float = 5) -> Plan:
    """The plan of a copy of a database from one stack into another; `overhead` is in seconds, whatever the size."""
    known = _MEASURED.search(to.comment)
    rate = int(known[1]) / int(known[2]) if known else RATE
    rate = max(rate, RATE / 100)
    seconds = overhead + from_.size / rate
    extensions = ", ".join(f"{name} {version}" for name, version in sorted(from_.extensions.items())) or "none"
    lines = [
        f"from       {source}: database {from_.name}, {size(from_.size)}, PostgreSQL {from_.version}",
        f"into       {target}: database {to.name}, {size(to.size)}, PostgreSQL {to.version}",
        f"replaced   all of {to.name} of {target}; it is kept as {to.name}_before_… until `django-stack data drop-old`",
        f"extensions {extensions}",
        f"time       about {_time(seconds)}, {'as measured last time' if known else 'at a guess'}",
        f"free       {size(to.free) if to.free is not None else 'not known'}",
    ]
    if to.old:
        lines.append(f"kept       {', '.join(f'{name} ({size(bytes_)})' for name, bytes_ in to.old.items())}")
    if to.unfinished:
        lines.append(f"left over  {', '.join(to.unfinished)}, of a copy that was interrupted; it is removed first")
    return Plan(lines, faults(source, from_, target, to), from_.size, seconds)


def faults(source: str, from_: DatabaseFacts, target: str, to: DatabaseFacts) -> list[str]:
    """Why a database doesn't fit another server; nothing when it does."""
    found = []
    if to.version < from_.version:
        local = f"django-stack upgrade-database {from_.version} -s {shlex.quote(target)}"
        found.append(
            f"{source} has PostgreSQL {from_.version} and {target} {to.version}: an older server can't read a newer "
            f"one's database. Fix: {fixes.upgrade_rds(target, from_.version) if to.is_rds else local}"
        )
    missing = sorted(set(from_.extensions) - set(to.available))
    if missing:
        image = "" if to.is_rds else f"set postgres-image of {target} to an image with it, or "
        found.append(
            f"{target}'s server lacks the extension{'s' if len(missing) > 1 else ''} {', '.join(missing)}, which "
            f"{source}'s database has. Fix: {image}drop it in {source}"
        )
    needed = from_.size + min(from_.size, WAL)
    if to.free is not None and to.free < needed:
        found.append(
            f"{size(to.free)} are free where {target}'s database is, and the copy needs {size(needed)}. Fix: make room"
            + (f", for instance by django-stack data drop-old -s {shlex.quote(target)}" if to.old else "")
        )
    return found


def _time(seconds: float) -> str:
    return f"{seconds:.0f} seconds" if seconds < 100 else f"{seconds / 60:.0f} minutes"
