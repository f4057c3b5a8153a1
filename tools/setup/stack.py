"""The stack itself: created in the backend once, so that afterwards a plain `pulumi up` is all there is."""

from __future__ import annotations

import json
import shutil

from tools.setup.machine import CommandError, Machine, SetupError

UNREADABLE = ("EOF", "JSON", "invalid character")  # what Go's decoder says of half a file


def ensure(machine: Machine) -> None:
    """Creates the stack when the backend does not have it. Raises SetupError when the backend cannot be asked."""
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
        raise SetupError(str(error), "Is the stack's name right (letters, digits, `-`, `_`, `.`)?") from error
