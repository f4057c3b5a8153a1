"""What the tests need besides the stack's tools: a browser, psql, and a shell that runs in an empty image."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tools.setup import apt
from tools.setup.machine import Machine, SetupError

# Its names on Debian, elsewhere, and from Google; the tests use the first that is installed and can be started.
CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHROME = "Google Chrome's package google-chrome-stable (www.google.com/chrome)"


def ensure(machine: Machine) -> None:
    """Makes sure that Chromium, psql and a static busybox are installed; raises SetupError with what to install."""
    missing = []
    if not browser(machine.which):
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
            f"Debian: `sudo apt-get install {' '.join(missing)}`; Ubuntu: {CHROME} for chromium, which is a snap there;"
            f"\n{'':<10} elsewhere: Chromium, psql, a static busybox.",
        )
    with machine.lock():
        if "chromium" in missing and not apt.exists(machine, "chromium"):
            raise SetupError(
                "this system has Chromium as a snap at best, which can't be started by the tests",
                f"Install {CHROME}, then try again.",
            )
        apt.install(machine, missing, "(a minute or two)")


def browser(which: Callable[[str], str | None]) -> str | None:
    """The path of the browser for the tests, None if there is none that they can start.

    tests/e2e/quiet_chromium.py takes away the right to new privileges, which the start of a snap needs.
    """
    return next((found for name in CHROMIUM if (found := which(name)) and not is_snap(Path(found))), None)


def is_snap(program: Path) -> bool:
    """Whether a program is a snap's link to `snap`, or Ubuntu's script that calls one."""
    real = program.resolve()
    try:
        with real.open("rb") as file:
            return real.name == "snap" or b"/snap/bin/" in file.read(4096)
    except OSError:
        return False


def has_static_busybox(machine: Machine) -> bool:
    """Whether busybox is statically linked; a dynamic program names its loader at the beginning of the file."""
    program = machine.which("busybox")
    if not program:
        return False
    with Path(program).open("rb") as file:
        return b"/ld-" not in file.read(4096)
