"""Runs a command unless it runs already: `python -m django_stack.once [--timeout SECONDS] NAME -- COMMAND…`.

A module rather than a management command, because it outlives the command and needs nothing of the project: one Django
in memory is enough, and a project that can't start leaves a record like any other failure.

Runs of a name don't overlap, wherever they are started: each holds an advisory lock of the stack's PostgreSQL. The
command inherits the connection, so that the lock is held as long as either of the two lives, and is free when both are
gone. A connection that breaks is made again; when it can't be, or another run has got the lock meanwhile, this one ends
its command.

The exit status is the command's own, 128 and the number of the signal that ended it, 124 after the time-out, 75 when
the run was skipped, 69 without a database or when the lock was lost, 127 when there is no such command.
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from django_stack.run_lock import DatabaseError, RunLock
from django_stack.run_record import RunRecord

SKIPPED, UNAVAILABLE, TIMED_OUT, NOT_FOUND = 75, 69, 124, 127  # of sysexits.h (two), timeout(1) and sh(1)
GRACE = 10.0  # seconds between SIGTERM and SIGKILL after the time-out or the loss of the lock
HEARTBEAT = 5.0  # seconds between two looks at the connection


@dataclass
class Run:
    """One run of a command under a name; `timeout` is in seconds, `folder` is where its record goes, too."""

    name: str
    command: Sequence[str]
    timeout: float
    folder: Path | None = None
    labelled: bool = False  # whether each line begins with the name, for a log that several schedules share
    began: float = field(default_factory=time.monotonic)
    events: queue.SimpleQueue[tuple[str, int]] = field(default_factory=queue.SimpleQueue)

    def __post_init__(self) -> None:
        self.record = RunRecord(self.name)

    def run(self, lock: RunLock) -> int:
        """Runs the command and waits for its end; the exit status."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda received, _: self.events.put(("signal", received)))
        try:
            if not lock.take():
                return self.end("skipped", SKIPPED, "was skipped: the run before it is still going on")
        except DatabaseError as error:
            return self.end("failed", UNAVAILABLE, f"didn't run, since its lock has no database: {error}")
        try:
            return self.run_locked(lock)
        finally:
            lock.release()

    def run_locked(self, lock: RunLock) -> int:
        self.say("INFO", f"runs {shlex.join(self.command)}")
        self.write()
        try:
            process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,  # a group of its own, so that what it starts is ended with it
                pass_fds=[lock.fileno()],
            )
        except OSError as error:
            return self.end("failed", NOT_FOUND, f"can't be started: {error.strerror} ({self.command[0]})")
        assert process.stdout  # noqa: S101  # both are pipes
        assert process.stderr  # noqa: S101
        ended = threading.Event()
        output = [self.thread(self.pass_on, process.stdout, sys.stdout)]
        output += [self.thread(self.pass_on, process.stderr, sys.stderr)]
        keeper = self.thread(self.keep, lock, ended)
        self.thread(lambda: self.events.put(("ended", process.wait())))
        how, status = self.watch(process)
        ended.set()
        kill_group(process, signal.SIGKILL)  # what the command left in the background
        for thread in (*output, keeper):
            thread.join(2)
        return self.end(how, status, said(how, status, self.timeout))

    def watch(self, process: subprocess.Popen[bytes]) -> tuple[str, int]:
        """Waits for the end, and ends the command after the time-out, a signal or the loss of the lock."""
        how, until = "", time.monotonic() + self.timeout
        while True:
            try:
                what, number = self.events.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:  # the time-out, or the grace period
                kill_group(process, signal.SIGKILL if how in {"timed out", "lost"} else signal.SIGTERM)
                how, until = "lost" if how == "lost" else "timed out", time.monotonic() + GRACE
                continue
            if what == "signal":  # the platform kills after a time of its own
                how = how or "ended"
                kill_group(process, number)
            elif what == "lost":
                how, until = "lost", time.monotonic() + GRACE
                kill_group(process, signal.SIGTERM)
            else:
                status = number if number >= 0 else 128 - number
                how = how or ("failed" if status else "ok")
                return how, {"timed out": TIMED_OUT, "lost": UNAVAILABLE}.get(how, status)

    def keep(self, lock: RunLock, ended: threading.Event) -> None:
        """Looks after the connection that holds the lock; tells when the lock is lost."""
        while not ended.is_set():
            lock.wait_for_break(HEARTBEAT, ended)
            if not ended.is_set() and not lock.is_held():
                self.events.put(("lost", 0))
                return

    def pass_on(self, source: IO[bytes], sink: IO[str]) -> None:
        """Passes the command's lines on as they come, and keeps the last ones."""
        for line in source:
            text = line.decode(errors="replace").rstrip("\r\n")
            self.record.keep(text)
            sink.write(f"[{self.name}] {text}\n" if self.labelled else f"{text}\n")
            sink.flush()

    def end(self, how: str, status: int, message: str) -> int:
        self.record.how, self.record.status = how, status
        self.record.seconds = round(time.monotonic() - self.began, 1)
        self.say("INFO" if how in {"ok", "skipped", "ended"} else "ERROR", f"{message}, {self.record.seconds} s")
        self.write()
        return status

    def say(self, level: str, message: str) -> None:
        """A line of the log, with the record in it where it is JSON."""
        if self.labelled:
            print(f"[{self.name}] {message}", flush=True)
            return
        entry = {
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "level": level,
            "logger": "django_stack.once",
            "message": f"{self.name} {message}",
            "run": self.record.facts(),
        }
        print(json.dumps(entry), flush=True)

    def write(self) -> None:
        if self.folder:
            try:
                self.record.write(self.folder)
            except OSError as error:
                print(f"The record of {self.name} can't be written: {error}", file=sys.stderr, flush=True)

    @staticmethod
    def thread(target: Callable[..., object], *arguments: object) -> threading.Thread:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        thread.start()
        return thread


def said(how: str, status: int, timeout: float) -> str:
    """How a run ended, in words."""
    return {
        "ok": "succeeded",
        "timed out": f"was ended after its time-out of {timeout:g} s",
        "lost": "was ended: it had lost its lock, and another run may have it",
        "ended": f"was ended by a signal, exit status {status}",
    }.get(how, f"failed with exit status {status}")


def kill_group(process: subprocess.Popen[bytes], number: int) -> None:
    """Sends a signal to the command and to what it started; does nothing when all are gone."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m django_stack.once",
        usage="%(prog)s [OPTIONS] NAME -- COMMAND...",
        description="Never runs a command twice at once.",
    )
    parser.add_argument(
        "--timeout", type=float, default=3600, metavar="SECONDS", help="ends the command after this time"
    )
    parser.add_argument("--record", type=Path, metavar="FOLDER", help="where the run's record is written, as NAME.json")
    parser.add_argument("--label", action="store_true", help="begins each line with the name")
    parser.add_argument("name")
    # By hand: argparse of Python 3.11, 3.12.1 and 3.13.0 takes a `--` out of the command as well.
    cut = arguments.index("--") if "--" in arguments else len(arguments)
    given, command = parser.parse_args(arguments[:cut]), arguments[cut + 1 :]
    if not command:
        parser.error("a command is required behind --")
    return Run(given.name, command, given.timeout, given.record, given.label).run(RunLock(given.name))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
