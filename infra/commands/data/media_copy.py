"""Copies media from one stack to another: only what differs, several objects at a time.

It keeps no record. Broken off at any moment, an object of the target is either the old one or the whole new one, and
the next copy goes on with what is still missing.
"""

import hashlib
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice

import click

from infra.commands.data.ends import DataError
from infra.commands.data.media import Body, GoneError, MediaEnd, Object, ObjectError
from infra.commands.data.media_clients import THREADS
from infra.commands.data.media_plan import Difference, MediaPlan, Totals, Wanted, planned
from infra.commands.data.plan import Plan
from infra.commands.data.progress import Progress
from infra.commands.data.spool import spool
from infra.commands.operations.status import counted, duration, size

BLOCK = 2**18  # bytes that are read at a time
LARGE = 64 * 2**20  # bytes from which on two objects are copied at a time, since their content is on the disk meanwhile
AT_ONCE_REMOVED = 1000  # the most that S3 takes
SAMPLE, SAMPLE_SECONDS = 5, 2.0  # objects that are read to estimate the time, and for how long at most
IN_A_ROW = 25  # so many failures without a success end the copy
NAMED = 20  # failures that are named at most


@dataclass
class Outcome:
    """What a copy did. `failed` are the keys of what couldn't be copied, with the reasons."""

    copied: Totals = field(default_factory=Totals)
    equal: int = 0
    gone: int = 0
    removed: int = 0
    failed: dict[str, str] = field(default_factory=dict)


def plan(source: MediaEnd, target: MediaEnd, *, delete: bool) -> Plan:
    """What a copy would do. Changes nothing; raises DataError."""
    with planned(source, target) as found:
        difference = found.difference()
        sample = [one.found for one in islice(found.wanted(), SAMPLE)]
    by_server = target.copies_from(source)
    seconds = None if by_server else _estimated(source, sample, difference.wanted)
    origin = f"{source.name}, {source.place}"
    lines = lines_of(difference, origin, target, delete=delete)
    if difference.wanted.objects and (by_server or seconds is not None):
        about = f"about {duration(timedelta(seconds=max(1, seconds or 0)))}, by a sample"
        lines.append(f"time       {'as S3 takes, which copies them itself' if by_server else about}")
    return Plan(lines, faults_of(difference, source.name, target, delete=delete), difference.wanted.bytes, seconds)


def lines_of(difference: Difference, origin: str, target: MediaEnd, *, delete: bool) -> list[str]:
    """A difference in words; `origin` says where the objects come from."""
    number = difference.unsure.objects
    unsure = f", {number:,} of them unless their content is equal, which S3's checksums can't say" if number else ""
    return [
        f"media      {_said(difference.source)} of {origin}",
        f"into       {_said(difference.target)} of {target.name}, {target.place}",
        f"new        {_said(difference.new)}",
        f"replaced   {_said(difference.changed)}{unsure}",
        f"others     {_said(difference.extra)} in {target.name} alone: {'removed' if delete else 'kept'}",
    ]


def faults_of(difference: Difference, origin: str, target: MediaEnd, *, delete: bool) -> list[str]:
    """Why this can't be done."""
    if not (delete and difference.target.objects and not difference.source.objects):
        return []
    return [f"{origin} has no media, so --delete would remove all of {target.name}. Fix: the same without --delete"]


def copy(source: MediaEnd, target: MediaEnd, *, delete: bool = False, names: bool = False) -> Outcome:
    """Copies what the target lacks or has otherwise; with `delete`, removes what the source lacks.

    Raises DataError when something couldn't be copied, after everything else was; then nothing is removed. Names of
    objects, which may be people's, are said with `names` only.
    """
    with planned(source, target) as found:
        difference = found.difference()
        if faults := faults_of(difference, source.name, target, delete=delete):
            raise DataError(faults[0])
        wanted = difference.wanted
        with Progress("media", wanted.objects, wanted.bytes) as progress:
            run = _Run(source, target, progress)
            outcome = run.all(found.wanted())
        finish(outcome, found, target, delete=delete, names=names)
    return outcome


