"""The task that works for a command: real processes, with programs and folders that stand for PostgreSQL's and S3."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.commands.data import in_task
from infra.commands.data.in_task import ANSWER, MARK, ORDERS
from tests.waiting import wait_until

SECONDS = 2.5  # of silence
BUCKET = "copy"
LOCK = "lock"
# A statement in a line: databases are files, and the lock is one that the system gives up with its process.
PSQL = f"""#!{sys.executable}
import fcntl, os, sys, time
for line in sys.stdin:
    word, _, rest = line.strip().rstrip(";").partition(" ")
    if word == "lock":
        held = open("held", "w")
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            print("t", flush=True)
        except BlockingIOError:
            print("f", flush=True)
    elif word == "make":
        open(rest, "w").close()
    elif word == "drop" and os.path.exists(rest):
        os.remove(rest)
    elif word == "sleep":
        open("slept", "w").close()
        time.sleep(60)
    elif word == "fail":
        print("ERROR:  it is full", file=sys.stderr)
        sys.exit(3)
    elif word == "say":
        print(rest, flush=True)
    elif line.startswith("\\\\echo "):
        print(line[6:].strip(), flush=True)
"""
BOTO3 = """
import io, os
class Client:
    def get_object(self, Bucket, Key):
        with open(f"{Bucket}/{Key}", "rb") as file:
            return {"Body": io.BytesIO(file.read())}
    def put_object(self, Bucket, Key, Body):
        with open(f"{Bucket}/{Key}.part", "wb") as file:
            file.write(Body)
        os.rename(f"{Bucket}/{Key}.part", f"{Bucket}/{Key}")
    def delete_object(self, Bucket, Key):
        os.remove(f"{Bucket}/{Key}")
    def get_paginator(self, name):
        assert name == "list_objects_v2"
        return self
    def paginate(self, Bucket):
        return [{"Contents": [{"Key": one} for one in os.listdir(Bucket)]}]
def client(service, region_name):
    assert (service, region_name) == ("s3", "eu-central-1")
    return Client()
"""


class Task:
    """A task that serves, and the command that gives it orders."""

    def __init__(self, folder: Path, bucket: str = BUCKET) -> None:
        self.folder, self.bucket = folder, folder / bucket
        self.bucket.mkdir()
        self.beats = 0
        self.order(0)
        text = Path(in_task.__file__).read_text()
        for old, new in ((f'"{in_task.TOOLS}"', f'"{folder}"'), (f"LOOK = {in_task.LOOK}", "LOOK = 0.02")):
            assert old in text
            text = text.replace(old, new)
        work = {"action": "serve", "bucket": bucket, "lock": LOCK, "seconds": SECONDS}
        self.process = subprocess.Popen(
            [sys.executable, "-c", text],
            cwd=folder,
            env={
                **os.environ,
                "PYTHONPATH": str(folder),
                "DATABASE_URL": "postgres://app:secret@database/app",
                "WORK": json.dumps(work),
                "WORK_REGION": "eu-central-1",
                "WORK_POSTGRES": "17",
            },
            stdout=subprocess.PIPE,
            text=True,
        )

    def order(self, number: int, sql: str = "", *, first: str = "", undo: str = "") -> None:
        """An order, which is also a sign of life."""
        self.beats += 1
        work = {"action": "ask", "sql": sql}
        order = {"beat": self.beats, "number": number, "first": first, "undo": undo, "work": work}
        part = self.bucket / "part"
        part.write_text(json.dumps(order))
        part.rename(self.bucket / ORDERS)

    def answer(self, number: int) -> Any:
        file = self.bucket / f"{ANSWER}{number}"
        wait_until(file.exists, f"an answer to order {number}")
        return json.loads(file.read_text())

    def end(self) -> tuple[int, dict[str, Any]]:
        """Its exit status, and the last thing that it said to the log."""
        output, _ = self.process.communicate(timeout=20)
        lines = [line for line in output.splitlines() if line.startswith(MARK)]
        return self.process.returncode, json.loads(lines[-1].removeprefix(MARK)) if lines else {}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in (("psql", PSQL), ("loader", '#!/bin/sh\nshift 2\nexec "$@"\n'), ("boto3.py", BOTO3)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    return tmp_path


@pytest.fixture
def task(folder: Path) -> Iterator[Task]:
    task = Task(folder)
    yield task
    if task.process.poll() is None:
        task.process.send_signal(signal.SIGTERM)
        task.end()


def test_it_does_what_is_asked_until_it_is_told_to_end_and_removes_what_it_made(task: Task) -> None:
    assert task.answer(0) == {"found": None}
    task.order(1, "say 42")
    assert task.answer(1) == {"found": "42\n"}
    task.order(2, "fail")
    assert task.answer(2)["error"] == "ERROR:  it is full"
    task.order(3, "say made", first="make new", undo="drop new")
    assert task.answer(3) == {"found": "made\n"}
    assert (task.folder / "new").exists()
    task.process.send_signal(signal.SIGTERM)
    assert task.end() == (0, {})
    assert not (task.folder / "new").exists()
    assert (task.bucket / ORDERS).exists(), "the command removes the bucket"


def test_a_command_that_is_gone_leaves_no_database_and_nothing_in_the_bucket(task: Task) -> None:
    task.answer(0)
    task.order(1, "sleep", first="make new", undo="drop new")
    wait_until((task.folder / "slept").exists, "the work")
    status, said = task.end()
    assert status == 1
    assert "said nothing" in said["error"]
    assert not (task.folder / "new").exists()
    assert list(task.bucket.iterdir()) == []


def test_a_newer_order_ends_what_is_under_way(task: Task) -> None:
    task.answer(0)
    task.order(1, "sleep")
    wait_until((task.folder / "slept").exists, "the work")
    task.order(2, "say next")
    assert task.answer(2) == {"found": "next\n"}
    assert not (task.bucket / f"{ANSWER}1").exists()


def test_a_second_one_waits_for_what_a_killed_one_leaves_and_is_refused_beside_one_that_is_there(task: Task) -> None:
    task.answer(0)
    task.order(1, "say made", first="make new", undo="drop new")
    task.answer(1)
    second = Task(task.folder, "second")
    while second.process.poll() is None:
        task.order(1)
        second.order(0)
        time.sleep(SECONDS / 10)
    status, said = second.end()
    assert (status, said["busy"]) == (1, True)
    assert (task.folder / "new").exists()
    assert task.process.poll() is None, "a command that is there may take its time"

    third = Task(task.folder, "third")  # while the first one's command is silent
    while not (third.bucket / f"{ANSWER}0").exists():
        third.order(0)
        time.sleep(SECONDS / 10)
        assert third.process.poll() is None
    assert not (task.folder / "new").exists()
    third.process.send_signal(signal.SIGTERM)
    third.end()


def test_a_session_that_ends_is_the_reason_and_another_one_removes_what_was_made(task: Task) -> None:
    task.answer(0)
    task.order(1, "say made", first="make new", undo="drop new")
    task.answer(1)
    task.order(2, first="fail")
    status, said = task.end()
    assert status == 1
    assert said["error"] == "the session that holds the lock ended: ERROR:  it is full"
    assert not (task.folder / "new").exists()
