"""The free space where a local database is: a server whose disk is full stops, and with it what serves."""

import subprocess
import threading
from collections.abc import Sequence
from contextlib import suppress
from subprocess import DEVNULL, PIPE

RESERVE = 128 << 20  # bytes that are left free
LOOK = 0.5  # seconds between two looks
WATCH = 'while read -r line; do df -Pk "$0" | tail -n 1; done'


class Watch:
    """Looks at the free space, by a command line that says it each time it is asked, and ends the programs that were
    named to it when there is too little."""

    def __init__(self, line: Sequence[str]) -> None:
        self.full = False
        self._line = line
        self._programs: list[subprocess.Popen[bytes]] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def over(self, program: "subprocess.Popen[bytes]") -> None:
        """Ends this program, too, when there is too little."""
        self._programs.append(program)
        if self.full:
            program.kill()

    def _look(self) -> None:
        if self._ended.wait(LOOK):
            return
        with suppress(BrokenPipeError), subprocess.Popen(self._line, stdin=PIPE, stdout=PIPE, stderr=DEVNULL) as asked:
            assert asked.stdin and asked.stdout  # noqa: S101, PT018  # they are piped
            while not self._ended.wait(LOOK):
                asked.stdin.write(b"\n")
                asked.stdin.flush()
                free = free_of(asked.stdout.readline().decode(errors="replace"))
                if free is not None and free < RESERVE:
                    self.full = True
                    for program in self._programs:
                        program.kill()
                    return

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()


def free_of(said: str) -> int | None:
    """Bytes that are free by the last line of df; None where it says nothing of the kind."""
    words = (said.splitlines() or [""])[-1].split()
    return int(words[3]) * 1024 if len(words) > 3 and words[3].isdigit() else None
