"""Copies as the rehearsal's tests make them: measured, in the background, with a connection that breaks off."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.broken_way import way_to
from tests.rehearsal.databases import buckets
from tests.rehearsal.stacks import Stack
from tests.waiting import wait_until

MEMORY = 200 * 2**20  # bytes that a command has at most, whatever it copies
SILENCE = 10.0  # seconds after which a task takes a killed command's copy away, a minute with the commands themselves
IMPATIENT = f"""
import atexit, os, re
def measure():
    with open(os.environ.get("MEASURED", os.devnull), "w") as file, open("/proc/self/status") as status:
        file.write(str(int(re.search("VmHWM:\\\\s+([0-9]+) kB", status.read())[1]) * 1024))
atexit.register(measure)
from datetime import timedelta
from infra.commands.data import cloud_bucket, cloud_session
cloud_session.BEAT, cloud_session.SILENCE, cloud_bucket.OLD = 1.0, {SILENCE}, timedelta(seconds={SILENCE})
from botocore.retries.standard import ExponentialBackoff
ExponentialBackoff.delay_amount = lambda self, context: 0.2
from infra.commands.main import main
main()
"""


def start(stack: Stack, *words: str, **variables: str) -> subprocess.Popen[str]:
    """A command whose tasks lose patience soon; `variables` are more ones of its environment."""
    return subprocess.Popen(
        [sys.executable, "-c", IMPATIENT, *words],
        cwd=stack.folder,
        env={**stack.environment, **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def end(process: subprocess.Popen[str], seconds: float = 300) -> tuple[int, str]:
    """Its exit status, and all that it printed."""
    output, _ = process.communicate(timeout=seconds)
    return process.returncode, output


def run(stack: Stack, *words: str) -> str:
    """What a command printed that has to succeed, and to be content with its memory; both are printed, and its time."""
    began = time.monotonic()
    with tempfile.NamedTemporaryFile("r") as file:
        status, output = end(start(stack, *words, MEASURED=file.name), 900)
        memory = int(file.read())
    print(f"{' '.join(words)}: {time.monotonic() - began:.1f} s, {memory / 2**20:.0f} MiB at most\n{output}")
    assert status == 0, output
    assert memory < MEMORY, f"{memory / 2**20:.0f} MiB"
    return output


def tasks(stack: Stack, name: str) -> list[Any]:
    """The tasks of copies that run in a stack."""
    ecs, cluster = stack.client("ecs"), f"django-stack-{name}"
    arns = ecs.list_tasks(cluster=cluster)["taskArns"]
    found = ecs.describe_tasks(cluster=cluster, tasks=arns)["tasks"] if arns else []
    return [one for one in found if str(one.get("startedBy", "")).startswith("data")]


def nothing_runs(stack: Stack, *names: str) -> None:
    """Waits until no task of a copy runs in the stacks."""
    for name in names:
        wait_until(lambda of=name: not tasks(stack, of), f"the end of {name}'s tasks", 4 * SILENCE)  # type: ignore[misc]


def nothing_left(stack: Stack, *names: str) -> None:
    """Waits for the end of the tasks. No bucket and no task definition may be left then."""
    nothing_runs(stack, *names)
    for name in names:
        family = f"django-stack-{name}-data"
        found = stack.client("ecs").list_task_definitions(familyPrefix=family, status="ACTIVE")
        assert found["taskDefinitionArns"] == []
    assert buckets(stack) == []


@contextmanager
def breaking_off(port: int, after: int) -> Iterator[int]:
    """A way to a port of this machine on which all connections break off for good, once one has had `after` bytes."""
    broken = threading.Event()

    def passes(brought: int, _: bool) -> bool:
        if brought > after:
            broken.set()
        return not broken.is_set()

    with way_to(port, passes) as way:
        yield way
        assert broken.is_set(), "nothing broke off"
