"""The stack itself: created in the backend once, so that afterwards a plain `pulumi up` is all there is."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from tools.setup.machine import PASSPHRASE, CommandError, Machine, SetupError

WRONG = "incorrect passphrase"
VARIABLES = ("PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE")
UNREADABLE = ("EOF", "JSON", "invalid character")  # what Go's decoder says of half a file


def ensure(machine: Machine) -> None:
    """Creates the stack when the backend does not have it. Raises SetupError when the backend cannot be asked."""
    refuse_unreadable_passphrase(machine)
    environ = machine.activated()
    reply = machine.ask(["pulumi", "stack", "ls", "--json", "--non-interactive"], environ=environ)
    try:
        names = {entry["name"].rpartition("/")[2] for entry in json.loads(reply.stdout)}
    except ValueError:
        reason = (reply.stderr.strip() or reply.stdout.strip()).removeprefix("error: ")
        backend = environ.get("PULUMI_BACKEND_URL")
        remedy = f"The state's backend is {backend or 'the one in Pulumi.yaml'}; PULUMI_BACKEND_URL names another one."
        in_a_folder = not backend or backend.startswith("file:")
        if in_a_folder and any(words in reason for words in UNREADABLE):  # the state of any stack there
            name = "" if machine.stack == "local" else f" STACK={machine.stack}"
            remedy = f"After a killed pulumi: make repair{name}. A damaged state: docs/state.md"
        raise SetupError(reason, remedy) from None
    if machine.stack in names:
        refuse_another_passphrase(machine, environ)
        machine.say(f"{machine.stack} exists")
        return
    own = machine.root / f"Pulumi.{machine.stack}.yaml"
    if not own.exists():
        machine.say(f"{own.name} begins as a copy of Pulumi.local.yaml; ports of its own let both run side by side")
        shutil.copyfile(machine.root / "Pulumi.local.yaml", own)
    try:
        command = ["pulumi", "stack", "init", machine.stack, "--non-interactive"]
        machine.run(f"creating {machine.stack}", command, environ=environ)
    except CommandError as error:
        if WRONG in str(error):
            raise in_the_way(machine) from error
        raise SetupError(str(error), "Is the stack's name right (letters, digits, `-`, `_`, `.`)?") from error


def refuse_unreadable_passphrase(machine: Machine) -> None:
    """Raises SetupError when the file that is said to hold the passphrase can't be read."""
    name = machine.environ.get(VARIABLES[1])
    if not name or machine.environ.get(VARIABLES[0]):  # Pulumi looks at the file last
        return
    try:
        Path(name).read_bytes()
    except OSError as error:
        raise SetupError(
            f"{VARIABLES[1]} is {name}, which can't be read ({error.strerror})",
            f"`unset {VARIABLES[1]}`, then `source .venv/bin/activate`, and the local stack's own passphrase is used.",
        ) from error


def refuse_another_passphrase(machine: Machine, environ: Mapping[str, str]) -> None:
    """Raises SetupError when the person's own passphrase isn't the stack's, which else shows in the middle of `up`."""
    if not any(name in machine.environ for name in VARIABLES) or environ.get(VARIABLES[0]) == PASSPHRASE:
        return
    if not (machine.root / f"Pulumi.{machine.stack}.yaml").exists():
        return  # pulumi would begin one, with a salt of this passphrase
    command = ["pulumi", "stack", "history", "--show-secrets", "--page-size", "1", "--stack", machine.stack]
    if WRONG in machine.ask([*command, "--non-interactive"], environ=environ).stderr:
        raise in_the_way(machine)


def in_the_way(machine: Machine) -> SetupError:
    """Says which variable holds another passphrase than the stack's."""
    name = next((name for name in VARIABLES if name in machine.environ), VARIABLES[0])
    return SetupError(
        f"{name} is set in this shell, and the stack {machine.stack} is encrypted with another passphrase",
        f"`unset {' '.join(VARIABLES)}`, then `source .venv/bin/activate`: the local stack's own, which is public, is "
        "used.\n           To encrypt it with yours instead: docs/state.md",
    )
