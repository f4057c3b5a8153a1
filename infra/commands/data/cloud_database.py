"""The database of a stack on AWS, for copies: tasks of the stack do the work, and a bucket of the copy's own is between
them and whoever reads or writes."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO, Any

from botocore.exceptions import BotoCoreError, ClientError

from infra.commands.data import names, sql
from infra.commands.data.cloud_backups import backups_of
from infra.commands.data.cloud_bucket import CopyBucket, left
from infra.commands.data.cloud_session import CloudSession
from infra.commands.data.cloud_tasks import CloudTasks
from infra.commands.data.ends import SECTIONS, Archive, Backups, DatabaseFacts, DataError, Rows, ServerError
from infra.commands.data.inside import in_database
from infra.commands.data.protection import keeps_data
from infra.commands.data.rows import rows_of
from infra.commands.operations import operations
from infra.commands.operations.cloud_stack import CloudStack, explained
from infra.dsn import DatabaseURL, DSNError

GIB = 1 << 30
ATTEMPTS = 5


class StackDatabase:
    """That of a stack on AWS, an instance of RDS."""

    overhead = 120.0  # for the start of tasks, a minute each
    depth: int | None = None

    def __init__(self, name: str, settings: Mapping[str, object]) -> None:
        self.name = name
        self.production = keeps_data(settings)
        self._stack = CloudStack(name, settings)
        self._same_migrations: set[str] = set()  # databases that were restored
        self._held: CloudSession | None = None  # that of the lock
        self._open()

    @explained
    def _open(self) -> None:
        url, self._instance = serving(self._stack)
        self._serving = url.name
        self._tasks = CloudTasks(self._stack, int(str(self._instance["EngineVersion"]).partition(".")[0]))

    @explained
    def facts(self) -> DatabaseFacts:
        known = json.loads(self._ask(sql.FACTS, self._serving))
        databases: dict[str, int] = known["databases"]
        return DatabaseFacts(
            version=known["version"],
            name=known["name"],
            size=known["size"],
            # Without the growth that RDS may allow it, which takes its time.
            free=max(0, int(self._instance["AllocatedStorage"]) * GIB - sum(databases.values())),
            extensions=known["extensions"],
            available=known["available"],
            old={one: databases[one] for one in names.those(names.BEFORE, self._serving, databases)},
            unfinished=tuple(names.those(names.NEW, self._serving, databases)),
            comment=known["comment"] or "",
            is_rds=True,
        )

    def _ask(self, text: str, database: str = "postgres") -> str:
        return str((self._held or self._tasks).do("ask", sql=text, database=database))

    @explained
    def backups(self) -> Backups:
        return backups_of(self._stack, str(self._instance["DBInstanceIdentifier"]))

    @contextmanager
    def archive(self) -> Iterator[Archive]:
        # The task stays until the archive was read: it empties the bucket if this process is killed.
        with self._bucket() as bucket, self._tasks.session(bucket) as session:
            found = session.do(
                "archive", bucket=bucket.name, sections=list(SECTIONS), rows=sql.IN_FULL + sql.ROWS, facts=sql.FACTS
            )
            facts = json.loads(found["facts"])
            extensions = tuple(facts["extensions"])
            yield _Stored(bucket, self._tasks.role, facts["version"], facts["size"], extensions, rows_of(found["rows"]))

    @contextmanager
    def _bucket(self) -> Iterator[CopyBucket]:
        explained(self._clear)()
        bucket = CopyBucket(self._stack)
        try:
            explained(bucket.make)(self._tasks.role)
            yield bucket
        except BaseException:
            # What went wrong counts. S3 empties the bucket, and a later copy removes it.
            with suppress(BotoCoreError, ClientError):
                bucket.remove()
            raise
        explained(bucket.remove)()

    @contextmanager
    def lock(self) -> Iterator[None]:
        """A task holds it, and does the work under it; when this process is gone, it removes what isn't finished."""
        with self._bucket() as bucket, self._tasks.session(bucket, sql.LOCK) as session:
            self._held = session
            try:
                yield
            finally:
                self._held = None

    def _clear(self) -> None:
        self._tasks.clear()
        for bucket in left(self._stack):
            bucket.remove()

    def restore(self, archive: Archive, into: str) -> Rows:
        session = self._locked()
        if isinstance(archive, _Stored) and archive.admits(self._tasks.role, self._stack.account.region):
            return self._restored(session, archive.bucket, into)
        for section in SECTIONS:
            with archive.open(section, compress=True) as stream:
                # Rows that nobody has compressed are text, which may be larger than they are in a database.
                explained(session.bucket.write)(section, stream, 2 * archive.size)
        return self._restored(session, session.bucket, into)

    def _locked(self) -> CloudSession:
        if not self._held:
            raise RuntimeError("nothing is changed without the lock")
        return self._held

    def _restored(self, session: CloudSession, bucket: CopyBucket, into: str) -> Rows:
        found = session.do(
            "restore",
            # By the session that holds the lock, so that it isn't made after what removes it.
            first=sql.create(into, self._serving),
            undo=sql.drop(into),
            bucket=bucket.name,
            sections=list(SECTIONS),
            into=into,
            settings=sql.settings(into, self._serving),
            rows=sql.IN_FULL + sql.ROWS,
            migrations=sql.MIGRATIONS,
        )
        if found["same_migrations"]:
            self._same_migrations.add(into)
        return rows_of(found["rows"])

    def has_migrations_of(self, database: str) -> bool:
        return database in self._same_migrations

    def run(self, command: Sequence[str], database: str) -> int:
        return operations(self.name).run(in_database(command, database), {}, timeout=None, detach=False)

    def swap(self, new: str, old: str, comment: str = "") -> None:
        self._locked().do(
            "swap",
            sql=sql.swap(self._serving, new, old, comment),
            terminate=sql.terminate(self._serving, new),
            attempts=ATTEMPTS,
        )

    @explained
    def drop(self, databases: Sequence[str]) -> None:
        names.check_made(self._serving, databases)
        text = "".join(map(sql.drop, databases))
        try:
            self._ask(text)
        except DataError:
            if not self._held or self._held.is_open():
                raise
            self._tasks.do("ask", sql=text, database="postgres")


