"""What the tests need besides the stack's own tools: a browser, psql, and a shell that runs in an empty image."""

from __future__ import annotations

from pathlib import Path

from tools.setup import apt
from tools.setup.machine import Machine, SetupError

# Its names on Debian, on Ubuntu and as Google ships it; the tests take the first that is there.
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")


def ensure(machine: Machine) -> None:
    """Makes sure that Chromium, psql and a static busybox are there. Raises SetupError with what to install by hand."""
    missing = []
    if not any(machine.which(name) for name in CHROMIUM):
        missing += ["chromium", "fonts-liberation"]
    if not machine.which("psql"):
        missing += ["postgresql-client"]
    if not has_static_busybox(machine):
        missing += ["busybox-static"]
    if not missing:
        machine.say("Chromium, psql and busybox are there")
        return
    if not machine.has_apt():
        raise SetupError(
            f"the tests need {', '.join(missing)}",
            f"Debian: `sudo apt-get install {' '.join(missing)}`; elsewhere: Chromium, psql, a static busybox.",
        )
    with machine.lock():
        apt.install(machine, missing, "(a minute or two)")


def has_static_busybox(machine: Machine) -> bool:
    """Whether there is a busybox that needs no library: a dynamic one names its loader at the start of the file."""
    program = machine.which("busybox")
    if not program:
        return False
    with Path(program).open("rb") as file:
        return b"/ld-" not in file.read(4096)
