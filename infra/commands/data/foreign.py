"""A database as pg_dump itself writes it, which is what other platforms hand out, and its way into a stack."""

import shlex
import zlib
from contextlib import suppress
from typing import IO

from infra.commands import stack
from infra.commands.data.ends import DataError
from infra.commands.operations import platform_of

HEAD = 2**16  # bytes
GZIP = b"\x1f\x8b"
ARCHIVES = (b"PGDMP", b"toc.dat\0")  # how pg_dump's custom format begins, and its tar
SCRIPT = b"-- PostgreSQL database dump"
EMPTY = "DROP SCHEMA public CASCADE; CREATE SCHEMA public"
PAGE = "docs/data.md, Data from elsewhere"


class ForeignError(DataError):
    """The file is of pg_dump: one of its archives or a script, `is_packed` by gzip."""

    def __init__(self, *, is_archive: bool, is_packed: bool) -> None:
        kind = "an archive of pg_dump" if is_archive else "SQL of pg_dump"
        super().__init__(f"This is {kind}, and no archive of django-stack dump, nothing was changed")
        self.is_archive, self.is_packed = is_archive, is_packed


def refuse(file: IO[bytes]) -> None:
    """Raises ForeignError for a file that pg_dump has written."""
    file.seek(0)
    head = file.read(HEAD)
    is_packed = head.startswith(GZIP)
    if is_packed:
        with suppress(zlib.error):
            head = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16).decompress(head, HEAD)
    is_archive = head.startswith(ARCHIVES)
    if is_archive or SCRIPT in head[:100]:
        raise ForeignError(is_archive=is_archive, is_packed=is_packed)


def way_into(name: str, file: str, found: ForeignError) -> str:
    """What is to be done to get the database in the file into the stack: for a local one, the commands.

    psql reads a file, and runs it as one transaction: what is broken off, or fails, changes nothing then.
    """
    quoted, source, script = shlex.quote(name), shlex.quote(file), shlex.quote(f"{file}.sql")
    if platform_of(name) != "local":
        return f"load it into a local stack, then django-stack copy LOCAL {quoted}"
    # The container's own program fits its server, which one of this machine may not.
    restoring = f"docker exec -i {stack.project_name()}-{quoted}-database pg_restore --no-owner --no-acl -f -"
    steps = [f"gunzip -c {source}"] if found.is_packed else []
    if found.is_archive:
        steps.append(restoring if steps else f"{restoring} < {source}")
    making = [f"{' | '.join(steps)} > {script}"] if steps else []
    loading = f"django-stack psql -s {quoted} -1 -v ON_ERROR_STOP=1 -c {shlex.quote(EMPTY)} -f -"
    migrating = f"django-stack manage -s {quoted} migrate"
    return " && ".join([*making, f"{loading} < {script if steps else source}", migrating])
