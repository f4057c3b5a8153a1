"""Builds programs from Go modules, in the versions that tools/*/go.mod pins (go.sum has their hashes)."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

from tools.setup.machine import CommandError, Machine, SetupError


@dataclass(frozen=True)
class Tool:
    """A program: its folder in tools/ (with the go.mod), its module, the package in it, how long a build takes."""

    name: str
    module: str
    package: str
    version_variable: str
    takes: str

    def version(self, machine: Machine) -> str:
        """The pinned version, such as `v3.300.1`: go.mod is the one place to change it."""
        text = (machine.root / "tools" / self.name / "go.mod").read_text()
        if found := re.search(rf"\s{re.escape(self.module)} (v\S+)", text):
            return found[1]
        raise SetupError(f"tools/{self.name}/go.mod does not require {self.module}")

    def program(self, machine: Machine) -> Path:
        """Where the built program is kept, for all of this user's checkouts."""
        return machine.cache / "bin" / f"{self.name}-{self.version(machine)}"


def build(machine: Machine, tool: Tool) -> Path:
    """Builds a tool unless it exists already; the file is put in place atomically. Raises SetupError."""
    program = tool.program(machine)
    if program.exists():
        return program
    need_go(machine, tool)
    program.parent.mkdir(parents=True, exist_ok=True)
    part = program.with_name(f".{program.name}.{os.getpid()}")
    flags = f"-s -w -X {tool.version_variable}={tool.version(machine)}"
    try:
        machine.run(
            f"building {tool.name} {tool.version(machine)} from its Go module ({tool.takes}, once)",
            ["go", "build", "-v", "-mod=readonly", "-ldflags", flags, "-o", str(part), f"{tool.module}/{tool.package}"],
            cwd=machine.root / "tools" / tool.name,
            environ=environ(machine),
        )
        part.replace(program)
    except CommandError as error:
        remedy = "Check that the Go module proxy can be reached, then try again; what was fetched and built is kept."
        if machine.environ.get("GOPROXY") == "off":
            remedy = "GOPROXY=off forbids fetching modules: `unset GOPROXY`, then try again."
        raise SetupError(str(error), remedy) from error
    finally:
        part.unlink(missing_ok=True)
    return program


def environ(machine: Machine) -> dict[str, str]:
    """The environment of the go command: with the user's module proxy, but without settings for their projects."""
    own = {"CGO_ENABLED": "0", "GO111MODULE": "on", "GOFLAGS": "", "GOWORK": "off", "GOTOOLCHAIN": "auto"}
    others = ("GOOS", "GOARCH", "GOBIN", "GOEXPERIMENT", "GOROOT")
    return {name: value for name, value in machine.environ.items() if name not in others} | own


def source(machine: Machine, tool: Tool) -> Path:
    """The folder with the module's files, fetched again if they are no longer in Go's cache."""
    command = ["go", "-C", str(machine.root / "tools" / tool.name), "mod", "download", "-json", tool.module]
    reply = machine.ask(command, environ=environ(machine), seconds=120)
    try:
        return Path(json.loads(reply.stdout)["Dir"])
    except (ValueError, KeyError):
        raise SetupError(f"{tool.module} cannot be fetched: {reply.stderr.strip() or reply.stdout.strip()}") from None


def need_go(machine: Machine, tool: Tool) -> None:
    """Raises SetupError unless Go 1.21 or newer is installed; from then on, Go fetches newer versions itself."""
    reply = machine.ask(["go", "env", "GOVERSION"], environ=environ(machine))
    version = re.match(r"go(\d+)\.(\d+)", reply.stdout)
    if version and (int(version[1]), int(version[2])) >= (1, 21):
        return
    found = f"{reply.stdout.strip()} is too old" if version else "there is no `go` command"
    raise SetupError(
        f"{tool.name} {tool.version(machine)} cannot be downloaded here, and it cannot be built: {found}",
        "Install Go 1.26 (go.dev/dl, or your system's package), then try again.",
    )
