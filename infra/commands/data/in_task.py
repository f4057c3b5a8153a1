"""Runs in a one-off task of the cloud, beside the database: PostgreSQL's own programs between it and S3.

Its text is the command of a task definition, in an image whose Python is of the app's choice: nothing of infra here,
only the standard library and boto3. The variable WORK says what is to be done, as JSON; the answer is printed on one
line behind MARK. Streams go through pipes, never whole into memory.
"""

import json
import os
import subprocess
import sys
import threading
from contextlib import suppress
from typing import IO, Any
from urllib.parse import parse_qsl, unquote, urlsplit

MARK = "django-stack data: "
TOOLS = "/tmp/postgres"  # noqa: S108  # where a container of PostgreSQL's image has put its programs
FILE = "/tmp/schema.dump"  # noqa: S108  # without rows
CHUNK = 1 << 20
PART = 16 << 20  # bytes of a part of an upload; S3 takes 10,000 of them
END = "end of the answer"


class WorkError(Exception):
    """Why it can't be done; nothing personal is in it."""


def main() -> None:
    work = json.loads(os.environ["WORK"])
    try:
        found = ACTIONS[work.pop("action")](**work)
    except WorkError as error:
        print(MARK + json.dumps({"error": str(error)}), flush=True)
        sys.exit(1)
    print(MARK + json.dumps({"found": found}), flush=True)


def environment(database: str) -> dict[str, str]:
    """libpq's variables for one of the databases of the server that DATABASE_URL names."""
    url = urlsplit(os.environ["DATABASE_URL"])
    known = {
        "PGHOST": url.hostname or "",
        "PGPORT": str(url.port or 5432),
        "PGUSER": unquote(url.username or ""),
        "PGPASSWORD": unquote(url.password or ""),
        "PGDATABASE": database or unquote(url.path[1:]),
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
                subprocess.run(
                    line(*PSQL),
                    input=terminate,
                    env=environment("postgres"),
                    capture_output=True,
                    text=True,
                    check=False,
                )

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


class Snapshot:
    """A session of psql that holds a transaction open."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            line(*PSQL), env=environment(""), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, sql: str) -> str:
        stdin, stdout = piped(self.process.stdin), piped(self.process.stdout)
        stdin.write(f"{sql}\n;\n\\echo {END}\n")
        stdin.flush()
        lines = []
        while (one := stdout.readline()) != f"{END}\n":
            if not one:
                raise WorkError("the database ended the session that holds the snapshot")
            lines.append(one)
        return "".join(lines)


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
    session = Snapshot()
    session.ask("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
    snapshot = session.ask("SELECT pg_export_snapshot()").strip()
    found = {"facts": session.ask(facts), "rows": session.ask(rows)}
    for section in sections:
        options = ["--format=custom", "--compress=1", f"--section={section}", f"--snapshot={snapshot}"]
        process = subprocess.Popen(
            line("pg_dump", *options, "--no-publications", "--no-subscriptions"),
            env=environment(""),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        complaints = Complaints(process)
        upload(piped(process.stdout), bucket, section)
        complaints.judge()
    return found


def restore(  # what WORK has
    bucket: str, sections: list[str], into: str, create: str, settings: str, rows: str, migrations: str
) -> dict[str, Any]:
    """Makes a database and fills it with the sections in the bucket; the rows of its tables, and whether it has had the
    migrations of the one that serves."""
    ask(create, "postgres")
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
        env={**environment(into), "PGOPTIONS": "-c synchronous_commit=off"},
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    complaints, stdin = Complaints(process), piped(process.stdin)
    with suppress(BrokenPipeError):
        while chunk := body.read(CHUNK):
            stdin.write(chunk)
        stdin.close()
    complaints.judge()


def client() -> Any:
    import boto3  # noqa: PLC0415  # not every work needs it

    return boto3.client("s3", region_name=os.environ["WORK_REGION"])


def upload(stream: IO[bytes], bucket: str, key: str) -> None:
    from boto3.s3.transfer import TransferConfig  # noqa: PLC0415

    config = TransferConfig(multipart_chunksize=PART, multipart_threshold=PART, max_concurrency=2)
    client().upload_fileobj(stream, bucket, key, Config=config)


def first_error(output: str) -> str:
    """The error that a program of PostgreSQL printed first, without values, which may be personal."""
    lines = output.strip().splitlines()
    said = next((one for one in lines if "error:" in one.lower()), lines[-1] if lines else "it gives no reason")
    head, colon, value = said.rpartition(": ")
    return head if colon and value.startswith('"') else said


ACTIONS: dict[str, Any] = {"ask": ask, "swap": swap, "archive": archive, "restore": restore}

if __name__ == "__main__":
    main()
