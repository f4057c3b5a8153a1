"""The database of a stack on this machine's Docker engine, for copies: all is done by the server's own programs."""

import io
import json
import os
import shlex
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from subprocess import DEVNULL, PIPE
from typing import IO, TYPE_CHECKING

from infra.commands import stack
from infra.commands.data import names, sql
from infra.commands.data.database_copy import say
from infra.commands.data.ends import SECTIONS, Archive, Backups, BusyError, DatabaseFacts, DataError, Rows
from infra.commands.data.in_task import first_error
from infra.commands.data.inside import in_database
from infra.commands.data.rows import rows_of
from infra.commands.data.session import Session
from infra.commands.operations import operations

if TYPE_CHECKING:
    import docker
    from docker.models.containers import Container

CHUNK = 1 << 20  # bytes that are held of a stream
RESERVE = 128 << 20  # bytes that are left free, without which the server stops
LOOK = 0.5  # seconds between two looks at the free space
END = "django-stack: end of an answer"
ATTEMPTS = 10  # of a swap, each of which waits five seconds at most for connections to end
RESTORE = ("--exit-on-error", "--no-owner", "--no-privileges")
WATCH = 'while read -r line; do df -Pk "$0" | tail -n 1; done'
# psql, and after its end the removal of the database whose name somebody has written into a file meanwhile.
LOCKED = """
UNFINISHED=$(mktemp); export UNFINISHED
"$0" "$@"; status=$?
if [ -s "$UNFINISHED" ]; then dropdb --if-exists --force "$(cat "$UNFINISHED")" < /dev/null; fi
rm -f "$UNFINISHED"; exit $status
"""
LAZY = {"PGOPTIONS": "-c synchronous_commit=off", "JOBS": "1"}  # the swap's commit writes all to the disk
# As many jobs as processors, each with the memory that PostgreSQL's pages advise for a restore: twice the default.
INDEXES = {"PGOPTIONS": "-c synchronous_commit=off -c maintenance_work_mem=128MB"}
# A file, for several jobs. The comment of an extension is its own, and only a superuser may write it.
RESTORE_SCHEMA = (
    'set -e; file="/tmp/$PGDATABASE.dump"; trap \'rm -f "$file" "$file.list"\' EXIT; cat > "$file"; '
    'pg_restore --list "$file" | grep -v " COMMENT - EXTENSION " > "$file.list" || true; '
    'pg_restore --use-list="$file.list" --section="$SECTION" --jobs="${JOBS:-$(nproc)}" '
    f'{" ".join(RESTORE)} --dbname="$PGDATABASE" "$file"'
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
        self._same_migrations: set[str] = set()  # databases that were restored
        self._held: Session | None = None  # the lock's

    # What is asked

    def facts(self) -> DatabaseFacts:
        # One program for both: each start of one in the container takes its time.
        line = ["sh", "-c", f'{shlex.join(self._psql_line(self._serving))} && {{ df -Pk "$0" || true; }}', self._data]
        answer, _, disk = self._output(self._exec(line, sql.FACTS.encode())).partition("\n")
        known = json.loads(answer)
        databases: dict[str, int] = known["databases"]
        return DatabaseFacts(
            version=known["version"],
            name=known["name"],
            size=known["size"],
            free=_free(disk),
            extensions=known["extensions"],
            available=known["available"],
            old={one: databases[one] for one in names.those(names.BEFORE, self._serving, databases)},
            unfinished=tuple(names.those(names.NEW, self._serving, databases)),
            comment=known["comment"] or "",
        )

    def backups(self) -> Backups:
        return Backups()

    # Reading

    @contextmanager
    def archive(self) -> Iterator[Archive]:
        with self._session(self._serving) as session:
            session.ask("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            snapshot = session.ask("SELECT pg_export_snapshot()").strip()
            version = int(session.ask("SELECT current_setting('server_version_num')::int / 10000"))
            size = int(session.ask("SELECT pg_database_size(current_database())"))
            extensions = session.ask("SELECT extname FROM pg_extension WHERE extname <> 'plpgsql'").split()
            rows = rows_of(session.ask(sql.IN_FULL + sql.ROWS))
            yield _Snapshot(self, snapshot, version, size, tuple(extensions), rows)

    @contextmanager
    def dump(self, snapshot: str, section: str) -> Iterator[IO[bytes]]:
        """The output of pg_dump for a section of a snapshot that is held."""
        options = ["--format=custom", "--compress=0", f"--section={section}", f"--snapshot={snapshot}"]
        line = ["pg_dump", *options, "--no-publications", "--no-subscriptions", f"--dbname={self._serving}"]
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
        with Session(self._line(["sh", "-c", LOCKED, *self._psql_line("postgres")]), self.name) as session:
            if session.ask(sql.LOCK).strip() != "t":
                raise BusyError(f"Another copy into the stack {self.name} runs. Fix: wait for its end")
            self._held = session
            try:
                yield
            finally:
                self._held = None

    def restore(self, archive: Archive, into: str) -> Rows:
        made = sql.create(into, self._serving) + sql.settings(into, self._serving)
        if self._held:  # in its session, so that it isn't made after what removes it when this process is killed
            self._held.ask(f'\\! echo {shlex.quote(into)} > "$UNFINISHED"\n{made}{sql.RESET}')
        else:
            self._psql(made, "postgres")
        for section in SECTIONS:
            if section == "post-data":
                say("Building the indexes ...")
            with archive.open(section) as stream:
                if section == "data":
                    self._feed(stream, ["pg_restore", *RESTORE, f"--dbname={into}"], LAZY)
                else:
                    schema = io.BytesIO(stream.read())  # without rows, so it is small
            if section != "data":
                how = LAZY if section == "pre-data" else INDEXES
                self._feed(schema, ["sh", "-c", RESTORE_SCHEMA], {"PGDATABASE": into, "SECTION": section, **how})
        say("Analysing and counting ...")
        # One program for all: each start of one in the container takes its time.
        asked = f"ANALYZE;\n{sql.MIGRATIONS}\\echo {END}\n{sql.IN_FULL}{sql.ROWS}"
        asked += f"\\echo {END}\n\\connect {sql.identifier(self._serving)}\n{sql.MIGRATIONS}"
        had, rows, serves = self._psql(asked, into).split(f"{END}\n")
        if had.strip() and had == serves:
            self._same_migrations.add(into)
        return rows_of(rows)

    def _feed(self, stream: IO[bytes], line: Sequence[str], variables: Mapping[str, str]) -> None:
        """Gives a program a stream, and ends it before the disk is full, since the server would stop then."""
        with tempfile.TemporaryFile() as complaints:
            given = stream if _is_pipe(stream) else subprocess.PIPE  # a program's output goes there by itself
            process = subprocess.Popen(self._line(line, variables), stdin=given, stderr=complaints)
            watched = _Watch(self._line(["sh", "-c", WATCH, self._data]), process)
            try:
                with watched:
                    if process.stdin:
                        shutil.copyfileobj(stream, process.stdin, CHUNK)
                        process.stdin.close()
                    process.wait()
            except BrokenPipeError:
                process.wait()
            except BaseException:
                process.kill()
                process.wait()
                raise
            if watched.full:
                raise DataError(
                    f"The disk of {self.name}'s database is nearly full, so the copy was ended. Fix: make room, for "
                    f"instance by django-stack data drop-old -s {self.name}"
                )
            if process.returncode:
                complaints.seek(0)
                raise DataError(self._refused(complaints.read()))

    def _refused(self, output: bytes) -> str:
        text = output.decode(errors="replace")
        full = ". Fix: make room on this machine's disk" if "No space left" in text else ""
        return f"The database of {self.name} doesn't take the copy: {first_error(text)}{full}"

    def has_migrations_of(self, database: str) -> bool:
        return database in self._same_migrations

    def run(self, command: Sequence[str], database: str) -> int:
        return operations(self.name).run(in_database(command, database), {}, timeout=None, detach=False)

    def swap(self, new: str, old: str, comment: str = "") -> None:
        done = None
        for _ in range(ATTEMPTS):
            with self._ending(self._serving, new):
                done = self._exec(self._psql_line("postgres"), sql.swap(self._serving, new, old, comment).encode())
            if done.returncode == 0:
                if self._held:
                    self._held.ask('\\! : > "$UNFINISHED"')
                return
            if b"being accessed by other users" not in done.stderr:
                break
        assert done is not None  # noqa: S101
        raise DataError(f"The names can't be swapped, nothing was changed: {done.stderr.decode().strip()}")

    @contextmanager
    def _ending(self, *databases: str) -> Iterator[None]:
        """Ends connections to the databases again and again, as long as it lasts: new ones come at any moment."""
        ended = threading.Event()

        def end() -> None:
            with suppress(DataError), self._session("postgres") as session:
                while not ended.wait(0.05):
                    session.ask(sql.terminate(*databases))

        thread = threading.Thread(target=end, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

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

    @contextmanager
    def _session(self, database: str) -> Iterator[Session]:
        with Session(self._line(self._psql_line(database)), self.name) as session:
            yield session

    def _exec(
        self, line: Sequence[str], content: bytes = b"", variables: Mapping[str, str] | None = None
    ) -> "subprocess.CompletedProcess[bytes]":
        return subprocess.run(self._line(line, variables), input=content, capture_output=True, check=False)

    def _line(self, line: Sequence[str], variables: Mapping[str, str] | None = None) -> list[str]:
        # The container's own socket trusts us, so no password is needed.
        known = {"PGUSER": self._user, **(variables or {})}
        options = [f"--env={name}={value}" for name, value in known.items()]
        return ["docker", "exec", "--interactive", *options, str(self._container.id), *line]


@dataclass(frozen=True)
class _Snapshot:
    """What the database was when the snapshot was taken, which a session holds."""

    end: StackDatabase
    snapshot: str
    version: int
    size: int
    extensions: tuple[str, ...]
    rows: Rows

    def open(self, section: str) -> AbstractContextManager[IO[bytes]]:
        return self.end.dump(self.snapshot, section)


class _Watch:
    """Looks at the free space, by a command line that says it each time it is asked, and ends a program when there is
    too little."""

    def __init__(self, line: Sequence[str], process: "subprocess.Popen[bytes]") -> None:
        self.full = False
        self._line, self._process = line, process
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def _look(self) -> None:
        if self._ended.wait(LOOK):
            return
        with suppress(BrokenPipeError), subprocess.Popen(self._line, stdin=PIPE, stdout=PIPE, stderr=DEVNULL) as asked:
            assert asked.stdin and asked.stdout  # noqa: S101, PT018  # they are piped
            while not self._ended.wait(LOOK):
                asked.stdin.write(b"\n")
                asked.stdin.flush()
                free = _free(asked.stdout.readline().decode(errors="replace"))
                if free is not None and free < RESERVE:
                    self.full = True
                    self._process.kill()
                    return

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()


def _free(said: str) -> int | None:
    """Bytes that are free by the last line of df; None where it says nothing of the kind."""
    words = (said.splitlines() or [""])[-1].split()
    return int(words[3]) * 1024 if len(words) > 3 and words[3].isdigit() else None


def _is_pipe(stream: IO[bytes]) -> bool:
    """Whether it is the end of a pipe, from which nothing was read yet."""
    try:
        return stat.S_ISFIFO(os.fstat(stream.fileno()).st_mode)
    except (AttributeError, OSError):  # what is no file has no number
        return False


def _ended_badly(process: "subprocess.Popen[bytes]") -> bool:
    try:
        return process.wait(1) != 0
    except subprocess.TimeoutExpired:
        return False


def _running(engine: "docker.DockerClient", name: str) -> "Container":
    container = f"{stack.project_name()}-{name}-database"
    filters = {**stack.filters(name), "name": f"^/{container}$"}
    found = next(iter(engine.containers.list(filters=filters)), None)
    if not found or found.status != "running":
        sys.exit(f"The container {container} is not running. Fix: {stack.make('local', name)}")
    return found