def finish(outcome: Outcome, plan: MediaPlan, target: MediaEnd, *, delete: bool, names: bool) -> None:
    """Says what has failed by a DataError; else removes, if asked, what only the target has."""
    if outcome.failed:
        raise DataError(_failed(outcome, names=names))
    extra = plan.extra() if delete else iter(())
    while keys := list(islice(extra, AT_ONCE_REMOVED)):
        try:
            target.remove(keys)
        except ObjectError as error:
            raise DataError(f"What isn't wanted can't be removed from {target.name}: {error}") from None
        outcome.removed += len(keys)


def timed(replace: Callable[[], Outcome]) -> None:
    """Replaces media, and says what was done and how long it took."""
    began = time.monotonic()
    outcome = replace()
    click.echo(said(outcome, time.monotonic() - began))


def said(outcome: Outcome, seconds: float) -> str:
    """The outcome in one line."""
    words = [f"{_said(outcome.copied)} copied"]
    words += [f"{outcome.equal:,} were equal"] if outcome.equal else []
    words += [f"{outcome.gone:,} were deleted meanwhile"] if outcome.gone else []
    words += [f"{outcome.removed:,} removed"] if outcome.removed else []
    return f"Media: {', '.join(words)}, in {duration(timedelta(seconds=seconds))}"


class Pool:
    """Does something with many things in threads, of which only a few wait at a time.

    After too many failures in a row, and after Ctrl-C, nothing more is begun; `stop` is set for what runs.
    """

    def __init__(self, threads: int = THREADS) -> None:
        self.stop = threading.Event()
        self._executor = ThreadPoolExecutor(threads)
        self._places = threading.BoundedSemaphore(2 * threads)
        self._unexpected: list[BaseException] = []

    def __enter__(self) -> "Pool":
        return self

    def __exit__(self, *error: object) -> None:
        if error[0] is not None:
            self.stop.set()
        self._executor.shutdown(cancel_futures=error[0] is not None)
        if error[0] is None and self._unexpected:
            raise self._unexpected[0]

    def submit(self, work: Callable[[], None]) -> None:
        """Has the work done when there is a place for it. Raises what other work has raised before."""
        self._places.acquire()
        if self._unexpected:
            raise self._unexpected[0]
        self._executor.submit(work).add_done_callback(self._ended)

    def _ended(self, future: "Future[None]") -> None:
        self._places.release()
        if not future.cancelled() and (error := future.exception()):
            self._unexpected.append(error)
            self.stop.set()


class _Run:
    """One copy."""

    def __init__(self, source: MediaEnd, target: MediaEnd, progress: Progress) -> None:
        self._source, self._target, self._progress = source, target, progress
        self._lock, self._large = threading.Lock(), threading.BoundedSemaphore(2)
        self._outcome, self._in_a_row = Outcome(), 0
        self._by_server = target.copies_from(source)
        self._stop = threading.Event()

    def all(self, wanted: Iterator[Wanted]) -> Outcome:
        with Pool() as pool:
            self._stop = pool.stop
            for one in wanted:
                if pool.stop.is_set():
                    break
                pool.submit(lambda one=one: self._one(one))  # type: ignore[misc]
        return self._outcome

    def _one(self, wanted: Wanted) -> None:
        found, outcome = wanted.found, self._outcome
        if self._stop.is_set():
            return
        try:
            equal = wanted.there is not None and wanted.is_unsure and self._is_equal(found, wanted.there)
            if not equal:
                self._transfer(found)
        except GoneError:
            with self._lock:
                outcome.gone += 1
        except (ObjectError, OSError) as error:
            reason = str(error) if isinstance(error, ObjectError) else f"this machine: {error.strerror}"
            with self._lock:
                self._in_a_row += 1
                outcome.failed[found.key] = reason
                if self._in_a_row >= IN_A_ROW:
                    self._stop.set()
        else:
            with self._lock:
                self._in_a_row = 0
                outcome.equal += equal
                outcome.copied += Totals() if equal else Totals(1, found.size)
        self._progress.add(objects=1)

    def _transfer(self, found: Object) -> None:
        if self._by_server:
            self._target.copy(self._source, found)
            self._progress.add(bytes_=found.size)
            return
        with ExitStack() as stack:
            if found.size >= LARGE:
                stack.enter_context(self._large)
            body = stack.enter_context(self._source.open(found))
            file = stack.enter_context(spool())
            sum_ = hashlib.md5(usedforsecurity=False)
            for block in blocks(body, self._stop):
                file.write(block)
                sum_.update(block)
                self._progress.add(bytes_=len(block))
            if body.is_md5 and sum_.hexdigest() != body.found.tag:
                raise ObjectError("its content isn't what its checksum says")
            self._target.write(found.key, file, body.found.size, body.headers, body.part_size)

    def _is_equal(self, found: Object, there: Object) -> bool:
        """Whether the content of one end, read in the parts of the other, has the other's tag."""
        near, mine, other, its = self._source, found, self._target, there
        if self._target.is_near and not self._source.is_near:
            near, mine, other, its = other, its, near, mine
        with near.open(mine) as body:
            equal = body.found.size == its.size and tag_in_parts(body, other.part_size(its), self._stop) == its.tag
        if equal:
            self._progress.add(bytes_=found.size)
        return equal


