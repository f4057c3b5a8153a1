"""Logs of several containers that print fast: each line is shown once and in order, while they go on and afterwards."""

import json
import os
import signal
import subprocess
import time

import pytest

from infra.local.labels import PROCESS
from tests.infra.commands.conftest import PROGRAM, Web
from tests.waiting import wait_until

pytestmark = pytest.mark.docker

IMAGE = "python:3.13-slim-trixie"
# 10,000 lines a second for two seconds, some before anybody looks and the others while somebody does.
PRINT = """
import sys, time
begun = time.monotonic()
for number in range(20_000):
    if number % 100 == 0:
        time.sleep(max(0, begun + number / 10_000 - time.monotonic()))
    print(f"line {number}", flush=number % 100 == 99)
print("end", flush=True)
time.sleep(300)
"""


def test_ten_thousand_lines_a_second_come_once_and_in_order_while_they_are_printed(web: Web) -> None:
    with web.beside("worker-1", IMAGE, ["python", "-c", PRINT], labels={PROCESS: "worker"}):
        time.sleep(0.5)
        logs = subprocess.Popen(
            [PROGRAM, "logs", "-s", "pr-12", "--follow", "--tail", "100000", "worker"],
            cwd=web.folder,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert logs.stdout is not None
        found = []
        for line in logs.stdout:
            found.append(line.rstrip("\n").split(" ", 3)[3])
            if found[-1] == "end":
                break
        logs.send_signal(signal.SIGINT)
        assert logs.wait(timeout=30) == 130
        logs.stdout.close()
    assert found == [*(f"line {number}" for number in range(20_000)), "end"]


def test_all_instances_of_a_process_are_one_in_logs_and_status(web: Web) -> None:
    program = "import sys, time; print('up', sys.argv[1], flush=True); time.sleep(300)"
    labels = {PROCESS: "worker"}
    with (
        web.beside("worker-1", IMAGE, ["python", "-c", program, "1"], labels=labels) as first,
        web.beside("worker-2", IMAGE, ["python", "-c", program, "2"], labels=labels) as second,
    ):
        wait_until(lambda: all(b"up" in one.logs() for one in (first, second)), "both workers", 30)
        lines = [json.loads(line) for line in web.run("logs", "-s", "pr-12", "--json", "worker").stdout.splitlines()]
        assert {line["process"] for line in lines} == {"worker"}
        assert len({line["instance"] for line in lines}) == 2
        assert len(web.run("logs", "-s", "pr-12", "--tail", "1", "worker").stdout.splitlines()) == 1
        assert {"web", "worker"} == {
            json.loads(line)["process"] for line in web.run("logs", "-s", "pr-12", "--json").stdout.splitlines()
        }
        second.stop(timeout=0)
        status = web.run("status", "-s", "pr-12", "--json")
        assert status.returncode == 1
        assert json.loads(status.stdout)["processes"]["worker"] == {"running": 1, "wanted": 2, "health": "exited"}


def test_previous_lines_are_those_before_a_crash(web: Web) -> None:
    program = (
        "import pathlib, sys, time; again = pathlib.Path('/again').exists(); pathlib.Path('/again').touch();"
        "print('second' if again else 'first', flush=True); time.sleep(300 if again else 0.2); sys.exit(1)"
    )
    policy = {"Name": "on-failure", "MaximumRetryCount": 3}
    with web.beside(
        "worker-1", IMAGE, ["python", "-c", program], labels={PROCESS: "worker"}, restart_policy=policy
    ) as one:
        wait_until(lambda: b"second" in one.logs(), "a second start", 30)

        def shown(*arguments: str) -> list[str]:
            lines = web.run("logs", "-s", "pr-12", *arguments, "worker").stdout.splitlines()
            return [line.split(" ", 3)[3] for line in lines]

        assert shown() == ["first", "second"]
        assert shown("--previous") == ["first"]
        assert shown("--previous", "--tail", "1") == ["first"], "although the last line of all is another one"


def test_logs_end_quietly_when_nobody_reads_on(web: Web) -> None:
    line = f"{PROGRAM} logs -s pr-12 web | true"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", line],
        cwd=web.folder,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ,
    )
    assert done.stderr == ""
