"""The program that starts a process again when the mounted source changes, run as its container does."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from infra.local import reload
from tests.waiting import wait_until

COMMAND = """
import signal, sys, time
import part

def end(number, frame):
    print("told", number, flush=True)
    time.sleep(part.LASTS)
    sys.exit(part.STATUS)

signal.signal(signal.SIGTERM, end)
print("runs", part.WHAT, flush=True)
while part.GOES_ON:
    time.sleep(0.05)
sys.exit(part.STATUS)
"""


class Running:
    """The program in a folder with a source; `printed` is what it and its command have printed so far."""

    def __init__(self, folder: Path, process: "subprocess.Popen[bytes]") -> None:
        self.folder = folder
        self.process = process

    def write(self, what: str, *, goes_on: bool = True, status: int = 0, lasts: float = 0) -> None:
        text = f"WHAT, GOES_ON, STATUS, LASTS = {what!r}, {goes_on}, {status}, {lasts}\n"
        (self.folder / "part.py").write_text(text)

    @property
    def printed(self) -> list[str]:
        return (self.folder / "printed").read_text().splitlines()

    def wait_for(self, line: str) -> None:
        wait_until(lambda: line in self.printed, f"{line!r} in {self.printed}", 10)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Starts the program over a source that prints `runs first`."""
    started: list[Running] = []

    def begin(seconds: int = 5, **source: object) -> Running:
        (tmp_path / "work.py").write_text(COMMAND)
        Running(tmp_path, None).write("first", **source)  # type: ignore[arg-type]
        with (tmp_path / "printed").open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-c", Path(reload.__file__).read_text(), str(seconds), sys.executable, "work.py"],
                cwd=tmp_path,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
                start_new_session=True,
            )
        started.append(Running(tmp_path, process))
        return started[-1]

    yield begin
    for running in started:
        with suppress(ProcessLookupError):
            os.killpg(running.process.pid, signal.SIGKILL)  # the command, too
        running.process.wait()


def test_an_edit_starts_the_command_again_once_it_has_ended_by_itself(start: Callable[..., Running]) -> None:
    running = start(lasts=0.3)
    running.wait_for("runs first")
    running.write("second")
    running.wait_for("runs second")
    told = f"told {signal.SIGTERM.value}"
    said = "The source has changed, and the command is started again."
    assert running.printed == ["runs first", said, told, "runs second"]


def test_a_command_that_does_not_end_is_killed_after_its_time(start: Callable[..., Running]) -> None:
    running = start(seconds=1, lasts=60)
    running.wait_for("runs first")
    running.write("second")
    running.wait_for("runs second")


def test_sigterm_reaches_the_command_whose_exit_status_is_the_containers(start: Callable[..., Running]) -> None:
    running = start(status=3)
    running.wait_for("runs first")
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(10) == 3
    assert running.printed == ["runs first", "told 15"]


@pytest.mark.parametrize("status", [0, 4])
def test_a_command_that_ends_by_itself_ends_the_container_which_docker_starts_again(
    start: Callable[..., Running], status: int
) -> None:
    assert start(goes_on=False, status=status).process.wait(10) == status


def test_a_command_that_an_edit_broke_waits_for_the_next_edit(start: Callable[..., Running]) -> None:
    running = start()
    running.wait_for("runs first")
    running.write("broken", goes_on=False, status=1)
    running.wait_for("The command ended with exit status 1. It is started again when the source changes.")
    running.write("mended")
    running.wait_for("runs mended")
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(10) == 0


def test_files_of_tools_and_virtual_environments_are_not_watched(tmp_path: Path) -> None:
    for name in ("site/views.py", "site/page.html", ".venv/x.py", "venv/lib/y.py", "node_modules/z.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "venv" / "pyvenv.cfg").touch()
    assert list(reload.snapshot(str(tmp_path))) == [str(tmp_path / "site" / "views.py")]


def test_a_command_that_a_signal_ended_has_a_shells_exit_status(start: Callable[..., Running]) -> None:
    running = start()
    running.wait_for("runs first")
    subprocess.run(["pkill", "-KILL", "-P", str(running.process.pid)], check=True)
    assert running.process.wait(10) == 137
