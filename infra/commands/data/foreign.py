"""A database as pg_dump itself writes it, which is what other platforms hand out, and its way into a stack."""

import gzip
import shlex
import zlib
from contextlib import suppress
from typing import IO

from infra.commands import stack
from infra.commands.data import protection
from infra.commands.data.ends import DataError
from infra.commands.operations import platform_of, read_settings

BLOCK = 2**16  # bytes
GZIP = b"\x1f\x8b"
ARCHIVES = (b"PGDMP", b"toc.dat\0")  # how pg_dump's custom format begins, and its tar
SCRIPT = b"-- PostgreSQL database dump"
END = "PostgreSQL database dump complete"
LAST = 9  # lines of a script, one of which has its end
EMPTY = "DROP SCHEMA public CASCADE; CREATE SCHEMA public;"
PAGE = "docs/data.md, Data from elsewhere"


class ForeignError(DataError):
    """The file is of pg_dump: one of its archives or a script, `is_packed` by gzip."""

    def __init__(self, *, is_archive: bool, is_packed: bool) -> None:
        kind = "an archive of pg_dump" if is_archive else "SQL of pg_dump"
        super().__init__(f"This is {kind}, and no archive of django-stack dump, nothing was changed")
        self.is_archive, self.is_packed = is_archive, is_packed


def refuse(file: IO[bytes]) -> None:
    """Raises ForeignError for a file that pg_dump has written, and another DataError for a script without its end."""
    file.seek(0)
    head = file.read(BLOCK)
    is_packed = head.startswith(GZIP)
    if is_packed:
        with suppress(zlib.error):
            head = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16).decompress(head, BLOCK)
    is_archive = head.startswith(ARCHIVES)
    is_script = SCRIPT in head[:100]
    if is_script and END.encode() not in _last_lines(file, is_packed=is_packed):
        raise DataError("This is SQL of pg_dump whose end is missing. Fix: another copy of it, or another dump")
    if is_archive or is_script:
        raise ForeignError(is_archive=is_archive, is_packed=is_packed)


def _last_lines(file: IO[bytes], *, is_packed: bool) -> bytes:
    """The last lines in a file, as far as it can be unpacked."""
    file.seek(0)
    content: IO[bytes] | gzip.GzipFile = gzip.GzipFile(fileobj=file) if is_packed else file
    last = b""
    with suppress(EOFError, zlib.error, gzip.BadGzipFile):
        while block := content.read(BLOCK):
            last = (last + block)[-BLOCK:]
    return b"".join(last.splitlines(keepends=True)[-LAST:])


def way_into(name: str, file: str, found: ForeignError) -> str:
    """What is to be done to get the database in the file into the stack: for a local one, the commands.

    What is broken off, or fails, changes nothing.
    """
    quoted, source, script = shlex.quote(name), shlex.quote(file), shlex.quote(f"{file}.sql")
    if platform_of(name) != "local":
        typed = f" --into-production {quoted}" if protection.keeps_data(read_settings(name)) else ""
        return f"load it into a local stack, then django-stack copy LOCAL {quoted} --database{typed}"
    # The container's own program fits its server, which one of this machine may not. Without --single-transaction, its
    # script commits behind large objects, which would end the transaction that the whole runs in.
    restore = "pg_restore --no-owner --no-acl --single-transaction -f -"
    restoring = f"docker exec -i {stack.project_name()}-{quoted}-database {restore}"
    steps = [f"gunzip -c {source}"] if found.is_packed else []
    if found.is_archive:
        steps.append(restoring if steps else f"{restoring} < {source}")
    making = [f"{' | '.join(steps)} > {script}"] if steps else []
    migrating = f"django-stack manage -s {quoted} migrate"
    return " && ".join([*making, _loading(quoted, script if steps else source), migrating])


def _loading(name: str, script: str) -> str:
    """Replaces what the database has by a whole script, in one transaction.

    For psql the end of its input ends a table's rows, too, and with -1 it would commit half of a script then. So the
    commit arrives after the script; where it doesn't, DISCARD ALL fails, as it does in every transaction.
    """
    is_whole = f"tail -n {LAST} {script} | grep {shlex.quote(END)}"
    lines = f"echo {shlex.quote(f'BEGIN; {EMPTY}')} && cat {script} && echo 'COMMIT;'"
    return f"{is_whole} && {{ {lines}; }} | django-stack psql -s {name} -v ON_ERROR_STOP=1 -f - -c 'DISCARD ALL'"
