"""The environment in which set-up runs pip: with the user's package sources, without their other settings.

A mirror, a proxy or a certificate that is set in pip's files or by PIP_… variables is needed. `user`, `target`,
`prefix`, `require-virtualenv`, `constraint` and the like would install packages elsewhere, or refuse them.
"""

from __future__ import annotations

import ast
import os

from tools.setup.machine import Machine, SetupError

# Options about where packages come from and how they are fetched: pip.pypa.io/en/stable/topics/configuration.
SOURCES = {
    *("index-url", "extra-index-url", "no-index", "find-links"),
    *("proxy", "cert", "client-cert", "trusted-host", "keyring-provider", "truststore", "use-feature"),
    *("default-timeout", "timeout", "retries", "resume-retries", "cache-dir", "no-cache-dir"),
}
# Later sections override earlier ones.
SECTIONS = ("global", "install", ":env:")


def environ(machine: Machine) -> dict[str, str]:
    """The environment for pip: the user's settings about package sources, as variables, and no configuration file.

    Raises SetupError when pip can't read its settings.
    """
    reply = machine.ask([str(machine.venv / "bin/python"), "-m", "pip", "config", "list"])
    if reply.returncode != 0:
        lines = (reply.stderr.strip() or reply.stdout.strip()).splitlines() or ["it says nothing"]
        raise SetupError(f"pip can't read its own settings: {lines[-1]}", "`pip config debug` lists its files.")
    own = {name: value for name, value in machine.environ.items() if not name.startswith("PIP_")}
    return {**own, **source_variables(reply.stdout), "PIP_CONFIG_FILE": os.devnull}


def source_variables(listed: str) -> dict[str, str]:
    """Variables for the output of `pip config list`, such as `global.index-url='https://mirror.example.com/simple'`."""
    found: dict[str, dict[str, str]] = {section: {} for section in SECTIONS}
    for line in listed.splitlines():
        key, _, value = line.partition("=")
        section, _, name = key.rpartition(".")
        if section in found and name in SOURCES:
            found[section][f"PIP_{name.upper().replace('-', '_')}"] = str(ast.literal_eval(value))
    return {name: value for section in SECTIONS for name, value in found[section].items()}
