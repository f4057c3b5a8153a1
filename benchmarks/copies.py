"""`django-stack copy` of a database between two local stacks, beside `pg_dump | psql` between their containers."""

import os
import resource
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import docker

from benchmarks.report import Section
from benchmarks.sandbox import ROUNDS, Sandbox
from tests import ROOT
from tests.bare_stacks import BareStack, BareStacks, bare_stacks
from tools.setup.images import POSTGRES, PYTHON

ROWS = int(os.environ.get("BENCH_ROWS") or 1_000_000)
FILL = f"""
CREATE TABLE big AS SELECT i AS id, md5(i::text) AS text, now() AS at, i % 7 = 0 AS flag
FROM generate_series(1, {ROWS}) i;
ALTER TABLE big ADD PRIMARY KEY (id); CREATE INDEX ON big (text); CREATE INDEX ON big (at)
"""  # noqa: S608  # a number


def measure(place: Sandbox) -> list[Section]:
    """Both ways in turns, into a database that is emptied before each."""
    del place  # no pulumi: the containers alone
    engine = docker.from_env(timeout=120)
    image = "django-stack-benchmark-copy"
    engine.images.build(path=str(ROOT / "app"), tag=image, rm=True, buildargs={"PYTHON_IMAGE": PYTHON})
    with tempfile.TemporaryDirectory() as folder, bare_stacks(Path(folder), engine, image, POSTGRES) as made:
        source, target = made.make("a"), made.make("b")
        source.web.exec_run(["python", "manage.py", "migrate"])
        source.query(FILL)
        phases: dict[str, list[float]] = {}
        ways: dict[str, Callable[[], object]] = {
            "django-stack copy": lambda: timed(made, phases),
            "pg_dump \\| psql": lambda: pipe(source, target),
        }
        seconds: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(ROUNDS):
            for name, way in ways.items():
                target.query("DROP DATABASE IF EXISTS piped WITH (FORCE)")
                began = time.monotonic()
                way()
                seconds[name].append(time.monotonic() - began)
                made.check("data", "drop-old", "-s", "b", "--yes")
        if target.checksums() != source.checksums():
            raise RuntimeError("the copy isn't equal")
        size = int(source.query("SELECT pg_database_size('app')")[0][0])
    engine.images.remove(image, force=True, noprune=True)
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    line = ", ".join(f"{phase} {median(took):.1f} s" for phase, took in phases.items())
    rows = [[name, f"{median(took):.1f} s", ", ".join(f"{one:.1f}" for one in took)] for name, took in seconds.items()]
    return [
        Section(
            "copies",
            "A copied database",
            ["way", "median", "each"],
            rows,
            [
                f"{ROWS:,} rows with three indexes, {size / 1e6:.0f} MB, between two servers on this machine.",
                f"No process on this machine had more than {memory:.0f} MB.",
                "A copy also counts all rows on both sides, compares the migrations, analyses and swaps.",
                f"Its time line: {line}.",
            ],
            [(name, median(took)) for name, took in seconds.items()],
        )
    ]


PHASES = {
    "Reading the database": "plan and lock",
    "Restoring": "snapshot and its counts",
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
