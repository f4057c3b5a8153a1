"""The Docker engine: a running one is used; root on a fresh Debian or Ubuntu gets one; all others a clear error."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from tools.setup import apt
from tools.setup.machine import CommandError, Machine, SetupError

START_SECONDS = 60
LOG = Path("/var/log/dockerd.log")
SYSTEMD = Path("/run/systemd/system")


def ensure(machine: Machine) -> None:
    """Makes sure that a Docker engine answers. Raises SetupError with what to run when only a person can see to it."""
    version, reason = answer(machine)
    if version:
        machine.say(f"Docker {version} is running")
        return
    refuse_what_needs_a_person(machine, reason)
    with machine.lock():
        version, _ = answer(machine)
        if not version:
            if not machine.which("dockerd") or not machine.which("docker"):
                # docker-cli is a package of its own in newer releases.
                packages = ["docker.io", *(["docker-cli"] if apt.exists(machine, "docker-cli") else [])]
                packages += ["iptables", "iproute2", "ca-certificates"]
                apt.install(
                    machine, packages, "since there is no Docker engine here (a minute; INSTALL_DOCKER=0 forbids it)"
                )
            # A package may have started its daemon.
            version = answer(machine)[0] or start(machine)
    machine.say(f"Docker {version} is running")


def answer(machine: Machine) -> tuple[str, str]:
    """The engine's version, or an empty string and the reason."""
    if not machine.which("docker"):
        return "", "there is no `docker` command"
    reply = machine.ask(["docker", "version", "--format", "{{.Server.Version}}"], seconds=20)
    if reply.returncode == 0 and reply.stdout.strip():
        return reply.stdout.strip(), ""
    lines = (reply.stderr.strip() or reply.stdout.strip() or "it does not answer").splitlines()
    return "", lines[-1]


def refuse_what_needs_a_person(machine: Machine, reason: str) -> None:
    """Raises SetupError unless an engine may be installed or started here."""
    if "permission denied" in reason.lower():
        raise SetupError(
            f"you may not use the Docker engine: {reason}",
            "Run `sudo usermod -aG docker $USER`, log in again (or `newgrp docker`), then try again.",
        )
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT"):
        if value := machine.environ.get(name):
            raise SetupError(
                f"the Docker engine of {name}={value} does not answer: {reason}",
                f"Start that engine, or `unset {name}` for this machine's own.",
            )
    if machine.system == "Darwin":
        raise SetupError(
            f"no Docker engine answers: {reason}",
            "Start Docker Desktop, or `brew install docker colima && colima start`, then try again.",
        )
    if machine.environ.get("INSTALL_DOCKER") == "0":
        raise SetupError(
            f"no Docker engine answers: {reason}",
            "INSTALL_DOCKER=0 forbids to install or start one: start it yourself, or unset INSTALL_DOCKER.",
        )
    if not machine.has_apt():
        raise SetupError(
            f"no Docker engine answers: {reason}",
            "Start it (`sudo systemctl start docker`); or install it first: `sudo apt-get install docker.io`\n"
            f"{'':<10} on Debian and Ubuntu (`sudo python3 tools/setup engine` does both), docs.docker.com elsewhere.",
        )


def start(machine: Machine) -> str:
    """Starts the installed engine, by systemd where that runs, and returns its version."""
    if SYSTEMD.exists():
        try:
            machine.run("starting it by systemd (seconds)", ["systemctl", "start", "docker"])
        except CommandError as error:
            raise SetupError(str(error), "`journalctl -u docker` says why.") from error
        return wait(machine, None, "`journalctl -u docker` says why.")

    machine.say(f"starting dockerd in the background (seconds); its log: {LOG}")
    try:
        return launch(machine, [])
    except SetupError:
        # A kernel or a nested container without overlay mounts: slower, but it works everywhere.
        if "graphdriver" not in tail(20) and "overlay" not in tail(20):
            raise
        machine.say("its storage driver does not work here: once more with vfs (slower, takes more disk)")
        return launch(machine, ["--storage-driver=vfs"])


def launch(machine: Machine, options: list[str]) -> str:
    """Starts dockerd so that it outlives this program, and waits for it."""
    with LOG.open("wb") as log:
        daemon = subprocess.Popen(
            ["dockerd", *options],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd="/", env=machine.environ,
        )  # fmt: skip
    return wait(machine, daemon, f"{LOG} says why.")


def wait(machine: Machine, daemon: subprocess.Popen[bytes] | None, remedy: str) -> str:
    """Waits until the engine answers and returns its version; gives up when it ended or took too long."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        version, _ = answer(machine)
        if version:
            return version
        if daemon and daemon.poll() is not None:
            break
        time.sleep(0.5)
    raise SetupError(f"the Docker engine does not start\n{tail(5)}".rstrip(), remedy)


def tail(lines: int) -> str:
    """The last lines of dockerd's log."""
    return "\n".join(LOG.read_text(errors="replace").splitlines()[-lines:]) if LOG.exists() else ""
