"""Runs in a one-off task of the cloud, beside the database: PostgreSQL's own programs between it and S3.

Its text is the command of a task definition, in an image whose Python is of the app's choice: nothing of infra here,
only the standard library and boto3. The variable WORK says what is to be done, as JSON; the answer is printed on one
line behind MARK. Streams go through pipes, never whole into memory.

`serve` does one work after another, each in a program of its own, for as long as the command says that it is there.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from typing import IO, Any
from urllib.parse import parse_qsl, unquote, urlsplit

MARK = "django-stack data: "
TOOLS = "/tmp/postgres"  # noqa: S108  # where a container of PostgreSQL's image has put its programs
FILE = "/tmp/schema.dump"  # noqa: S108  # without rows
CHUNK = 1 << 20
PART = 16 << 20  # bytes of a part of an upload at least
PARTS = 9000  # of the 10,000 that S3 takes of an upload, so that it may become larger than it was said to be
END = "end of the answer"
ORDERS, ANSWER = "orders", "answer-"  # objects of a bucket: what the command wants, and what it gets
LOOK = 1.0  # seconds between two looks at the orders
LIMITS = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "idle_session_timeout")
NEWER_LIMIT = "transaction_timeout"  # since PostgreSQL 17; an older server refuses a connection that names it
PATIENCE = 1.5  # times that a command may be silent: how long one waits for the lock of another


class WorkError(Exception):
    """Why it can't be done; nothing personal is in it."""


class BusyError(WorkError):
    """Somebody else holds the lock."""


class SilenceError(WorkError):
    """The command is gone."""


def main() -> None:
    work = json.loads(os.environ["WORK"])
    try:
        found = ACTIONS[work.pop("action")](**work)
    except WorkError as error:
        print(MARK + json.dumps({"error": str(error), "busy": isinstance(error, BusyError)}), flush=True)
        sys.exit(1)
    except Exception as error:  # what it says may have anything in it
        print(MARK + json.dumps({"error": f"the work ended by {type(error).__name__}"}), flush=True)
        raise
    print(MARK + json.dumps({"found": found}), flush=True)


def unlimited(version: int) -> str:
    """PGOPTIONS for a server of that major version: the limits of time that somebody gave it, a database or a user end
    no session of a copy. pg_dump and pg_restore lift most of them themselves."""
    return " ".join(f"-c {name}=0" for name in (*LIMITS, *([NEWER_LIMIT] if version >= 17 else [])))


def environment(database: str, more: str = "") -> dict[str, str]:
    """libpq's variables for one of the databases of the server that DATABASE_URL names; `more` are options of its."""
    url, own = urlsplit(os.environ["DATABASE_URL"]), os.environ.get("PGOPTIONS", "")
    known = {
        "PGHOST": url.hostname or "",
        "PGPORT": str(url.port or 5432),
        "PGUSER": unquote(url.username or ""),
        "PGPASSWORD": unquote(url.password or ""),
        "PGDATABASE": database or unquote(url.path[1:]),
        "PGOPTIONS": f"{own} {unlimited(int(os.environ['WORK_POSTGRES']))} {more}".strip(),
    }
    options = {f"PG{name.upper()}": value for name, value in parse_qsl(url.query) if name.startswith("ssl")}
    return {**os.environ, **known, **options}


def line(program: str, *arguments: str) -> list[str]:
    """One of PostgreSQL's programs with the C library that it was built for, whatever this image has."""
    return [f"{TOOLS}/loader", "--library-path", f"{TOOLS}/lib", f"{TOOLS}/{program}", *arguments]


def piped(stream: IO[Any] | None) -> IO[Any]:
    """A stream of a program that was started with a pipe there."""
    if stream is None:
        raise WorkError("a program has no pipe")
    return stream


PSQL = ("psql", "-qAtX", "-v", "ON_ERROR_STOP=1")


