"""The database of a stack on this machine's Docker engine, for copies: all is done by the server's own programs."""

import io
import json
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property
from typing import IO, TYPE_CHECKING, TypedDict
from weakref import finalize

from infra.commands import stack
from infra.commands.data import names, sql
from infra.commands.data.database_copy import say
from infra.commands.data.ends import Archive, Backups, BusyError, DatabaseFacts, DataError, Rows
from infra.commands.data.in_task import first_error, unlimited
from infra.commands.data.inside import in_database
from infra.commands.data.local_disk import WATCH, Watch, free_of
from infra.commands.data.local_program import Program
from infra.commands.data.rows import rows_of
from infra.commands.data.session import Session
from infra.commands.operations import operations
from infra.together import repeating

if TYPE_CHECKING:
    import docker
    from docker.models.containers import Container

END = "django-stack: end of an answer"
ATTEMPTS = 10  # of a swap, each of which waits five seconds at most for connections to end
# psql, and after its end the removal of the database whose name somebody has written into a file meanwhile.
LOCKED = """
UNFINISHED=$(mktemp); export UNFINISHED
"$0" "$@"; status=$?
if [ -s "$UNFINISHED" ]; then dropdb --if-exists --force "$(cat "$UNFINISHED")" < /dev/null; fi
rm -f "$UNFINISHED"; exit $status
"""
RESTORE = ("pg_restore", "--exit-on-error", "--no-owner", "--no-privileges")
LAZY = {"PGOPTIONS": "-c synchronous_commit=off"}  # the swap's commit writes all to the disk
# As many jobs as processors, each with the memory that PostgreSQL's pages advise for a restore: twice the default.
INDEXES = {"PGOPTIONS": "-c synchronous_commit=off -c maintenance_work_mem=128MB"}
# Several jobs need a file.
RESTORE_INDEXES = (
    'set -e; file="/tmp/$PGDATABASE.dump"; trap \'rm -f "$file"\' EXIT; cat > "$file"; '
    f'{shlex.join(RESTORE)} --jobs="$(nproc)" --dbname="$PGDATABASE" "$file"'
)


