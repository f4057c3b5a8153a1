"""`python -m benchmarks [PART …]`: runs the parts, prints their tables, and keeps them with a plot in results/."""

import os
import shutil
import sys
from collections.abc import Callable

from benchmarks import (
    against_compose,
    copies,
    files,
    media,
    neighbours,
    processes,
    redeploy,
    rehearsal,
    rollout,
    site,
    tables,
    throughput,
)
from benchmarks.report import Section
from benchmarks.sandbox import sandbox

PARTS: dict[str, Callable[..., list[Section]]] = {
    "compose": against_compose.measure,
    "copies": copies.measure,
    "files": files.measure,
    "media": media.measure,
    "neighbours": neighbours.measure,
    "processes": processes.measure,
    "redeploy": redeploy.measure,
    "rehearsal": rehearsal.measure,
    "rollout": rollout.measure,
    "site": site.measure,
    "tables": tables.measure,
    "throughput": throughput.measure,
}


def main() -> None:
    """Exit status 2 for a part that there isn't, 1 without the tools of `make bench`."""
    wanted = sys.argv[1:] or list(PARTS)
    if unknown := [name for name in wanted if name not in PARTS]:
        print(f"There is no part {', '.join(unknown)}; there are {', '.join(PARTS)}.", file=sys.stderr)
        sys.exit(2)
    if not shutil.which("pulumi"):  # else only the tables would notice, after minutes
        sys.exit(f"There is no pulumi on PATH. Fix: make bench ARGS='{' '.join(sys.argv[1:])}'")
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # a user's Python keeps what it has compiled
    for name in wanted:
        with sandbox() as place:
            for section in PARTS[name](place):
                section.keep()


if __name__ == "__main__":
    main()
