"""Pulumi's plugins: the official ones if available, else stand-ins from tools/plugins in a virtual environment.

A plugin on PATH takes precedence over the engine's own store. So only missing plugins are linked into .venv/bin, and
the links are removed as soon as the official ones are installed. The language host is linked whenever the CLI is there.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tempfile
import time
from pathlib import Path

from tools.setup import pip
from tools.setup.machine import CommandError, Machine, SetupError, UnreachableError

LANGUAGE_HOST = "pulumi-language-python"
PROVIDERS = ("random", "docker", "command")
# The site from which the engine fetches its plugins.
SITE = "https://get.pulumi.com/releases/plugins/"
STAMP = ".setup-plugins.json"
DAY = 24 * 3600


def ensure(machine: Machine) -> None:
    """Makes sure that the engine finds the language host and the providers of the local stack."""
    versions = wanted(machine)
    missing = [name for name, version in versions.items() if not has_provider(machine, name, version)]
    if missing and site_reached(machine):
        missing = [name for name in missing if not install_official(machine, name, versions[name])]
    host = language_host(machine)
    programs = [] if host else [LANGUAGE_HOST]
    programs += [f"pulumi-resource-{name}" for name in missing]
    folder = stand_ins(machine) if programs else Path()
    targets = {program: folder / "bin" / program for program in programs}
    if host and (machine.venv / "bin/pulumi").exists():
        targets[LANGUAGE_HOST] = host  # the engine prefers PATH, where there may be that of a CLI which isn't used
    link(machine, targets)
    if programs:
        short = ", ".join(program.removeprefix("pulumi-") for program in programs)
        machine.say(f"stand-ins from tools/plugins are in .venv/bin, about which pulumi will warn: {short}")
    else:
        machine.say("the official ones are there")


def ensure_aws(machine: Machine) -> None:
    """Makes sure that a rehearsal finds an aws provider.

    The stand-in is linked to a folder that a rehearsal alone has on its PATH: it must never drive a real account.
    """
    lock = (machine.root / "requirements/cloud.txt").read_text()
    version = re.findall(r"^pulumi-aws==(\S+)", lock, re.MULTILINE)[0]
    place = machine.venv / "rehearsal" / "pulumi-resource-aws"
    here = has_provider(machine, "aws", version)
    if here or (site_reached(machine) and install_official(machine, "aws", version)):
        place.unlink(missing_ok=True)
        machine.say("the official aws provider is there")
        return
    target = stand_ins(machine) / "bin" / place.name
    if not (place.is_symlink() and place.readlink() == target):
        place.parent.mkdir(exist_ok=True)
        place.unlink(missing_ok=True)
        place.symlink_to(target)
    machine.say("a stand-in of tools/plugins is in .venv/rehearsal, for rehearsals alone: resource-aws")


def wanted(machine: Machine) -> dict[str, str]:
    """The versions of the providers; the engine requests those of the locked SDKs."""
    lock = (machine.root / "requirements/infra.txt").read_text()
    pinned = dict(re.findall(r"^pulumi-(\w+)==(\S+)", lock, re.MULTILINE))
    return {name: pinned[name] for name in PROVIDERS if name in pinned}


def language_host(machine: Machine) -> Path | None:
    """The official Python language host: on PATH, beside the CLI, or in the store; None if there is none.

    Beside a CLI on PATH that is too old and so isn't used, the host is as old.
    """
    own = machine.venv / "bin/pulumi"
    ours = own.exists()
    on_path = machine.which(LANGUAGE_HOST)
    if on_path and not (ours and Path(on_path).with_name("pulumi").is_file()):
        return Path(on_path)
    cli = own if ours else Path(machine.which("pulumi") or own)
    beside = cli.resolve().with_name(LANGUAGE_HOST)
    if beside.parent != own.parent.resolve() and beside.exists():
        return beside
    stored = store(machine).glob(f"language-python-v*/{LANGUAGE_HOST}")
    return next((host for host in stored if is_whole(host.parent)), None)


def has_provider(machine: Machine, name: str, version: str) -> bool:
    """Whether an official provider is on PATH, or in the store in the very version that the engine requests."""
    stored = store(machine) / f"resource-{name}-v{version}"
    return is_whole(stored) or bool(machine.which(f"pulumi-resource-{name}"))


def store(machine: Machine) -> Path:
    """Pulumi's own store for plugins."""
    return Path(machine.environ.get("PULUMI_HOME") or machine.home / ".pulumi") / "plugins"


