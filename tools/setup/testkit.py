"""What the tests need besides the stack's tools: a browser, psql, and a shell that runs in an empty image."""

from __future__ import annotations

from pathlib import Path

from tools.setup import apt
from tools.setup.machine import Machine, SetupError

# Its names on Debian, on Ubuntu, and from Google; the tests use the first that is installed.
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")


def ensure(machine: Machine) -> None:
    """Makes sure that Chromium, psql and a static busybox are installed; raises SetupError with what to install."""
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
    """Whether busybox is statically linked; a dynamic program names its loader at the beginning of the file."""
    program = machine.which("busybox")
    if not program:
        return False
    with Path(program).open("rb") as file:
        return b"/ld-" not in file.read(4096)
