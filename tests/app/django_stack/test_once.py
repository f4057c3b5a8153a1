"""`python -m django_stack.once` on a real PostgreSQL: runs never overlap, however they or their connections end."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from django_stack.advisory_lock import number

from infra import endpoint
from tests import ROOT
from tests.ports import free_ports
from tests.waiting import wait_until

pytestmark = pytest.mark.docker

# The module with other constants, so that no test waits for minutes.
PROGRAM = """
import sys
from django_stack import once, run_lock
once.GRACE, once.HEARTBEAT, run_lock.PATIENCE = 1.0, 0.5, {patience}
sys.exit(once.main(sys.argv[1:]))
"""
WAIT = "import pathlib, sys, time; print('at work', flush=True); time.sleep(60)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('at work', flush=True); time.sleep(60)"
)


# Ends when the file is there.
TOLD = """
import pathlib, time
print('at work', flush=True)
for _ in range(1200):
    if pathlib.Path({go!r}).exists():
        break
    time.sleep(0.1)
"""


@dataclass
class Server:
    """A PostgreSQL of its own: its container, and a port of this machine that stays the same."""

    container: Any
    port: int

    @property
    def url(self) -> str:
        return f"postgres://app:password@127.0.0.1:{self.port}/app"

    def start(self) -> None:
        self.container.start()
        wait_until(lambda: answers(self.url), "a database")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    config = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]
    version = str(config["postgres-version"]["default"])
    (port,) = free_ports(1)
    container = endpoint.client().containers.create(
        config["postgres-image"]["default"].replace("{postgres-version}", version),
        environment={"POSTGRES_USER": "app", "POSTGRES_PASSWORD": "password", "POSTGRES_DB": "app"},
        name=f"django-stack-test-once-{secrets.token_hex(4)}",
        ports={"5432/tcp": ("127.0.0.1", port)},
    )
    try:
        found = Server(container, port)
        found.start()
        yield found
    finally:
        container.remove(force=True, v=True)


def answers(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


@dataclass
class Runs:
    """Starts runs, and looks at what they leave."""

    url: str
    folder: Path
    name: str = field(default_factory=lambda: f"sweep-{secrets.token_hex(3)}")
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def start(self, *command: str, options: tuple[str, ...] = (), url: str | None = None, patience: float = 5) -> Any:
        environment = {"PATH": os.environ["PATH"], "DATABASE_URL": self.url if url is None else url}
        line = [sys.executable, "-c", PROGRAM.format(patience=patience), "--record", str(self.folder), *options]
        process = subprocess.Popen(
            [*line, self.name, "--", *command],
            cwd=ROOT / "app",
            env={name: value for name, value in environment.items() if value},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        return process

    def run(self, *command: str, **more: Any) -> tuple[int, str, str]:
        """Exit status, stdout and stderr of a run that ends."""
        process = self.start(*command, **more)
        out, err = process.communicate(timeout=30)
        return process.returncode, out, err

    def begin(self, code: str, **more: Any) -> Any:
        """A run of a Python program that says that it is at work, and is."""
        process = self.start(sys.executable, "-c", code, **more)
        lines: list[str] = []
        while not lines or not lines[-1].endswith("at work\n"):  # not the line that shows the program
            lines.append(process.stdout.readline())
            assert lines[-1], (lines, process.stderr.read())
        return process

    @property
    def go(self) -> Path:
        """The file that ends what `begin_until_told` began."""
        return self.folder / "go"

    def begin_until_told(self, **more: Any) -> Any:
        return self.begin(TOLD.format(go=str(self.go)), **more)

    def record(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / f"{self.name}.json").read_text())
        return found

    def query(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            return connection.execute(statement, values).fetchall()

    @property
    def lock(self) -> int:
        return number(f"django_stack.once {self.name}")

    def is_locked(self) -> bool:
        return self.query(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted "
            "AND (classid::bigint << 32 | objid::bigint) = %s::bigint",
            self.lock,
        ) == [(1,)]

    def sessions(self) -> set[int]:
        """The process ids of the server's side of the runs' connections."""
        found = self.query("SELECT pid FROM pg_stat_activity WHERE application_name = %s", f"once {self.name}")
        return {pid for (pid,) in found}

    def break_connection(self) -> None:
        """The server may take a moment for it, in which the lock is still held."""
        for session in self.sessions():
            self.query("SELECT pg_terminate_backend(%s)", session)


@pytest.fixture
def runs(server: Server, tmp_path: Path) -> Iterator[Runs]:
    found = Runs(server.url, tmp_path)
    yield found
    for process in found.started:
        if process.poll() is None:
            process.terminate()
            process.wait(10)


def message(out: str) -> str:
    return str(json.loads(out.splitlines()[-1])["message"])


@pytest.mark.parametrize(
    ("code", "status", "how"),
    [
        ("pass", 0, "ok"),
        ("raise SystemExit(3)", 3, "failed"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", 137, "failed"),
    ],
)
def test_the_exit_status_is_the_commands_own(runs: Runs, code: str, status: int, how: str) -> None:
    assert runs.run(sys.executable, "-c", code)[0] == status
    record = runs.record()
    assert (record["status"], record["how"], record["schedule"]) == (status, how, runs.name)
    assert record["seconds"] < 20
    assert not runs.is_locked()


def test_output_goes_where_it_went_and_its_last_lines_are_kept(runs: Runs) -> None:
    code = (
        "import sys, time; [print(f'line {n}', flush=True) for n in range(30)]; "
        "time.sleep(1); print('x' * 9000, file=sys.stderr)"  # two pipes, which are read side by side
    )
    _, out, err = runs.run(sys.executable, "-c", code)
    assert [line for line in out.splitlines() if line.startswith("line")] == [f"line {n}" for n in range(30)]
    assert err == "x" * 9000 + "\n"
    kept = runs.record()["lines"]
    assert len(kept) == 20
    assert sorted(kept, key=len)[-1] == "x" * 500
    in_log = json.loads(out.splitlines()[-1])
    assert in_log["run"] == runs.record()
    assert in_log["level"] == "INFO"


def test_a_failure_is_an_error_in_the_log(runs: Runs) -> None:
    status, out, _ = runs.run(sys.executable, "-c", "raise SystemExit('broken')")
    assert status == 1
    assert json.loads(out.splitlines()[-1])["level"] == "ERROR"
    assert f"{runs.name} failed with exit status 1" in message(out)
    assert runs.record()["lines"] == ["broken"]


def test_with_a_label_each_line_begins_with_the_name(runs: Runs) -> None:
    code = "import sys; print('one', flush=True); print('two', file=sys.stderr)"
    _, out, err = runs.run(sys.executable, "-c", code, options=("--label",))
    assert all(line.startswith(f"[{runs.name}] ") for line in (out + err).splitlines())
    assert f"[{runs.name}] one\n" in out
    assert f"[{runs.name}] succeeded" in out


def test_a_second_run_is_skipped_and_says_so(runs: Runs) -> None:
    first = runs.begin(WAIT)
    status, out, _ = runs.run(sys.executable, "-c", "print('never')")
    assert status == 75
    assert "never" not in out
    assert "was skipped: the run before it is still going on" in message(out)
    record = runs.record()
    assert record["how"] == "", "the record is the first run's, which goes on"
    assert record["skipped"] >= record["started"]
    first.terminate()
    first.wait(10)
    assert runs.run(sys.executable, "-c", "pass")[0] == 0
    assert "skipped" not in runs.record()


def test_runs_of_different_names_do_not_wait_for_each_other(runs: Runs) -> None:
    runs.begin(WAIT)
    assert Runs(runs.url, runs.folder).run(sys.executable, "-c", "pass")[0] == 0


def test_a_run_and_its_command_that_are_killed_leave_no_lock(runs: Runs) -> None:
    process = runs.begin("import os, time; print(os.getpid(), 'at work', flush=True); time.sleep(60)")
    command = int(subprocess.check_output(["pgrep", "-P", str(process.pid)]).split()[0])
    process.kill()
    os.kill(command, signal.SIGKILL)
    wait_until(lambda: not runs.is_locked(), "a lock that is free")
    assert runs.run(sys.executable, "-c", "pass")[0] == 0


def test_a_command_that_outlives_its_run_keeps_the_lock(runs: Runs) -> None:
    """The kernel may kill `once` alone, for lack of memory; the next run must not meet the command at work."""
    process = runs.begin(WAIT)
    command = int(subprocess.check_output(["pgrep", "-P", str(process.pid)]).split()[0])
    process.kill()
    process.wait()
    assert runs.run(sys.executable, "-c", "pass")[0] == 75
    os.kill(command, signal.SIGKILL)
    wait_until(lambda: not runs.is_locked(), "a lock that is free")


@pytest.mark.parametrize(("code", "least"), [(WAIT, 1), (STUBBORN, 2)])
def test_a_command_that_takes_too_long_is_ended(runs: Runs, code: str, least: float) -> None:
    """By SIGTERM, and after the grace period (a second here) by SIGKILL."""
    status, out, _ = runs.run(sys.executable, "-c", code, options=("--timeout", "1"))
    assert status == 124
    assert "was ended after its time-out of 1 s" in message(out)
    assert runs.record()["how"] == "timed out"
    assert runs.record()["seconds"] >= least
    assert not runs.is_locked()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_reaches_the_command(runs: Runs, number: signal.Signals) -> None:
    code = (
        "import os, signal, time\n"
        f"signal.signal({int(number)}, lambda *_: (os.write(1, b'cleans up\\n'), os._exit(7)))\n"
        "print('at work', flush=True); time.sleep(60)"
    )
    process = runs.begin(code)
    process.send_signal(number)
    out, _ = process.communicate(timeout=10)
    assert process.returncode == 7
    assert "cleans up" in out
    assert runs.record()["how"] == "ended"


def test_what_a_command_leaves_in_the_background_ends_with_it(runs: Runs) -> None:
    """Otherwise its output would stay open, and the next run would meet it."""
    status, out, _ = runs.run("sh", "-c", "sleep 60 & echo $!")
    assert status == 0
    left = int(next(line for line in out.splitlines() if line.isdigit()))
    wait_until(
        lambda: not Path(f"/proc/{left}").exists() or "Z" in Path(f"/proc/{left}/stat").read_text().split(), "its end"
    )


def test_a_broken_connection_is_made_again_and_the_run_goes_on(runs: Runs) -> None:
    process = runs.begin_until_told()
    first = runs.sessions()
    runs.break_connection()
    wait_until(lambda: first.isdisjoint(runs.sessions()) and runs.is_locked(), "the lock of a new connection")
    assert runs.run(sys.executable, "-c", "pass")[0] == 75
    runs.go.touch()
    assert process.wait(15) == 0
    assert runs.record()["how"] == "ok"


def test_a_run_whose_lock_went_to_another_ends(runs: Runs) -> None:
    process = runs.begin(STUBBORN)
    with psycopg.connect(runs.url, autocommit=True) as other:
        waiting = psycopg.connect(runs.url, autocommit=True)
        waiting.execute("SET lock_timeout = 20000")
        pid = waiting.info.backend_pid
        with waiting, waiting.pipeline():
            waiting.execute("SELECT pg_advisory_lock(%s)", [runs.lock])
            wait_until(
                lambda: (
                    other.execute("SELECT count(*) FROM pg_locks WHERE pid = %s AND NOT granted", [pid]).fetchone()
                    == (1,)
                ),
                "another that waits for the lock",
            )
            runs.break_connection()
            out, _ = process.communicate(timeout=15)
    assert process.returncode == 69
    assert "had lost its lock" in message(out)
    assert runs.record()["how"] == "lost"


def test_a_database_that_restarts_is_waited_for_and_the_run_goes_on(runs: Runs, server: Server) -> None:
    process = runs.begin_until_told(patience=60)
    server.container.stop(timeout=5)
    server.start()
    wait_until(runs.is_locked, "the lock of a new connection")
    runs.go.touch()
    assert process.wait(30) == 0
    assert runs.record()["how"] == "ok"


def test_a_run_whose_database_stays_away_ends_before_another_could_begin(runs: Runs, server: Server) -> None:
    process = runs.begin(WAIT, patience=1)
    server.container.stop(timeout=5)
    try:
        out, _ = process.communicate(timeout=30)
        assert process.returncode == 69
        assert "had lost its lock" in message(out)
    finally:
        server.start()


def test_a_database_that_does_not_answer_is_named_without_its_password(runs: Runs) -> None:
    status, out, _ = runs.run("true", url="postgres://app:SECRETWORD@127.0.0.1:1/app", patience=1)
    assert status == 69
    assert "has no database" in message(out)
    assert "SECRETWORD" not in out
    assert runs.record()["how"] == "failed"


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", "DATABASE_URL is not set"),
        ("sqlite:////tmp/db", "DATABASE_URL is not PostgreSQL's"),
        ("postgres//", "is not a database URL"),
    ],
)
def test_without_postgresql_nothing_runs(runs: Runs, url: str, why: str) -> None:
    status, out, _ = runs.run("true", url=url)
    assert status == 69
    assert why in message(out)


def test_a_command_that_there_is_not_is_named(runs: Runs) -> None:
    status, out, _ = runs.run("no-such-program", "--x")
    assert status == 127
    assert "can't be started: No such file or directory (no-such-program)" in message(out)
    assert not runs.is_locked()
