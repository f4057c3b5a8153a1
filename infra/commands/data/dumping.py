"""A stack's data into an archive, and out of one."""

import fcntl
import hashlib
import os
import re
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from infra.commands.data import media_copy
from infra.commands.data.archive import ArchiveWriter, DatabasePart, Manifest, MediaPart, whole
from infra.commands.data.archive_reader import ArchiveReader
from infra.commands.data.database_copy import say
from infra.commands.data.encryption import encrypted
from infra.commands.data.ends import Archive, DatabaseEnd, DataError
from infra.commands.data.media import Body, GoneError, Headers, MediaEnd, Object, ObjectError
from infra.commands.data.media_clients import THREADS
from infra.commands.data.media_copy import BLOCK, IN_A_ROW, LARGE, Outcome, Pool, blocks
from infra.commands.data.media_plan import MediaPlan, Totals, listed, planned
from infra.commands.data.progress import Progress
from infra.commands.data.spool import spool
from infra.commands.operations import operations

AHEAD = 2 * THREADS  # objects that are read before it is their turn
APPLIED = re.compile(r"^\[X\]\s+(\S+)", re.MULTILINE)  # of `showmigrations --plan`


def dump(
    name: str, project: str, out: IO[bytes], database: DatabaseEnd | None, media: MediaEnd | None, keys: Sequence[Any]
) -> Totals:
    """Writes an archive of a stack, encrypted for the public keys; the number of objects in it. Raises DataError."""
    production = bool((database and database.production) or (media and media.production))
    with (
        database.archive() if database else nullcontext() as snapshot,
        listed(media) if media else nullcontext() as objects,
        encrypted(out, keys) as stream,
    ):
        writer = ArchiveWriter(stream)
        try:
            writer.manifest(
                Manifest(
                    project=project,
                    stack=name,
                    made=datetime.now(UTC).isoformat(timespec="seconds"),
                    production=production,
                    database=_database_part(name, snapshot) if snapshot else None,
                    media=_media_part(objects) if objects else None,
                )
            )
            if snapshot:
                say("Writing the database ...")
                writer.database(snapshot)
            written = _write_objects(writer, media, objects) if media and objects else Totals()
            writer.finish()
        finally:
            writer.close()
    return written


@contextmanager
def written_whole(file: Path) -> Iterator[IO[bytes]]:
    """A new file that only its owner reads, and that has its name once it is whole. Raises DataError.

    A link stays one, and its file is written.
    """
    target = Path(os.path.realpath(file))  # unlike Path.resolve, it bears links that lead in a circle
    unfinished = target.with_name(f"{target.name}.part")
    try:
        _remove_left(unfinished)
        descriptor = os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with suppress(OSError):  # where the file system has no locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
    except OSError as error:
        raise DataError(f"{unfinished} can't be written: {error.strerror}") from None
    try:
        with os.fdopen(descriptor, "wb") as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
            unfinished.replace(target)
    except OSError as error:
        with suppress(OSError):
            unfinished.unlink()
        raise DataError(
            f"{file} can't be written: {error.strerror or error}. Fix: make room, or another place"
        ) from None
    except BaseException:
        with suppress(OSError):
            unfinished.unlink()
        raise


