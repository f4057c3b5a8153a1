"""Installs Debian packages, where that is possible."""

from __future__ import annotations

from collections.abc import Sequence

from tools.setup.machine import CommandError, Machine, SetupError

OPTIONS = ("-q", "-o", "DPkg::Lock::Timeout=300")


def install(machine: Machine, packages: Sequence[str], why: str) -> None:
    """Installs packages after updating the lists. Raises SetupError with apt's own reason."""
    update(machine)
    command = ["apt-get", *OPTIONS, "install", "--yes", "--no-install-recommends", *packages]
    try:
        machine.run(f"installing {', '.join(packages)} {why}", command, environ=quiet(machine))
    except CommandError as error:
        raise SetupError(str(error), "Repair the packages (`apt-get --fix-broken install`), then try again.") from error


def exists(machine: Machine, package: str) -> bool:
    """Whether this release of Debian or Ubuntu has the package."""
    update(machine)
    return machine.ask(["apt-cache", "show", "--quiet=2", package]).returncode == 0


def update(machine: Machine) -> None:
    """Fetches the package lists, once in a run, since a new machine or image has none."""
    if machine.lists_fetched:
        return
    machine.lists_fetched = True
    try:
        machine.run(
            "fetching Debian's package lists (seconds)", ["apt-get", *OPTIONS, "update"], environ=quiet(machine)
        )
    except CommandError as error:
        # One broken source of several is no reason to stop; the installation shows whether the packages are available.
        machine.say(f"apt-get update: {error.last}")


def quiet(machine: Machine) -> dict[str, str]:
    """An environment in which no package asks questions."""
    return {**machine.environ, "DEBIAN_FRONTEND": "noninteractive"}
