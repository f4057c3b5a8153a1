"""Liveness of a server of several processes: none before it was ready, and from then on in all of them."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from tests.app.served import Site, manage, served
from tests.waiting import wait_until

PROCESSES = 2


def status(site: Site, path: str) -> int:
    answer = site.raw(f"GET {path} HTTP/1.1\r\nHost: 10.0.0.7\r\nConnection: close\r\n\r\n".encode())
    return int(answer.split(b" ", 2)[1])


def workers(site: Site) -> set[int]:
    """The master's children."""
    pid = site.process.pid
    return {int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}


def test_a_server_is_alive_once_it_was_ready_and_so_are_processes_that_start_later(tmp_path: Path) -> None:
    """Or a load balancer would replace every task whose processes are renewed while the database is away."""
    with served(tmp_path, "gunicorn", WEB_CONCURRENCY=str(PROCESSES)) as site:
        wait_until(lambda: len(workers(site)) == PROCESSES, "both processes")
        assert {status(site, "/healthz/live") for _ in range(10)} == {503}, "nothing is migrated yet"
        assert manage(tmp_path, "migrate", "--noinput").returncode == 0
        assert status(site, "/healthz/live") == 200
        first = workers(site)

        (tmp_path / "site.sqlite3").rename(tmp_path / "away")
        (tmp_path / "site.sqlite3").mkdir()  # no database can be opened there
        for worker in first:
            os.kill(worker, signal.SIGKILL)
        wait_until(lambda: len(workers(site) - first) == PROCESSES, "new processes")
        assert {status(site, "/healthz/ready") for _ in range(10)} == {503}
        assert {status(site, "/healthz/live") for _ in range(10)} == {200}
