"""pip as set-up runs it: the user's own way to packages counts, the rest of their settings doesn't.

A mirror, a proxy or a certificate may be set in pip's files or by PIP_… variables, and is needed. `user`, `target`,
`prefix`, `require-virtualenv`, `constraint` and their like would put the packages elsewhere, or refuse them.
"""

from __future__ import annotations

import ast
import os

from tools.setup.machine import Machine, SetupError

# pip.pypa.io/en/stable/topics/configuration: where packages come from, and how they are fetched.
WAY = {
    *("index-url", "extra-index-url", "no-index", "find-links"),
    *("proxy", "cert", "client-cert", "trusted-host", "keyring-provider", "truststore", "use-feature"),
    *("default-timeout", "timeout", "retries", "resume-retries", "cache-dir", "no-cache-dir"),
}
# Later ones win.
SECTIONS = ("global", "install", ":env:")


def environ(machine: Machine) -> dict[str, str]:
    """The environment for pip: what of its settings is the way to packages, as variables, and no file of settings.

    Raises SetupError when pip can't read its settings.
    """
    reply = machine.ask([str(machine.venv / "bin/python"), "-m", "pip", "config", "list"])
    if reply.returncode != 0:
        lines = (reply.stderr.strip() or reply.stdout.strip()).splitlines() or ["it says nothing"]
        raise SetupError(f"pip can't read its own settings: {lines[-1]}", "`pip config debug` lists its files.")
    own = {name: value for name, value in machine.environ.items() if not name.startswith("PIP_")}
    return {**own, **way(reply.stdout), "PIP_CONFIG_FILE": os.devnull}


def way(listed: str) -> dict[str, str]:
    """The variables for what `pip config list` prints, such as `global.index-url='https://mirror.example.com/simple'`."""
    found: dict[str, dict[str, str]] = {section: {} for section in SECTIONS}
    for line in listed.splitlines():
        key, _, value = line.partition("=")
        section, _, name = key.rpartition(".")
        if section in found and name in WAY:
            found[section][f"PIP_{name.upper().replace('-', '_')}"] = str(ast.literal_eval(value))
    return {name: value for section in SECTIONS for name, value in found[section].items()}