def _remove_left(unfinished: Path) -> None:
    """Removes what a killed dump left. Raises DataError where another one still writes it, which holds a lock."""
    with suppress(FileNotFoundError), unfinished.open("rb") as left:
        try:
            fcntl.flock(left, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError as error:  # or the file system has no locks
            if isinstance(error, BlockingIOError):
                said = f"Another dump writes {unfinished}. Fix: another name, or wait for its end"
                raise DataError(said) from None
        unfinished.unlink()


def load_media(reader: ArchiveReader, target: MediaEnd, *, delete: bool, names: bool) -> Outcome:
    """Writes what the target lacks or has otherwise; removes the rest if asked. Raises DataError."""
    with planned(reader, target) as plan:
        difference = plan.difference()
        if faults := media_copy.faults_of(difference, "The archive", target, delete=delete):
            raise DataError(faults[0])
        wanted = difference.wanted
        with Progress("media", wanted.objects, wanted.bytes) as progress:
            outcome = _Loading(target, progress).all(reader, plan) if wanted.objects else Outcome()
        media_copy.finish(outcome, plan, target, delete=delete, names=names)
    return outcome


class _Loading:
    """Writes objects of an archive: it is read by one thread, and several write."""

    def __init__(self, target: MediaEnd, progress: Progress) -> None:
        self._target, self._progress = target, progress
        self._outcome, self._lock, self._in_a_row = Outcome(), threading.Lock(), 0

    def all(self, reader: ArchiveReader, plan: MediaPlan) -> Outcome:
        with Pool() as pool:
            for found, headers, part_size, content in reader.contents():
                if pool.stop.is_set() or self._in_a_row >= IN_A_ROW:
                    break
                if not plan.wants(found.key):
                    continue
                file = spool()
                while block := content.read(BLOCK):
                    file.write(block)
                if found.size >= LARGE:
                    self._write(found, headers, part_size, file)  # so that no other one is on the disk meanwhile
                else:
                    pool.submit(lambda f=found, h=headers, p=part_size, c=file: self._write(f, h, p, c))  # type: ignore[misc]
        return self._outcome

    def _write(self, found: Object, headers: Headers, part_size: int, file: IO[bytes]) -> None:
        try:
            with file:
                self._target.write(found.key, file, found.size, headers, part_size)
        except ObjectError as error:
            with self._lock:
                self._outcome.failed[found.key] = str(error)
                self._in_a_row += 1
        else:
            with self._lock:
                self._outcome.copied += Totals(1, found.size)
                self._in_a_row = 0
        self._progress.add(1, found.size)


@dataclass(frozen=True)
class _Read:
    """An object that was read, with its content."""

    found: Object
    headers: Headers
    part_size: int
    content: IO[bytes]


def _write_objects(writer: ArchiveWriter, media: MediaEnd, plan: MediaPlan) -> Totals:
    """Reads several objects at a time, and writes them in the order of their keys."""
    totals = plan.totals()
    written, stop = Totals(), threading.Event()
    with Progress("media", totals.objects, totals.bytes) as progress, ThreadPoolExecutor(THREADS) as executor:
        try:
            for found, read in _ahead(executor, media, plan.objects(), stop):
                try:
                    if read is None:
                        with media.open(found) as body:
                            writer.object(body.found, body.headers, body.part_size, _Reading(body))  # type: ignore[arg-type]
                            written += Totals(1, body.found.size)
                    else:
                        one = read.result()
                        with one.content:
                            one.content.seek(0)
                            writer.object(one.found, one.headers, one.part_size, one.content)
                            written += Totals(1, one.found.size)
                except GoneError:
                    continue
                finally:
                    progress.add(1, found.size)
        except ObjectError as error:
            raise DataError(f"An object of the media can't be read, so there is no dump: {error}. Fix: again") from None
        finally:
            stop.set()
            executor.shutdown(cancel_futures=True)
    return written


def _ahead(
    executor: ThreadPoolExecutor, media: MediaEnd, objects: Iterable[Object], stop: threading.Event
) -> "Iterator[tuple[Object, Future[_Read] | None]]":
    """The objects with their content, which is read meanwhile; None for one that is too large for that."""
    waiting: deque[tuple[Object, Future[_Read] | None]] = deque()
    for found in objects:
        read = executor.submit(_read, media, found, stop) if found.size < LARGE else None
        waiting.append((found, read))
        if len(waiting) > AHEAD:
            yield waiting.popleft()
    yield from waiting


def _read(media: MediaEnd, found: Object, stop: threading.Event) -> _Read:
    with media.open(found) as body:
        content, sum_ = spool(), hashlib.md5(usedforsecurity=False)
        for block in blocks(body, stop):
            content.write(block)
            sum_.update(block)
        if body.is_md5 and sum_.hexdigest() != body.found.tag:
            raise ObjectError("its content isn't what its checksum says")
        return _Read(body.found, body.headers, body.part_size, content)


class _Reading:
    """A body as a file, which gives as much as is asked for, until its end."""

    def __init__(self, body: Body) -> None:
        self._body = body

    def read(self, size: int) -> bytes:
        return whole(self._body, size)


def _database_part(name: str, archive: Archive) -> DatabasePart:
    return DatabasePart(archive.version, archive.size, list(archive.extensions), dict(archive.rows), migrations(name))


def migrations(name: str) -> list[str]:
    """The migrations that the stack's database has, as `app.name`; none where the app can't say."""
    status, output = operations(name).output(["python", "manage.py", "showmigrations", "--plan"])
    if status:
        say("The app doesn't say which migrations the database has; the manifest leaves them out.")
        return []
    return APPLIED.findall(output)


def _media_part(plan: MediaPlan) -> MediaPart:
    totals = plan.totals()
    return MediaPart(totals.objects, totals.bytes)