def serving(stack: CloudStack) -> tuple[DatabaseURL, Mapping[str, Any]]:
    """The address that the app has, and the instance of RDS with it. Raises ServerError."""
    try:
        url = DatabaseURL.parse(stack.variable("DATABASE_URL"))
    except (DSNError, RuntimeError) as error:
        raise ServerError(f"The address of {stack.name}'s database can't be read: {error}") from None
    pages = stack.client("rds").get_paginator("describe_db_instances").paginate()
    for instance in (one for page in pages for one in page["DBInstances"]):
        if instance.get("Endpoint", {}).get("Address") == url.host:
            return url, dict(instance)
    raise ServerError(f"No instance of RDS in {stack.account.region} has the address {url.host}")


@dataclass(frozen=True)
class _Stored:
    """What a task wrote into the bucket. `role` is that of its stack's tasks (an ARN)."""

    bucket: CopyBucket
    role: str
    version: int
    size: int
    extensions: tuple[str, ...]
    rows: Rows

    @contextmanager
    def open(self, section: str, *, compress: bool = False) -> Iterator[IO[bytes]]:
        del compress  # the task has done so
        body = explained(self.bucket.read)(section)
        try:
            yield body
        except (BotoCoreError, ClientError) as error:
            raise DataError(f"The archive of the database broke off: {error}. Fix: the same again") from None
        finally:
            body.close()

    def admits(self, role: str, region: str) -> bool:
        """Whether tasks of another role can read the bucket themselves: those of the same account and region."""
        if role.split(":")[4] != self.role.split(":")[4] or region != self.bucket.region:
            return False
        if role != self.role:
            explained(self.bucket.admit)(role)
        return True