def blocks(body: Body, stop: threading.Event) -> Iterator[bytes]:
    """The content in blocks. Raises ObjectError when it is stopped."""
    while block := body.read(BLOCK):
        if stop.is_set():
            raise ObjectError("the copy was ended")
        yield block


def tag_in_parts(body: Body, part_size: int, stop: threading.Event) -> str:
    """The tag that S3 gives content that is uploaded in parts of this size, or whole (0)."""
    if not part_size:
        whole = hashlib.md5(usedforsecurity=False)
        for block in blocks(body, stop):
            whole.update(block)
        return whole.hexdigest()
    digests, part, left = [], hashlib.md5(usedforsecurity=False), part_size
    for block in blocks(body, stop):
        while block:
            taken, block = block[:left], block[left:]  # noqa: PLW2901  # what is left of it
            part.update(taken)
            left -= len(taken)
            if not left:
                digests.append(part.digest())
                part, left = hashlib.md5(usedforsecurity=False), part_size
    if left != part_size:
        digests.append(part.digest())
    return f"{hashlib.md5(b''.join(digests), usedforsecurity=False).hexdigest()}-{len(digests)}"


def _estimated(source: MediaEnd, sample: list[Object], wanted: Totals) -> float | None:
    """Seconds for all objects, by how long reading some of them takes; None without any."""
    read, begin = Totals(), time.monotonic()
    never = threading.Event()
    for found in sample:
        try:
            with source.open(found) as body:
                for block in blocks(body, never):
                    read += Totals(0, len(block))
                    if time.monotonic() - begin > SAMPLE_SECONDS:
                        break
        except ObjectError:
            continue
        read += Totals(1)
        if time.monotonic() - begin > SAMPLE_SECONDS:
            break
    seconds = time.monotonic() - begin
    if not read.objects:
        return None
    # What is read is written, too. Small objects take the time of their calls, large ones that of their bytes.
    by_objects = seconds / read.objects * wanted.objects / THREADS
    by_bytes = seconds / read.bytes * wanted.bytes / THREADS if read.bytes else 0
    return 2 * max(by_objects, by_bytes)


def _said(totals: Totals) -> str:
    return f"{counted(totals.objects, 'object')}, {size(totals.bytes)}" if totals.objects else "none"


def _failed(outcome: Outcome, *, names: bool) -> str:
    number = len(outcome.failed)
    reasons: dict[str, int] = {}
    for reason in outcome.failed.values():
        reasons[reason] = reasons.get(reason, 0) + 1
    most = max(reasons, key=lambda reason: reasons[reason])
    text = f"{counted(number, 'object')} couldn't be copied: {most} ({reasons[most]:,} of them)."
    if len(reasons) > 1:
        text += f" There are {len(reasons) - 1} other reasons."
    for key, reason in islice(outcome.failed.items(), NAMED if names else 0):
        print(f"  {key!r}: {reason}", file=sys.stderr)
    rest = "" if names else "; --names says which they are"
    return f"{text} The others are copied. Fix: run it again, which copies only what is missing{rest}"
