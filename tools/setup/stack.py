"""Creates the stack in the backend, so that afterwards a plain `pulumi up` works."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from tools.setup.machine import PASSPHRASE, CommandError, Machine, SetupError

WRONG = "incorrect passphrase"
VARIABLES = ("PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE")
UNREADABLE = ("EOF", "JSON", "invalid character")  # in the errors of Go's decoder about half a file


def ensure(machine: Machine) -> None:
    """Creates the stack unless the backend has it. Raises SetupError if the backend doesn't work."""
    refuse_unreadable_passphrase(machine)
    environ = machine.activated()
    reply = machine.ask(["pulumi", "stack", "ls", "--json", "--non-interactive"], environ=environ)
    try:
        names = {entry["name"].rpartition("/")[2] for entry in json.loads(reply.stdout)}
    except ValueError:
        reason = (reply.stderr.strip() or reply.stdout.strip()).removeprefix("error: ")
        backend = environ.get("PULUMI_BACKEND_URL")
        remedy = f"The state's backend is {backend or 'the one in Pulumi.yaml'}; PULUMI_BACKEND_URL sets another one."
        in_a_folder = not backend or backend.startswith("file:")
        if in_a_folder and any(words in reason for words in UNREADABLE):  # the state of any stack in it
            name = "" if machine.stack == "local" else f" STACK={machine.stack}"
            remedy = f"After a killed pulumi: make repair{name}. About a damaged state: docs/state.md"
        raise SetupError(reason, remedy) from None
    if machine.stack in names:
        refuse_another_passphrase(machine, environ)
        machine.say(f"{machine.stack} exists")
        return
    own = machine.root / f"Pulumi.{machine.stack}.yaml"
    if not own.exists():
        machine.say(f"{own.name} is created as a copy of Pulumi.local.yaml; give it other ports to run both at once")
        shutil.copyfile(machine.root / "Pulumi.local.yaml", own)
    try:
        command = ["pulumi", "stack", "init", machine.stack, "--non-interactive"]
        machine.run(f"creating {machine.stack}", command, environ=environ)
    except CommandError as error:
        if WRONG in str(error):
            raise another_passphrase(machine) from error
        raise SetupError(str(error), "A stack's name has letters, digits, `-`, `_` and `.` only.") from error


def refuse_unreadable_passphrase(machine: Machine) -> None:
    """Raises SetupError if the passphrase's file can't be read."""
    name = machine.environ.get(VARIABLES[1])
    if not name or machine.environ.get(VARIABLES[0]):  # which takes precedence
        return
    try:
        Path(name).read_bytes()
    except OSError as error:
        raise SetupError(
            f"{VARIABLES[1]} is {name}, which can't be read ({error.strerror})",
            f"`unset {VARIABLES[1]}`, then `source .venv/bin/activate`, and the local stack's own passphrase is used.",
        ) from error


def refuse_another_passphrase(machine: Machine, environ: Mapping[str, str]) -> None:
    """Raises SetupError if the user's passphrase isn't the stack's, which would otherwise fail in the middle of
    `up`."""
    if not any(name in machine.environ for name in VARIABLES) or environ.get(VARIABLES[0]) == PASSPHRASE:
        return
    if not (machine.root / f"Pulumi.{machine.stack}.yaml").exists():
        return  # pulumi would create one, with a salt for this passphrase
    command = ["pulumi", "stack", "history", "--show-secrets", "--page-size", "1", "--stack", machine.stack]
    if WRONG in machine.ask([*command, "--non-interactive"], environ=environ).stderr:
        raise another_passphrase(machine)


def another_passphrase(machine: Machine) -> SetupError:
    """The error that names the variable with another passphrase than the stack's."""
    name = next((name for name in VARIABLES if name in machine.environ), VARIABLES[0])
    return SetupError(
        f"{name} is set in this shell, and the stack {machine.stack} is encrypted with another passphrase",
        f"`unset {' '.join(VARIABLES)}`, then `source .venv/bin/activate`, which sets the local stack's public one."
        f"\n{'':<10} To encrypt the stack with yours instead: docs/state.md",
    )
