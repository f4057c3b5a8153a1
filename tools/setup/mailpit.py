"""Builds Mailpit from its Go module, whose pages have to be built first: releases have them, the repository hasn't.

The pages are made from what tools/mailpit/package-lock.json has, which is what package mirrors have; the viewer of the
API's documentation is not among it, so that this one page is empty here.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from tools.setup import apt, go
from tools.setup.machine import CommandError, Machine, SetupError

MAILPIT = go.Tool(
    name="mailpit",
    module="github.com/axllent/mailpit",
    package="",
    version_variable="github.com/axllent/mailpit/config.Version",
    takes="two to three minutes",
)


def build(machine: Machine) -> Path:
    """The program, built unless it exists already, in the version that tools/mailpit pins. Raises SetupError.

    The module's go.sum says what the program is made from.
    """
    program = MAILPIT.program(machine)
    if program.exists():
        return program
    go.need_go(machine, MAILPIT)
    if not machine.which("npm"):
        if not machine.has_apt():
            raise SetupError(
                f"mailpit {MAILPIT.version(machine)} cannot be built here: there is no `npm` command",
                "Install Node.js 20 or newer (your system's package), then try again.",
            )
        apt.install(machine, ["nodejs", "npm"], "to build Mailpit's pages (a minute)")
    program.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="mailpit-", dir=machine.cache))
    source, built = folder / "source", folder / "mailpit"
    flags = f"-s -w -X {MAILPIT.version_variable}={MAILPIT.version(machine)}"
    steps = (
        ("fetching what Mailpit's pages are made from", ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]),
        ("building Mailpit's pages", ["node", "esbuild.config.mjs"]),
        (
            f"building Mailpit {MAILPIT.version(machine)} from its Go module ({MAILPIT.takes}, once)",
            ["go", "build", "-mod=readonly", "-ldflags", flags, "-o", str(built), "."],
        ),
    )
    try:
        # The files of Go's cache are read-only.
        shutil.copytree(go.source(machine, MAILPIT), source, copy_function=shutil.copyfile)
        for path in (source, *source.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)
        for name in ("package.json", "package-lock.json"):
            shutil.copyfile(machine.root / "tools/mailpit" / name, source / name)
        (source / "server/ui-src/docs.js").write_text("")
        for what, command in steps:
            machine.run(what, command, cwd=source, environ={**go.environ(machine), "MINIFY": "true"})
        built.replace(program)
    except CommandError as error:
        remedy = "Check that the Go module proxy and npm's registry can be reached, then try again."
        raise SetupError(str(error), remedy) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return program
