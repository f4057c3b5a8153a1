"""The databases of a rehearsal's stacks, asked without AWS, in the containers that stand for RDS."""

from __future__ import annotations

import subprocess

from tests.bare_stacks import CHECKSUMS
from tests.rehearsal.stacks import Stack


def query(stack: Stack, text: str, database: str = "app", *, name: str = "rehearsal") -> str:
    """What psql prints. `name` is the stack's."""
    container = str(stack.emulator.find(f"db_id=django-stack-{name}"))
    line = ["docker", "exec", "-i", container, "psql", "-qAtX", "-v", "ON_ERROR_STOP=1", "-U", "app", "-d", database]
    return subprocess.run(line, input=text, capture_output=True, text=True, check=True).stdout


def databases(stack: Stack, *, name: str = "rehearsal") -> list[str]:
    return query(stack, "SELECT datname FROM pg_database", name=name).split()


def buckets(stack: Stack) -> list[str]:
    """Those of copies."""
    return [one["Name"] for one in stack.client("s3").list_buckets()["Buckets"] if "--copy-" in one["Name"]]


def checksums(stack: Stack, *, name: str = "rehearsal") -> dict[str, str]:
    """One of each table's rows."""
    statements = query(stack, CHECKSUMS, name=name).splitlines()
    lines = query(stack, ";".join(statements), name=name).splitlines()
    return dict(line.rpartition("|")[::2] for line in lines)