def ask(sql: str, database: str = "") -> str:
    """What psql prints."""
    done = subprocess.run(
        line(*PSQL), input=sql, env=environment(database), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise WorkError(first_error(done.stderr))
    return done.stdout


def swap(sql: str, terminate: str, attempts: int) -> None:
    """Renames databases, while the connections to them are ended again and again."""
    for attempt in range(attempts):
        over = threading.Event()

        def end(over: threading.Event = over) -> None:
            while not over.wait(0.1):
                with suppress(WorkError):
                    ask(terminate, "postgres")

        thread = threading.Thread(target=end, daemon=True)
        thread.start()
        try:
            ask(sql, "postgres")
        except WorkError as error:
            if "being accessed by other users" not in str(error) or attempt == attempts - 1:
                raise
        else:
            return
        finally:
            over.set()
            thread.join()


class Session:
    """psql that stays open: it holds a transaction, or a lock, which end with it."""

    def __init__(self, database: str, what: str) -> None:
        self._what, self._complaints = what, tempfile.TemporaryFile()  # noqa: SIM115  # as long as this process
        self.process = subprocess.Popen(
            line(*PSQL),
            env=environment(database),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            text=True,
        )

    def ask(self, sql: str) -> str:
        """What the server answers. Raises WorkError when it refuses, or is gone."""
        stdin, stdout = piped(self.process.stdin), piped(self.process.stdout)
        lines: list[str] = []
        with suppress(BrokenPipeError):
            stdin.write(f"{sql}\n;\n\\echo {END}\n")
            stdin.flush()
            while one := stdout.readline():
                if one == f"{END}\n":
                    return "".join(lines)
                lines.append(one)
        self.process.wait()
        self._complaints.seek(0)
        said = first_error(self._complaints.read().decode(errors="replace"))
        raise WorkError(f"the session that holds {self._what} ended: {said}")

    def end(self, sql: str) -> bool:
        """Ends it with a last statement, after whatever it does yet; whether that was done."""
        with suppress(subprocess.TimeoutExpired, OSError, ValueError):
            self.process.communicate(sql, timeout=20)  # ECS waits half a minute
            return self.process.returncode == 0
        self.process.kill()
        return False


class Complaints:
    """What a program says on standard error, read while it runs."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process, self._said = process, b""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        self._said = piped(self._process.stderr).read()

    def judge(self) -> None:
        """Waits for the program's end. Raises WorkError when it failed."""
        self._process.wait()
        self._reader.join()
        if self._process.returncode:
            raise WorkError(first_error(self._said.decode(errors="replace")))


def archive(bucket: str, sections: list[str], rows: str, facts: str) -> dict[str, Any]:
    """Writes the sections of one snapshot into the bucket; the answers to both queries in that snapshot."""
    session = Session("", "the snapshot")
    session.ask("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
    snapshot = session.ask("SELECT pg_export_snapshot()").strip()
    found = {"facts": session.ask(facts), "rows": session.ask(rows)}
    size = json.loads(found["facts"])["size"]  # a compressed archive isn't larger
    for section in sections:
        options = ["--format=custom", "--compress=1", f"--section={section}", f"--snapshot={snapshot}"]
        process = subprocess.Popen(
            line("pg_dump", *options, "--no-publications", "--no-subscriptions"),
            env=environment(""),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        complaints = Complaints(process)
        client().upload_fileobj(piped(process.stdout), bucket, section, Config=in_parts(size))
        complaints.judge()
    return found


def restore(bucket: str, sections: list[str], into: str, settings: str, rows: str, migrations: str) -> dict[str, Any]:
    """Fills a new database with the sections in the bucket; the rows of its tables, and whether it has had the
    migrations of the one that serves."""
    ask(settings, "postgres")
    for section in sections:
        body = client().get_object(Bucket=bucket, Key=section)["Body"]
        if section == "data":
            pour(body, into)
        else:
            restore_schema(body.read(), section, into)
    ask("ANALYZE;", into)
    known, found = ask(migrations), ask(migrations, into)
    return {"rows": ask(rows, into), "same_migrations": bool(found.strip()) and found == known}


def restore_schema(content: bytes, section: str, into: str) -> None:
    """Restores all but the comments of extensions, which only a superuser may write."""
    with open(FILE, "wb") as file:  # noqa: PTH123
        file.write(content)
    listed = subprocess.run(line("pg_restore", "--list", FILE), capture_output=True, text=True, check=True).stdout
    with open(f"{FILE}.list", "w") as file_:  # noqa: PTH123
        file_.write("".join(f"{one}\n" for one in listed.splitlines() if " COMMENT - EXTENSION " not in one))
    options = [f"--use-list={FILE}.list", f"--section={section}", f"--jobs={os.cpu_count() or 1}"]
    done = subprocess.run(
        line("pg_restore", *options, *RESTORE, f"--dbname={into}", FILE),
        env=environment(into),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise WorkError(first_error(done.stderr))


RESTORE = ("--exit-on-error", "--no-owner", "--no-privileges")


def pour(body: Any, into: str) -> None:
    """Restores rows from a stream."""
    process = subprocess.Popen(
        line("pg_restore", *RESTORE, f"--dbname={into}"),
        env=environment(into, "-c synchronous_commit=off"),
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    complaints, stdin = Complaints(process), piped(process.stdin)
    with suppress(BrokenPipeError):
        while chunk := body.read(CHUNK):
            stdin.write(chunk)
        stdin.close()
    complaints.judge()


def part_size(size: int) -> int:
    """Bytes of each part of an upload of about that size: full MiB."""
    return max(PART, -(-size // (PARTS << 20)) << 20)


def client() -> Any:
    import boto3  # noqa: PLC0415  # not every work needs it

    return boto3.client("s3", region_name=os.environ["WORK_REGION"])


def in_parts(size: int) -> Any:
    """How boto3 uploads a stream of about that size."""
    from boto3.s3.transfer import TransferConfig  # noqa: PLC0415

    part = part_size(size)
    config = TransferConfig(multipart_chunksize=part, multipart_threshold=part, max_concurrency=2)
    config.max_in_memory_upload_chunks = 2  # of ten; with the one that is read meanwhile, three parts are in memory
    return config


def first_error(output: str) -> str:
    """The error that a program of PostgreSQL printed first, without values, which may be personal."""
    lines = output.strip().splitlines()
    said = next((one for one in lines if "error:" in one.lower()), lines[-1] if lines else "it gives no reason")
    head, colon, value = said.rpartition(": ")
    return head if colon and value.startswith('"') else said


class Server:
    """Does what the object ORDERS of a bucket says: one work at a time, of which a newer one takes the place.

    An order may have statements for the session of the lock: `first`, and `undo`, which is done in the end, however
    that comes. So the session makes a database, and removes it when the command is gone before it took its place;
    nothing makes it any more after that.
    """

    def __init__(self, bucket: str, seconds: float) -> None:
        self._bucket, self._seconds, self._s3 = bucket, seconds, client()
        self._said, self._heard, self._number = b"", time.monotonic(), 0
        self._session: Session | None = None
        self._worker: subprocess.Popen[bytes] | None = None
        self._output: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  # as long as this process
        self._undo = ""

    def run(self, lock: str) -> None:
        """Until SIGTERM. `lock` is a query that says whether it was had, if there is to be one. Raises WorkError."""
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        try:
            try:
                if lock:
                    self._acquire(lock)
                self._answer({"found": None})
                while True:
                    self._look()
                    time.sleep(LOOK)
            finally:
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                self._clean()
        except SilenceError:
            self._empty()
            raise

    def _acquire(self, lock: str) -> None:
        self._session = Session("postgres", "the lock")
        until = time.monotonic() + PATIENCE * self._seconds  # that of a killed command goes before
        while self._session.ask(lock).strip() != "t":
            if time.monotonic() > until:
                raise BusyError("another copy runs")
            self._orders()
            time.sleep(LOOK)

    def _orders(self) -> dict[str, Any]:
        with suppress(Exception):  # the next look comes soon enough
            said = self._s3.get_object(Bucket=self._bucket, Key=ORDERS)["Body"].read()
            if said != self._said:
                self._said, self._heard = said, time.monotonic()
        if time.monotonic() - self._heard > self._seconds:
            raise SilenceError(f"the command has said nothing for {self._seconds:.0f} seconds, so its copy was removed")
        found: dict[str, Any] = json.loads(self._said or b'{"number": 0}')
        return found

    def _look(self) -> None:
        order = self._orders()
        if order["number"] > self._number:
            self._begin(order)
        elif self._worker and self._worker.poll() is not None:
            self._output.seek(0)
            lines = [one for one in self._output.read().decode().splitlines() if one.startswith(MARK)]
            failure = {"error": f"the work ended with exit status {self._worker.returncode}"}
            self._worker = None
            self._answer(json.loads(lines[-1].removeprefix(MARK)) if lines else failure)

    def _begin(self, order: dict[str, Any]) -> None:
        self._end_worker()
        self._number = order["number"]
        self._undo = order["undo"] or self._undo
        if self._session:
            self._session.ask(order["first"] or "SELECT 1")
        self._output = tempfile.TemporaryFile()  # noqa: SIM115
        self._worker = subprocess.Popen(
            [sys.executable, *sys.orig_argv[1:]],  # this program
            env={**os.environ, "WORK": json.dumps(order["work"])},
            stdout=self._output,
            start_new_session=True,
        )

    def _answer(self, answer: dict[str, Any]) -> None:
        self._s3.put_object(Bucket=self._bucket, Key=f"{ANSWER}{self._number}", Body=json.dumps(answer).encode())

    def _end_worker(self) -> None:
        if self._worker:
            with suppress(ProcessLookupError):
                os.killpg(self._worker.pid, signal.SIGKILL)
            self._worker.wait()
            self._worker = None

    def _clean(self) -> None:
        self._end_worker()
        if self._session and not self._session.end(self._undo) and self._undo:
            ask(self._undo, "postgres")

    def _empty(self) -> None:
        """Removes what is in the bucket; whoever copies next removes the bucket."""
        for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket):
            for one in page.get("Contents", []):
                self._s3.delete_object(Bucket=self._bucket, Key=one["Key"])


def serve(bucket: str, lock: str, seconds: float) -> None:
    Server(bucket, seconds).run(lock)


ACTIONS: dict[str, Any] = {"ask": ask, "swap": swap, "archive": archive, "restore": restore, "serve": serve}

if __name__ == "__main__":
    main()
