"""`django-stack copy` of a database between two local stacks, beside `pg_dump | psql` between their containers."""

import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import psutil
from docker.errors import APIError

from benchmarks import plot
from benchmarks.plot import Bar
from benchmarks.report import Section
from benchmarks.sandbox import ROUNDS, Sandbox
from infra import endpoint
from tests import ROOT
from tests.bare_stacks import BareStack, BareStacks, bare_stacks
from tools.setup.images import POSTGRES, PYTHON

ROWS = [int(rows) for rows in (os.environ.get("BENCH_ROWS") or "1000000,5000000").split(",")]
OURS, THEIRS = "django-stack copy", "pg_dump \\| psql"


@dataclass
class Measured:
    """Seconds of both ways in turns, those of each part of a copy, and the most memory in MiB: of the processes that
    run on this machine, and of PostgreSQL's programs in the containers."""

    size: int
    seconds: Mapping[str, list[float]]
    phases: Mapping[str, list[float]]
    memory: dict[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def ratio(self) -> float:
        return median(self.seconds[OURS]) / median(self.seconds[THEIRS])


def measure(place: Sandbox) -> list[Section]:
    """Databases of several sizes, each by both ways in turns, into a database that is empty before."""
    del place  # no pulumi: the containers alone
    engine = endpoint.client(timeout=120)
    image = "django-stack-benchmark-copy"
    engine.images.build(path=str(ROOT / "app"), tag=image, rm=True, buildargs={"PYTHON_IMAGE": PYTHON})
    with tempfile.TemporaryDirectory() as folder, bare_stacks(Path(folder), engine, image, POSTGRES) as made:
        source, target = made.make("a"), made.make("b")
        source.web.exec_run(["python", "manage.py", "migrate"])
        found = {rows: both_ways(made, source, target, rows) for rows in ROWS}
    engine.images.remove(image, force=True, noprune=True)
    rows = [
        [f"{number:,}", way, f"{median(took):.1f} s", ", ".join(f"{one:.1f}" for one in took), f"{host:.0f} MB"]
        for number, one in found.items()
        for way, took in one.seconds.items()
        for host, _ in [one.memory[way]]
    ]
    bars = [
        Bar(way.replace("\\", ""), median(took), f"{number:,} rows", plot.OURS if way == OURS else plot.OTHER)
        for number, one in found.items()
        for way, took in one.seconds.items()
    ]
    head = ["rows", "way", "median", "each", "memory at most"]
    return [Section("copies", "A copied database", head, rows, notes(found), bars)]


def notes(found: Mapping[int, Measured]) -> list[str]:
    """What the figures mean."""
    lines = []
    for number, one in found.items():
        parts = ", ".join(f"{phase} {median(took):.1f} s" for phase, took in one.phases.items())
        lines.append(
            f"{number:,} rows with three indexes are {one.size / 1e6:.0f} MB. The copy took {one.ratio:.2f} times as "
            f"long: {parts}."
        )
    inside = max(memory for one in found.values() for _, memory in one.memory.values())
    lines += [
        "A copy also plans, counts all rows on both sides, compares the migrations, analyses and swaps.",
        "The memory is that of the command and of all that it starts on this machine, in a run of its own. "
        f"PostgreSQL's programs in the containers, apart from the servers, had {inside:.0f} MB at most.",
    ]
    return lines


def both_ways(made: BareStacks, source: BareStack, target: BareStack, rows: int) -> Measured:
    source.query("DROP TABLE IF EXISTS big")
    source.query(fill(rows))
    phases: dict[str, list[float]] = {}
    ways: dict[str, Callable[[], object]] = {
        OURS: lambda: timed(made, phases),
        THEIRS: lambda: pipe(source, target),
    }
    seconds: dict[str, list[float]] = {way: [] for way in ways}

    def empty() -> None:
        target.query("DROP DATABASE IF EXISTS piped WITH (FORCE)")
        made.check("data", "drop-old", "-s", "b", "--yes")
        for server in (source, target):  # what one way has left to do is no burden of the other one
            server.query("CHECKPOINT")

    for _ in range(ROUNDS):
        for name, way in ways.items():
            empty()
            began = time.monotonic()
            way()
            seconds[name].append(time.monotonic() - began)
    if target.checksums() != source.checksums():
        raise RuntimeError("the copy isn't equal")
    found = Measured(int(source.query("SELECT pg_database_size('app')")[0][0]), seconds, dict(phases))
    for name, way in ways.items():
        empty()
        found.memory[name] = memory_of(way, (source, target))
    return found


def fill(rows: int) -> str:
    return f"""
CREATE TABLE big AS SELECT i AS id, md5(i::text) AS text, now() AS at, i % 7 = 0 AS flag
FROM generate_series(1, {rows}) i;
ALTER TABLE big ADD PRIMARY KEY (id); CREATE INDEX ON big (text); CREATE INDEX ON big (at)
"""  # noqa: S608  # a number


def memory_of(way: Callable[[], object], stacks: tuple[BareStack, BareStack]) -> tuple[float, float]:
    """MiB at most: of this process's children and theirs (PSS), and of PostgreSQL's programs in the containers."""
    most = (0.0, 0.0)
    thread = threading.Thread(target=way)
    thread.start()
    me = psutil.Process()
    while thread.is_alive():
        host = 0
        for one in me.children(recursive=True):
            with suppress(psutil.Error):
                host += one.memory_full_info().pss
        most = max(most[0], host / 2**20), max(most[1], sum(map(inside, stacks)) / 2**10)
        time.sleep(0.05)
    thread.join()
    return most


def inside(stack: BareStack) -> int:
    """KiB of what runs in the database's container apart from the server."""
    with suppress(APIError):
        found = stack.database.top(ps_args="-eo pid,rss,comm")["Processes"] or []
        return sum(int(resident) for _, resident, name in found if name != "postgres")
    return 0


PHASES = {
    "Reading the database": "plan and lock",
    "Restoring": "snapshot",
    "Building the indexes": "schema and rows",
    "Analysing": "indexes",
    "Swapping": "analysis and counts",
}


def timed(made: BareStacks, phases: dict[str, list[float]]) -> None:
    """A copy, and what each part of it took, by the lines that it prints."""
    began = time.monotonic()
    with made.start("copy", "--database", "a", "b", "--yes") as process:
        assert process.stdout  # noqa: S101  # it is piped
        for line in process.stdout:
            phase = next((phase for begins, phase in PHASES.items() if line.startswith(begins)), None)
            if phase:
                now = time.monotonic()
                phases.setdefault(phase, []).append(now - began)
                began = now
    phases.setdefault("swap", []).append(time.monotonic() - began)
    if process.returncode:
        raise RuntimeError(f"the copy ended with exit status {process.returncode}")


def pipe(source: BareStack, target: BareStack) -> None:
    """What people do by hand."""
    target.query("CREATE DATABASE piped")
    options = "-U app -q -v ON_ERROR_STOP=1 -o /dev/null -d piped"
    subprocess.run(
        ["sh", "-c", f"docker exec $A pg_dump -U app --no-owner app | docker exec -i $B psql {options}"],
        env={**os.environ, "A": str(source.database.id), "B": str(target.database.id)},
        check=True,
    )
