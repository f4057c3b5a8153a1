"""The names of databases that copies make beside the one that serves; PostgreSQL's names have 63 bytes at most."""

import re
from collections.abc import Collection, Iterable

from infra.commands.data.ends import DataError

NEW, BEFORE = "new", "before"  # what isn't finished yet; what served before a swap
LIMIT = 63
_STAMP = r"_\d{8}_\d{6}"


def beside(serving: str, kind: str, stamp: str, taken: Collection[str] = ()) -> str:
    """The name of a database beside the serving one, such as app_before_20260131_093000, which nobody has yet."""
    end = f"_{kind}_{stamp}"
    day, time = stamp.split("_")
    while (name := serving.encode()[: LIMIT - len(end)].decode(errors="ignore") + end) in taken:
        time = f"{(int(time) + 1) % 1_000_000:06d}"
        end = f"_{kind}_{day}_{time}"
    return name


def those(kind: str, serving: str, databases: Iterable[str]) -> list[str]:
    """Those of the databases that were made beside the serving one, the oldest first."""
    cut = serving.encode()[: LIMIT - len(f"_{kind}_00000000_000000")].decode(errors="ignore")
    pattern = re.compile(re.escape(f"{cut}_{kind}") + _STAMP)
    return sorted(name for name in databases if pattern.fullmatch(name))


def check_made(serving: str, databases: Iterable[str]) -> None:
    """Raises DataError for a name that no copy gives."""
    for name in databases:
        if not any(those(kind, serving, [name]) for kind in (NEW, BEFORE)):
            raise DataError(f"{name} is no database that a copy made. Fix: remove it by hand, if it isn't needed")
