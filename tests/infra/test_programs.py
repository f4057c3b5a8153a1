"""A program is waited for after Ctrl-C, and ended when it takes too long."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from infra import programs
from infra.programs import completed
from tests import ROOT
from tests.waiting import wait_until

SLOW_TO_END = """
import pathlib, signal, sys, time
folder = pathlib.Path(sys.argv[1])
signal.signal(signal.SIGINT, lambda *_: (time.sleep(1), (folder / "ended").touch(), sys.exit()))
(folder / "began").touch()
time.sleep(60)
"""


def test_an_interrupted_program_is_waited_for(tmp_path: Path) -> None:
    """pulumi gives its lock back at its end."""
    call = "import os, signal, sys; from pathlib import Path; from infra.programs import completed; "
    call += "signal.signal(signal.SIGINT, signal.default_int_handler); "  # which background jobs ignore
    call += "completed([sys.executable, *sys.argv[1:]], cwd=Path.cwd(), env=dict(os.environ), seconds=60)"
    command = [sys.executable, "-c", call, "-c", SLOW_TO_END, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, start_new_session=True, stderr=subprocess.DEVNULL) as caller:
        wait_until((tmp_path / "began").exists, "the program's beginning")
        os.killpg(caller.pid, signal.SIGINT)
        assert caller.wait(30) != 0
    assert (tmp_path / "ended").exists()


def takes_too_long(folder: Path, program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time is over when the program has begun."""

    class Begun(subprocess.Popen[str]):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            wait_until((folder / "began").exists, "the program's beginning")

    monkeypatch.setattr(subprocess, "Popen", Begun)
    with pytest.raises(subprocess.TimeoutExpired):
        completed([sys.executable, "-c", program, str(folder)], cwd=folder, env=dict(os.environ), seconds=0.1)


def test_a_program_that_takes_too_long_is_interrupted_and_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    takes_too_long(tmp_path, SLOW_TO_END, monkeypatch)
    assert (tmp_path / "ended").exists()


def test_one_that_goes_on_even_so_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "GRACE_SECONDS", 0.5)
    began = time.monotonic()
    takes_too_long(tmp_path, SLOW_TO_END.replace("time.sleep(1)", "time.sleep(60)"), monkeypatch)
    assert time.monotonic() - began < 30
    assert not (tmp_path / "ended").exists()


def test_one_that_is_apart_is_interrupted_from_here(tmp_path: Path) -> None:
    """Whatever comes to the terminal's group, and by whichever signal."""
    call = "import signal, sys; from pathlib import Path; from infra.programs import completed; "
    call += "signal.signal(signal.SIGHUP, signal.default_int_handler); "
    call += "completed([sys.executable, *sys.argv[1:]], apart=True)"
    command = [sys.executable, "-c", call, "-c", SLOW_TO_END, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, start_new_session=True, stderr=subprocess.DEVNULL) as caller:
        wait_until((tmp_path / "began").exists, "the program's beginning")
        os.killpg(caller.pid, signal.SIGHUP)
        assert caller.wait(30) != 0
    assert (tmp_path / "ended").exists()


def interrupted_at_its_start(folder: Path, *, has_begun: bool, apart: bool) -> None:
    """The signal comes before the caller has got hold of the program, which has begun or not."""
    call = f"""
import os, pathlib, signal, subprocess, sys, time
from infra.programs import completed
signal.signal(signal.SIGINT, signal.default_int_handler)
class Interrupted(subprocess.Popen):
    def __init__(self, *arguments, **more):
        if not {has_begun}:
            os.kill(os.getpid(), signal.SIGINT)
        super().__init__(*arguments, **more)
        while not pathlib.Path(sys.argv[-1], "began").exists():
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)
subprocess.Popen = Interrupted
completed([sys.executable, *sys.argv[1:]], apart={apart})
"""
    done = subprocess.run([sys.executable, "-c", call, "-c", SLOW_TO_END, str(folder)], cwd=ROOT, check=False)
    assert done.returncode != 0


def test_one_that_has_just_begun_is_interrupted_as_well(tmp_path: Path) -> None:
    interrupted_at_its_start(tmp_path, has_begun=True, apart=True)
    assert (tmp_path / "ended").exists()


def test_one_that_has_not_begun_is_not_started_after_the_terminals_signal(tmp_path: Path) -> None:
    """It would hear nothing of it, and be waited for to its end."""
    interrupted_at_its_start(tmp_path, has_begun=False, apart=False)
    assert not (tmp_path / "began").exists()


def test_what_a_program_that_takes_too_long_has_started_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "GRACE_SECONDS", 1)
    began = time.monotonic()
    with pytest.raises(subprocess.TimeoutExpired):
        completed(["sh", "-c", "sleep 20 & sleep 20"], cwd=tmp_path, seconds=1)
    assert time.monotonic() - began < 10