class StackDatabase:
    """That of a stack on Docker, in its container PREFIX-database."""

    production = False
    overhead = 10.0
    depth: int | None = 3

    def __init__(self, name: str, settings: Mapping[str, object]) -> None:
        del settings  # the containers say all
        self.name = name
        engine = stack.engine()
        stack.web(engine, name)
        self._container = _running(engine, name)
        environment = stack.environment(self._container)
        self._user = environment.get("POSTGRES_USER", "postgres")
        self._serving = environment.get("POSTGRES_DB", self._user)
        self._data = environment.get("PGDATA", "/var/lib/postgresql/data")
        major = environment.get("PG_MAJOR", "")
        self._unlimited = unlimited(int(major) if major.isdecimal() else 0)
        self._same_migrations: set[str] = set()  # databases that were restored
        self._kept: Session | None = None
        self._held: Session | None = None  # the same one, while it holds the lock
        self._beside: Session | None = None  # another one for what the lock's can't do, as long as the lock is held
        self._known: DatabaseFacts | None = None

    # What is asked

    def facts(self) -> DatabaseFacts:
        """While the lock is held, only what copies left is asked for again."""
        if self._known and self._held:
            return replace(self._known, **self._left(json.loads(self._held.ask(sql.DATABASES))))
        asked = f"{sql.connect(self._serving)}{sql.FACTS};\n\\! df -Pk {shlex.quote(self._data)}"
        # The lines of the shell may come first, since psql doesn't write its own at once.
        if self._held:  # whose session stays where the lock is
            with self._session(self._serving) as session:
                answer = session.ask(asked).splitlines()
        else:
            answer = self._asked().ask(asked).splitlines()
        known = json.loads(next(line for line in answer if line.startswith("{")))
        self._known = DatabaseFacts(
            version=known["version"],
            name=known["name"],
            size=known["size"],
            free=free_of("\n".join(line for line in answer if not line.startswith("{"))),
            extensions=known["extensions"],
            available=known["available"],
            comment=known["comment"] or "",
            **self._left(known["databases"]),
        )
        return self._known

    def _asked(self) -> Session:
        """A psql that is kept from the plan to the copy, since each start of one in the container takes its time. What
        it is asked for first is \\connect, which would give up a lock."""
        if self._held:
            raise RuntimeError("the session of the lock stays where the lock is")
        if not self._kept or not self._kept.is_open():
            self._kept = Session(self._line(["sh", "-c", LOCKED, *self._psql_line(self._serving)]), self.name)
            finalize(self, self._kept.close)
        return self._kept

    def _left(self, databases: Mapping[str, int]) -> "_Left":
        """What copies left, by the server's databases."""
        return {
            "old": {one: databases[one] for one in names.those(names.BEFORE, self._serving, databases)},
            "unfinished": tuple(names.those(names.NEW, self._serving, databases)),
        }

    def backups(self) -> Backups:
        return Backups()

    # Reading

    @contextmanager
    def archive(self) -> Iterator[Archive]:
        with self._asked() as session:
            known = json.loads(session.ask(sql.connect(self._serving) + sql.SNAPSHOT))
            session.send(sql.IN_FULL + sql.ROWS)  # counted while the rows are read
            yield _Snapshot(
                self,
                session,
                known["snapshot"],
                version=known["version"],
                size=known["size"],
                extensions=tuple(known["extensions"]),
                lz4=known["lz4"],
            )

    @contextmanager
    def dump(self, snapshot: str, *sections: str, compress: str = "0") -> Iterator[IO[bytes]]:
        """The output of pg_dump for sections of a snapshot that is held."""
        options = ["--format=custom", f"--compress={compress}", *(f"--section={one}" for one in sections)]
        options += [f"--snapshot={snapshot}", "--no-publications", "--no-subscriptions", f"--dbname={self._serving}"]
        line = ["pg_dump", *options]
        with tempfile.TemporaryFile() as complaints:
            process = subprocess.Popen(self._line(line), stdout=subprocess.PIPE, stderr=complaints)
            assert process.stdout is not None  # noqa: S101  # it is piped
            try:
                yield process.stdout
            except BaseException as error:
                # Whoever reads fails at the end of a stream that broke off; the reason is here then.
                broke_off = isinstance(error, DataError) and _ended_badly(process)
                process.kill()
                if not broke_off:
                    raise
            finally:
                process.stdout.close()
                process.wait()
            if process.returncode:
                complaints.seek(0)
                said = first_error(complaints.read().decode(errors="replace"))
                raise DataError(f"The database of {self.name} can't be read: {said}")

    # Writing

    @contextmanager
    def lock(self) -> Iterator[None]:
        """At its end, also when this process is killed, a program in the container removes what isn't finished."""
        with self._asked() as session:
            if session.ask(sql.connect("postgres") + sql.LOCK).strip() != "t":
                raise BusyError(f"Another copy into the stack {self.name} runs. Fix: wait for its end")
            self._held = session
            try:
                yield
            finally:
                self._held = None
                if self._beside:
                    self._beside.kill()

    def _locked(self) -> Session:
        assert self._held, "no lock is held"  # noqa: S101  # as whoever writes does
        return self._held

    def restore(self, archive: Archive, into: str) -> Rows:
        self._make(into)
        with (
            Watch(self._line(["sh", "-c", WATCH, self._data])) as watch,
            ExitStack() as started,
            ThreadPoolExecutor(1) as beside,
        ):
            prepared = beside.submit(self._prepare, archive, into, watch, started)
            indexes = self._fill(archive, into, watch)
            build, session, read = prepared.result()
            say("Building the indexes ...")
            build.give(io.BytesIO(read or indexes))
            say("Analysing and counting ...")
            asked = f"{sql.MIGRATIONS}\\echo {END}\n{sql.IN_FULL}{sql.ANALYZE}{sql.ROWS}"
            asked += f"\\echo {END}\n{sql.connect(self._serving)}{sql.MIGRATIONS}{sql.connect('postgres')}"
            had, rows, serves = session.ask(asked).split(f"{END}\n")
        if had.strip() and had == serves:
            self._same_migrations.add(into)
        return rows_of(rows)

    def _prepare(self, archive: Archive, into: str, watch: Watch, started: ExitStack) -> tuple[Program, Session, bytes]:
        """Starts, while the rows flow, what it is the turn of afterwards; what was read of the indexes meanwhile."""
        read = archive.read("post-data") if isinstance(archive, _Snapshot) else b""
        building = self._line(["sh", "-c", RESTORE_INDEXES], {"PGDATABASE": into, **INDEXES})
        self._beside = self._session(into)
        return started.enter_context(Program(building, self.name, watch)), self._beside, read

    def _make(self, new: str) -> None:
        """An empty database, which doesn't outlive the lock."""
        made = sql.create(new, self._serving) + sql.settings(new, self._serving)
        # In the lock's session, so that it isn't made after what removes it when this process is killed.
        self._locked().ask(f'\\! echo {shlex.quote(new)} > "$UNFINISHED"\n{made}{sql.RESET}')

    def _fill(self, archive: Archive, into: str, watch: Watch) -> bytes:
        """Restores all but the indexes. Their archive, which is small, since no rows are in it; nothing where it can be
        read meanwhile."""
        line = self._line([*RESTORE, f"--dbname={into}"], LAZY)

        def fill(stream: IO[bytes]) -> None:
            with Program(line, self.name, watch, stream) as program:
                program.give(stream)

        if isinstance(archive, _Snapshot):
            with archive.dump("pre-data", "data", compress=self._compress(archive)) as stream:
                fill(stream)
            return b""
        for section in ("pre-data", "data"):
            with archive.open(section) as stream:
                fill(stream)
        with archive.open("post-data") as stream:
            return stream.read()

    def _compress(self, archive: "_Snapshot") -> str:
        """Without compression an archive has a block for each row, which takes both programs a third more time than
        LZ4 and larger blocks."""
        return "lz4" if archive.lz4 and self._locked().ask(sql.LZ4).strip() == "t" else "0"

    def has_migrations_of(self, database: str) -> bool:
        return database in self._same_migrations

    def run(self, command: Sequence[str], database: str) -> int:
        return operations(self.name).run(in_database(command, database), {}, timeout=None, detach=False)

    def swap(self, new: str, old: str, comment: str = "") -> None:
        self._locked().ask("SELECT 1")  # whether it is still held
        for attempt in range(1, ATTEMPTS + 1):
            if not self._beside or not self._beside.is_open():
                self._beside = self._session("postgres")
            try:
                with self._ending(self._serving, new):
                    self._beside.ask(sql.swap(self._serving, new, old, comment))
            except DataError as error:
                self._beside.kill()
                if attempt == ATTEMPTS or "being accessed by other users" not in str(error):
                    raise DataError(f"The names can't be swapped; {self.name} serves what it served. {error}") from None
            else:
                self._locked().ask('\\! : > "$UNFINISHED"')
                return

    def _ending(self, *databases: str) -> AbstractContextManager[None]:
        """Ends connections to the databases again and again, as long as it lasts: new ones come at any moment."""
        session = self._locked()

        def end() -> None:
            with suppress(DataError):
                session.ask(sql.terminate(*databases))

        return repeating(end, 0.05)

    def drop(self, databases: Sequence[str]) -> None:
        names.check_made(self._serving, databases)
        for one in databases:
            self._psql(sql.drop(one), "postgres")

    # The server's programs

    def _psql(self, text: str, database: str) -> str:
        return self._output(self._exec(self._psql_line(database), text.encode()))

    def _output(self, done: "subprocess.CompletedProcess[bytes]") -> str:
        if done.returncode:
            raise DataError(f"The database of {self.name} refuses that: {done.stderr.decode().strip()}")
        return done.stdout.decode()

    @staticmethod
    def _psql_line(database: str) -> list[str]:
        return ["psql", "-qAtX", "-v", "ON_ERROR_STOP=1", f"--dbname={database}"]

    def _session(self, database: str) -> Session:
        return Session(self._line(self._psql_line(database)), self.name)

    def _exec(
        self, line: Sequence[str], content: bytes = b"", variables: Mapping[str, str] | None = None
    ) -> "subprocess.CompletedProcess[bytes]":
        return subprocess.run(self._line(line, variables), input=content, capture_output=True, check=False)

    def _line(self, line: Sequence[str], variables: Mapping[str, str] | None = None) -> list[str]:
        # The container's own socket trusts us, so no password is needed.
        known = {"PGUSER": self._user, "PGOPTIONS": "", **(variables or {})}
        known["PGOPTIONS"] = f"{self._unlimited} {known['PGOPTIONS']}".strip()
        options = [f"--env={name}={value}" for name, value in known.items()]
        return ["docker", "exec", "--interactive", *options, str(self._container.id), *line]


