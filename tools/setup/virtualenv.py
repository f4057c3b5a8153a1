"""Installs the locked dependencies (with hashes) and the project into .venv, again only when a lock has changed."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import sys

from tools.setup import apt
from tools.setup import pip as own_pip
from tools.setup.machine import PASSPHRASE, STAMP, CommandError, Machine, SetupError

# Each includes those before it.
PURPOSES = ("infra", "cloud", "dev")
MARK = "# django-stack: the local stack's public passphrase"
# Sets the passphrase unless one is set.
ACTIVATE = {
    "activate": (
        '[ -n "${PULUMI_CONFIG_PASSPHRASE+set}${PULUMI_CONFIG_PASSPHRASE_FILE+set}" ]'
        f" || export PULUMI_CONFIG_PASSPHRASE={PASSPHRASE}"
    ),
    "activate.fish": (
        "set -q PULUMI_CONFIG_PASSPHRASE; or set -q PULUMI_CONFIG_PASSPHRASE_FILE;"
        f" or set -gx PULUMI_CONFIG_PASSPHRASE {PASSPHRASE}"
    ),
    "activate.csh": (
        "if (! $?PULUMI_CONFIG_PASSPHRASE && ! $?PULUMI_CONFIG_PASSPHRASE_FILE)"
        f" setenv PULUMI_CONFIG_PASSPHRASE {PASSPHRASE}"
    ),
}
# Each Python of .venv runs these lines when it starts. `infra` keeps requests to this machine away from proxies
# (infra/loopback.py), and Pulumi's official language host connects to the engine before the program imports it.
PTH = ("django-stack.pth", "import infra\n")


def ensure_infra(machine: Machine) -> None:
    """Installs what the Pulumi program needs."""
    ensure(machine, "infra")


def ensure_cloud(machine: Machine) -> None:
    """Installs what the program needs, with Pulumi's AWS SDK."""
    ensure(machine, "cloud")


def ensure_dev(machine: Machine) -> None:
    """Installs what the tests need, including the packages for both platforms."""
    ensure(machine, "dev")


def ensure(machine: Machine, purpose: str) -> None:
    """Makes sure that .venv has requirements/<purpose>.txt and this project. Raises SetupError."""
    if not up_to_date(machine, purpose):
        with machine.lock():
            if not up_to_date(machine, purpose):
                install(machine, purpose)
    machine.say(f".venv has requirements/{purpose}.txt")


def install(machine: Machine, purpose: str) -> None:
    """Installs what is missing, and records it."""
    if not usable(machine):
        create(machine)
    lock = f"requirements/{purpose}.txt"
    pip = [str(machine.venv / "bin/python"), "-m", "pip", "--disable-pip-version-check", "--no-input", "install"]
    pip += ["--progress-bar", "off"]  # its bar doesn't say for which package
    if purpose == "dev" and not machine.environ.get("PYTHONDONTWRITEBYTECODE"):
        pip += ["--no-compile"]  # nearly half of pip's work; Python compiles the part that is imported, and keeps it
    # The build backend is one of the locked packages, so that building the project fetches nothing.
    project = ["--no-deps", "--no-build-isolation", "--editable", "."]
    environ = own_pip.environ(machine)
    stamp = {"place": str(machine.venv)}
    write_stamp(machine, stamp)  # what .venv had is no longer certain from here on, also after an interruption
    try:
        hashed = [*pip, "--require-hashes", "-r", lock]
        machine.run(f"installing {lock} (up to two minutes)", hashed, environ=environ)
        machine.run("installing the project, editable (seconds)", [*pip, *project], environ=environ)
    except CommandError as error:
        raise SetupError(str(error), "Check that the package index can be reached, then try again.") from error
    for script, line in ACTIVATE.items():
        mark_activate(machine, script, line)
    for folder in machine.venv.glob("lib/python3*/site-packages"):
        (folder / PTH[0]).write_text(PTH[1])
    # Larger ones include the smaller, so that switching between `make local` and `make test` installs nothing. What a
    # larger one had installed is forgotten: pip has just changed packages of it.
    held = PURPOSES[: PURPOSES.index(purpose) + 1]
    write_stamp(machine, stamp | {name: digest(machine, name) for name in held})


def up_to_date(machine: Machine, purpose: str) -> bool:
    """Whether .venv works and was made from the lock and the pyproject.toml as they are now."""
    return read_stamp(machine).get(purpose) == digest(machine, purpose) and usable(machine)


def usable(machine: Machine) -> bool:
    """Whether .venv is where it was created (its scripts contain the path) and its Python still starts."""
    if read_stamp(machine).get("place", str(machine.venv)) != str(machine.venv):
        return False
    return machine.ask([str(machine.venv / "bin/python"), "-c", "import pip"]).returncode == 0


def create(machine: Machine) -> None:
    """Creates an empty .venv with the Python that runs this."""
    if os.pathsep in str(machine.root):
        raise SetupError(
            f"this checkout's path, {machine.root}, has a colon, with which no virtual environment works (PATH)",
            "Move the checkout to a path without a colon, then try again.",
        )
    # In an activated .venv this program runs with the Python that is replaced: use the one that it is based on.
    python = getattr(sys, "_base_executable", sys.executable)
    if not importlib.util.find_spec("ensurepip"):
        # On Debian, ensurepip is a separate package.
        package = f"python3.{sys.version_info.minor}-venv"
        if not machine.has_apt():
            raise SetupError("this Python cannot create virtual environments", f"Run `sudo apt-get install {package}`.")
        apt.install(machine, [package], "to create virtual environments (seconds)")
    version = ".".join(map(str, sys.version_info[:3]))
    machine.run(f"creating .venv with Python {version} (seconds)", [python, "-m", "venv", "--clear", ".venv"])


def mark_activate(machine: Machine, script: str, line: str) -> None:
    """Adds our lines to an activate script, replacing those of an earlier set-up."""
    file = machine.venv / "bin" / script
    if file.exists():
        others = file.read_text().partition(MARK)[0].rstrip()
        file.write_text(f"{others}\n\n{MARK}, unless you set one\n{line}\n")


def digest(machine: Machine, purpose: str) -> str:
    """The hash of everything that an installation depends on."""
    files = (machine.root / "requirements" / f"{purpose}.txt", machine.root / "pyproject.toml")
    return hashlib.sha256(
        b"\0".join([*(file.read_bytes() for file in files), *map(str.encode, (*ACTIVATE.values(), *PTH))])
    ).hexdigest()


def write_stamp(machine: Machine, stamp: dict[str, str]) -> None:
    """Records what is installed in .venv."""
    (machine.venv / STAMP).write_text(json.dumps(stamp, indent=2) + "\n")


def read_stamp(machine: Machine) -> dict[str, str]:
    """The record of what was installed into .venv; empty if nothing was."""
    try:
        return dict(json.loads((machine.venv / STAMP).read_text()))
    except (OSError, ValueError):
        return {}
