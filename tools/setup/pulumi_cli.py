"""The Pulumi CLI: the one on PATH if it is new enough, else the vendor's download, else built from its Go module."""

from __future__ import annotations

import hashlib
import re
import shutil
from pathlib import Path

from tools.setup import go
from tools.setup.machine import Machine, SetupError, UnreachableError

# The first version in which a failing hook makes the update fail.
MINIMUM = (3, 238, 0)
TOOL = go.Tool(
    name="pulumi",
    module="github.com/pulumi/pulumi/pkg/v3",
    package="cmd/pulumi",
    version_variable="github.com/pulumi/pulumi/sdk/v3/go/common/version.Version",
    takes="about five minutes",
)
# The site from which the official install script downloads; the checksums of a release are beside its archives.
SITE = "https://get.pulumi.com/releases/sdk"
SYSTEMS = {"Linux": "linux", "Darwin": "darwin"}
ARCHITECTURES = {"x86_64": "x64", "aarch64": "arm64", "arm64": "arm64"}


def ensure(machine: Machine) -> None:
    """Makes sure that `pulumi` runs in the activated .venv. Raises SetupError if it can't be installed in any way."""
    link = machine.venv / "bin/pulumi"
    if found := on_path(machine):
        # A CLI that a person installed must not be shadowed by an older one of ours.
        link.unlink(missing_ok=True)
        machine.say(f"{found} is used")
        return
    if not (program := kept(machine)):
        with machine.lock():
            program = kept(machine) or download(machine) or build(machine)
    place(machine, program, link)
    machine.say(
        f"{TOOL.version(machine)} is in .venv/bin, {'the official one' if is_official(machine) else 'built here'}"
    )


def on_path(machine: Machine) -> str:
    """The version and path of the CLI on PATH, if it is new enough; else nothing."""
    if not (program := machine.which("pulumi")):
        return ""
    environ = {**machine.environ, "PULUMI_SKIP_UPDATE_CHECK": "true"}
    text = machine.ask([program, "version"], environ=environ).stdout.strip()
    version = re.match(r"v?(\d+)\.(\d+)\.(\d+)", text)
    if version and tuple(map(int, version.groups())) >= MINIMUM:
        return f"{text} ({program})"
    machine.say(f"{program} is {text or 'broken'}; {'.'.join(map(str, MINIMUM))} or newer is needed, so it is not used")
    return ""


def official(machine: Machine) -> Path:
    """The folder of the vendor's distribution: the CLI and its language hosts."""
    return machine.cache / f"pulumi-{TOOL.version(machine)}"


def is_official(machine: Machine) -> bool:
    """Whether the installed CLI is the vendor's."""
    return (official(machine) / "pulumi").exists()


def kept(machine: Machine) -> Path | None:
    """The CLI that an earlier run downloaded or built."""
    places = (official(machine) / "pulumi", TOOL.program(machine))
    return next((place for place in places if place.exists()), None)


def place(machine: Machine, program: Path, link: Path) -> None:
    """Puts the CLI into .venv/bin.

    The CLI looks for its language host beside its real file. So the vendor's stays in its own folder, and one that was
    built here is put beside the stand-in plugins.
    """
    link.parent.mkdir(parents=True, exist_ok=True)
    if link.exists() and link.samefile(program):
        return
    link.unlink(missing_ok=True)
    if is_official(machine):
        link.symlink_to(program)
        return
    try:
        link.hardlink_to(program)
    except OSError:  # another file system
        shutil.copy2(program, link)


def download(machine: Machine) -> Path | None:
    """Downloads the vendor's archive and verifies its checksum; None if the site can't be reached."""
    version, folder = TOOL.version(machine), official(machine)
    system, architecture = SYSTEMS.get(machine.system), ARCHITECTURES.get(machine.architecture)
    archive = f"pulumi-{version}-{system}-{architecture}.tar.gz"
    part = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    machine.say(f"downloading the official CLI {version} (about a minute)")
    try:
        machine.fetch(f"{SITE}/pulumi-{version[1:]}-checksums.txt", part / "checksums")
        machine.fetch(f"{SITE}/{archive}", part / archive)
        with (part / archive).open("rb") as file:
            checksum = hashlib.file_digest(file, "sha256").hexdigest()
        if f"{checksum}  {archive}" not in (part / "checksums").read_text().splitlines():
            raise SetupError(
                f"{archive} does not have the checksum that its site publishes",
                "Try again, or install the CLI yourself (www.pulumi.com/docs/install).",
            )
        machine.run("unpacking it", ["tar", "-xzf", archive], cwd=part)
        (part / "pulumi").rename(folder)
    except UnreachableError as error:
        machine.say(f"its site can't be reached ({error})")
        return None
    finally:
        shutil.rmtree(part)
    return folder / "pulumi"


def build(machine: Machine) -> Path:
    """Builds the CLI as a Go tool. It must know its own version, which programs may check."""
    program = go.build(machine, TOOL)
    version = machine.ask([str(program), "version"]).stdout.strip()
    if version != TOOL.version(machine):
        program.unlink()
        raise SetupError(f"the CLI that was built says `{version}`, not {TOOL.version(machine)}")
    return program
