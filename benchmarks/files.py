"""How long the hash of an app's content takes, which each `up` asks for, with ever more files in the app's folder."""

import os
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.plot import OTHER, Bar
from benchmarks.report import Section
from benchmarks.sandbox import ROUNDS, TIMEOUT, Sandbox
from infra.content_cache import RACY
from tests import ROOT

SIZES = [(100, 1), (1_000, 40), (10_000, 400), (50_000, 2_000)]  # files, MB
PROGRAM = (
    "import sys, time; from pathlib import Path; from infra.content import content_hash\n"
    "begin = time.perf_counter(); content_hash(Path(sys.argv[1]), {}); print(time.perf_counter() - begin)"
)


def measure(place: Sandbox) -> list[Section]:
    """The quickest of some rounds, as Python's timeit: what else a machine does only adds to it."""
    rows, bars = [], []
    for files, megabytes in SIZES:
        app = place.folder / f"app-{files}"
        _make(app, files, megabytes * 1_000_000 // files)
        time.sleep(RACY / 1e9 + 0.1)  # as files are that nobody has just written
        cache = place.folder / "cache"
        without = min(_hash(app, Path("/dev/null")) for _ in range(2))
        _hash(app, cache)
        unchanged = min(_hash(app, cache) for _ in range(ROUNDS + 2))
        one_changed = min(_changed(app, cache) for _ in range(2))
        found = [without, one_changed, unchanged]
        rows.append([f"{files:,}", f"{megabytes:,} MB", *(f"{seconds:.3f} s" for seconds in found)])
        bars.append(Bar(f"{files:,} files, nothing changed", unchanged))
    bars.append(Bar(f"{SIZES[-1][0]:,} files, without the cache", without, colour=OTHER))
    head = ["files", "size", "without the cache", "one file changed", "nothing changed"]
    notes = [
        "The quickest of several. Without the cache everything is read, several files at a time, mostly from memory. "
        "The Docker plugin reads the context once more in each `up`, by itself.",
    ]
    return [Section("files", "The hash of an app's content", head, rows, notes, bars)]


def _make(app: Path, files: int, size: int) -> None:
    """A project with 25 files in a folder, none like another."""
    app.mkdir()
    (app / "Dockerfile").write_bytes((ROOT / "app" / "Dockerfile").read_bytes())
    (app / ".dockerignore").write_bytes((ROOT / "app" / ".dockerignore").read_bytes())
    block = os.urandom(size)
    for number in range(files):
        folder = app / f"part-{number // 25}"
        if number % 25 == 0:
            folder.mkdir()
        (folder / f"file-{number}").write_bytes(number.to_bytes(8, "little") + block[8:])


def _changed(app: Path, cache: Path) -> float:
    """With one file changed, and kept for good afterwards."""
    (app / "part-0" / "file-1").touch()
    took = _hash(app, cache)
    time.sleep(RACY / 1e9 + 0.1)
    _hash(app, cache)
    return took


def _hash(app: Path, cache: Path) -> float:
    """Seconds in a process of its own, without the start of Python."""
    env = os.environ | {"XDG_CACHE_HOME": str(cache)}
    told = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(app)], env=env, check=True, capture_output=True, text=True, timeout=TIMEOUT
    )
    return float(told.stdout)