def is_whole(folder: Path) -> bool:
    """Whether a plugin's folder in the store is there, and not of an installation that was interrupted."""
    return folder.is_dir() and not folder.with_name(f"{folder.name}.partial").exists()


def site_reached(machine: Machine) -> bool:
    """Whether the vendor's site can be reached; a no is remembered for a day, so that later runs don't wait."""
    stamp = machine.venv / STAMP
    try:
        if time.time() - json.loads(stamp.read_text())["unreached"] < DAY:
            return False
    except (OSError, ValueError, KeyError, TypeError):
        pass
    with tempfile.TemporaryDirectory() as folder:
        try:
            machine.fetch(SITE, Path(folder) / "page")
        except UnreachableError as error:
            # An error status is an answer, too. If it came from a proxy, the installation fails quickly.
            if not error.answered:
                machine.say(f"their site can't be reached ({error})")
                stamp.write_text(json.dumps({"unreached": time.time()}))
                return False
    return True


def install_official(machine: Machine, name: str, version: str) -> bool:
    """Makes the CLI fetch a provider into its store; False if that fails."""
    command = ["pulumi", "plugin", "install", "resource", name, f"v{version}"]
    try:
        machine.run(
            f"fetching the {name} provider {version} (seconds)", command, environ=machine.activated(), silence=30
        )
    except CommandError as error:
        machine.say(f"it can't be downloaded: {error.last}")
        return False
    return True


def stand_ins(machine: Machine) -> Path:
    """The virtual environment with tools/plugins; a new one if the package, its lock or Python has changed."""
    lock, package = machine.root / "requirements/plugins.txt", machine.root / "tools/plugins"
    folder = machine.cache / f"plugins-{content(machine, lock, package)}"
    done = folder / "complete"
    if done.exists():
        done.touch()
        return folder
    python = str(machine.venv / "bin/python")
    own_pip = [str(folder / "bin/python"), "-m", "pip", "--disable-pip-version-check", "--no-input", "install"]
    own_pip += ["--progress-bar", "off"]
    # The project's .venv has the locked build backend.
    wheel = [python, "-m", "pip", "--disable-pip-version-check", "wheel", "--no-deps", "--no-build-isolation"]
    with machine.lock(), tempfile.TemporaryDirectory() as built:
        if done.exists():
            return folder
        environ = pip.environ(machine)
        try:
            machine.run("creating a venv for the stand-ins (seconds)", [python, "-m", "venv", "--clear", str(folder)])
            machine.run(
                "installing requirements/plugins.txt (seconds)",
                [*own_pip, "--require-hashes", "-r", str(lock)],
                environ=environ,
            )
            building = [*wheel, "--wheel-dir", built, str(package)]
            machine.run("building tools/plugins (seconds)", building, environ=environ)
            built_one = map(str, Path(built).glob("*.whl"))
            machine.run("installing it", [*own_pip, "--no-deps", *built_one], environ=environ)
        except CommandError as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise SetupError(str(error), "Check that the package index can be reached, then try again.") from error
        done.touch()
        forget_unused(machine)
    return folder


def forget_unused(machine: Machine) -> None:
    """Removes stand-ins that no checkout has used for a month: each plugin that starts touches the file."""
    for done in machine.cache.glob("plugins-*/complete"):
        if time.time() - done.stat().st_mtime > 30 * DAY:
            shutil.rmtree(done.parent, ignore_errors=True)


def content(machine: Machine, lock: Path, package: Path) -> str:
    """A hash of everything that the stand-ins depend on: their code, the lock, the Python version."""
    config = (machine.venv / "pyvenv.cfg").read_text()
    digest = hashlib.sha256("".join(re.findall(r"^(?:home|version) .*$", config, re.MULTILINE)).encode())
    for file in (lock, package / "pyproject.toml", *sorted((package / "src").rglob("*.py"))):
        digest.update(f"{file.name}\0".encode() + file.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def link(machine: Machine, targets: dict[str, Path]) -> None:
    """Creates exactly these links in .venv/bin and removes earlier ones."""
    for program in (LANGUAGE_HOST, *(f"pulumi-resource-{name}" for name in PROVIDERS)):
        place, target = machine.venv / "bin" / program, targets.get(program)
        if target and place.is_symlink() and place.readlink() == target:
            continue
        place.unlink(missing_ok=True)
        if target:
            place.symlink_to(target)