class _Left(TypedDict):
    old: Mapping[str, int]
    unfinished: tuple[str, ...]


@dataclass
class _Snapshot:
    """What the database was when the snapshot was taken, which a session holds. It counts the rows meanwhile."""

    end: StackDatabase
    session: Session
    snapshot: str
    version: int
    size: int
    extensions: tuple[str, ...]
    lz4: bool  # whether its archive can be compressed by that

    @cached_property
    def rows(self) -> Rows:
        return rows_of(self.session.answer())

    def open(self, section: str, *, compress: bool = False) -> AbstractContextManager[IO[bytes]]:
        return self.dump(section, compress="1" if compress else "0")

    def dump(self, *sections: str, compress: str = "0") -> AbstractContextManager[IO[bytes]]:
        """One archive of these sections."""
        return self.end.dump(self.snapshot, *sections, compress=compress)

    def read(self, section: str) -> bytes:
        with self.open(section) as stream:
            return stream.read()


def _ended_badly(process: "subprocess.Popen[bytes]") -> bool:
    try:
        return process.wait(1) != 0
    except subprocess.TimeoutExpired:
        return False


def _running(engine: "docker.DockerClient", name: str) -> "Container":
    container = f"{stack.project_name()}-{name}-database"
    filters = {**stack.filters(name), "name": f"^/{container}$"}
    found = next(iter(engine.containers.list(filters=filters, ignore_removed=True)), None)
    if not found or found.status != "running":
        sys.exit(f"The container {container} is not running. Fix: {stack.make('local', name)}")
    return found
