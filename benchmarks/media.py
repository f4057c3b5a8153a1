"""`django-stack copy --media` between the S3 servers of two local stacks, beside `aws s3 sync` of the AWS CLI."""

import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from statistics import median

import psutil

from benchmarks.plot import OTHER, OURS, Bar
from benchmarks.report import Section
from benchmarks.sandbox import ROUNDS, Sandbox
from infra import endpoint
from tests import ROOT
from tests.bare_stacks import bare_stacks
from tests.infra.commands.data.s3_server import KEY, SECRET, S3Server, s3_server
from tools.setup.images import POSTGRES, PYTHON

OBJECTS = int(os.environ.get("BENCH_OBJECTS") or 2_000)
BYTES = int(os.environ.get("BENCH_BYTES") or 500_000_000)
Measured = tuple[float, float]  # seconds, and megabytes of memory at most


def measure(place: Sandbox) -> list[Section]:
    """Each way in turns, into a bucket that is empty before; then once more, when nothing is left to do."""
    engine = endpoint.client(timeout=120)
    aws = _aws(place.folder)
    ways = ("django-stack copy", "aws s3 sync", "django-stack copy, again", "aws s3 sync, again")
    found: dict[str, list[Measured]] = {way: [] for way in ways}
    with (
        tempfile.TemporaryDirectory() as folder,
        s3_server() as server,
        # The site isn't needed, and so neither is its image.
        bare_stacks(Path(folder), engine, PYTHON, POSTGRES) as made,
    ):
        source = server.bucket()
        fill(server, source)
        made.make("a", storage=server.dsn(source))
        for number in range(ROUNDS):
            ours, theirs = server.bucket(), server.bucket()
            name = f"b{number}"
            made.make(name, storage=server.dsn(ours))
            line = [str(ROOT / ".venv/bin/django-stack"), "copy", "--media", "a", name, "--yes"]

            def copied(line: list[str] = line) -> Measured:
                return run([line], made.folder, made.env)

            def synced(theirs: str = theirs) -> Measured:
                return sync(aws, server, source, theirs, Path(folder))

            for way, measured in zip(ways, (copied, synced, copied, synced), strict=True):
                found[way].append(measured())
            wanted = server.listing(source)
            # The AWS CLI uploads large files in parts, whose checksums are others.
            if server.listing(ours) != wanted or sizes(server.listing(theirs)) != sizes(wanted):
                raise RuntimeError("the copy isn't equal")
    rows = [
        [way, f"{median(took for took, _ in each):.1f} s", f"{max(memory for _, memory in each):.0f} MB"]
        for way, each in found.items()
    ]
    return [
        Section(
            "media",
            "Copied media",
            ["way", "median", "memory at most"],
            rows,
            [
                f"{OBJECTS:,} objects, {BYTES / 1e6:.0f} MB, from one bucket of an S3 server here to another.",
                "`aws s3 sync` has one endpoint and one set of keys, so between two servers it goes through a folder; "
                "its time is of both ways, without headers of the objects.",
            ],
            [
                Bar(way, median(took for took, _ in each), colour=OURS if "django-stack" in way else OTHER)
                for way, each in found.items()
            ],
        )
    ]


def sizes(listing: Mapping[str, tuple[int, str]]) -> dict[str, int]:
    return {key: size for key, (size, _) in listing.items()}


def fill(server: S3Server, bucket: str) -> None:
    """Objects whose sizes are like those of uploads: many small ones, and a few that are large."""
    numbers = random.Random(1)  # noqa: S311  # no secret
    weights = [numbers.lognormvariate(0, 1.2) for _ in range(OBJECTS)]
    client = server.client

    def put(number: int) -> None:
        content = random.Random(number).randbytes(int(weights[number] / sum(weights) * BYTES))  # noqa: S311
        key = f"uploads/{number % 20:02d}/{number}.jpg"
        client.put_object(Bucket=bucket, Key=key, Body=content, ContentType="image/jpeg")

    with ThreadPoolExecutor(8) as executor:
        list(executor.map(put, range(OBJECTS)))


def sync(aws: str, server: S3Server, source: str, target: str, folder: Path) -> Measured:
    line = [aws, "--endpoint-url", f"http://127.0.0.1:{server.port}", "s3", "sync", "--quiet"]
    between = str(folder / "between")
    keys = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_DEFAULT_REGION": "us-east-1"}
    lines = [[*line, f"s3://{source}", between], [*line, between, f"s3://{target}"]]
    return run(lines, folder, {**os.environ, **keys, "NO_PROXY": "127.0.0.1"})


def run(lines: list[list[str]], folder: Path, environment: Mapping[str, str]) -> Measured:
    """Runs one after the other. The memory of each with its children is looked at all the time: what Linux counts
    includes this process's own."""
    began, memory = time.monotonic(), 0.0
    for line in lines:
        process = psutil.Popen(line, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        while process.poll() is None:
            with suppress(psutil.Error):
                those = [process, *process.children(recursive=True)]
                memory = max(memory, sum(one.memory_info().rss for one in those) / 2**20)
            time.sleep(0.05)
        if process.returncode:
            raise RuntimeError(f"{' '.join(line[:3])} ended with exit status {process.returncode}")
    return time.monotonic() - began, memory


def _aws(folder: Path) -> str:
    """The AWS CLI of this machine, or one of its own."""
    if found := shutil.which("aws"):
        return found
    place = folder / "aws"
    subprocess.run([sys.executable, "-m", "venv", place], check=True)
    subprocess.run([place / "bin" / "pip", "install", "--quiet", "awscli"], check=True)
    return str(place / "bin" / "aws")
