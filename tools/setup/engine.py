"""The Docker engine: uses a running one; installs one for root on Debian or Ubuntu; otherwise ends with an error."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from infra import endpoint
from infra.endpoint import Endpoint, EndpointError
from tools.setup import apt
from tools.setup.machine import CommandError, Machine, SetupError

START_SECONDS = 60
LOG = Path("/var/log/dockerd.log")
SYSTEMD = Path("/run/systemd/system")
PROC = Path("/proc")
# How long a daemon that is starting or ending may take to answer or to disappear.
DAEMON_SECONDS = 30


def ensure(machine: Machine) -> None:
    """Makes sure that a Docker engine answers. Raises SetupError with what to run if only a person can do that."""
    where = choose(machine)
    version, reason = answer(machine)
    if not version:
        refuse_unless_installable(machine, reason)
        with machine.lock():
            version = answer(machine)[0] or install_and_start(machine)
    machine.say(f"Docker {version} is running{where}")


def choose(machine: Machine) -> str:
    """Makes every step use the engine that the Pulumi program finds; returns where it is, unless at the usual socket.

    Raises SetupError when the chosen docker context can't be read.
    """
    try:
        found = find(machine)
    except EndpointError as error:
        problem, _, fix = str(error).rpartition(". Fix: ")
        raise SetupError(problem, f"Run `{fix}`, then try again.") from error
    if not found.chosen_by:
        return ""
    machine.environ = found.environ(machine.environ)  # the docker CLI doesn't try all sockets
    return f" at {found.host} ({found.chosen_by})"


def find(machine: Machine) -> Endpoint:
    """Where this user's engine is."""
    if machine.endpoint is None:
        machine.endpoint = endpoint.find({**machine.environ, "HOME": str(machine.home)})
    return machine.endpoint


def install_and_start(machine: Machine) -> str:
    """Installs the missing parts of Docker, starts it unless it is running, and returns its version."""
    elsewhere = endpoint.listens(find(machine).host)  # in a container with the host's socket
    if not machine.which("docker") or not (elsewhere or machine.which("dockerd")):
        # In newer releases docker-cli is a separate package.
        client = ["docker-cli"] if apt.exists(machine, "docker-cli") else []
        packages = client if client and elsewhere else ["docker.io", *client, "iptables", "iproute2", "ca-certificates"]
        what = "`docker` command" if elsewhere else "Docker engine"
        apt.install(machine, packages, f"since there is no {what} here (a minute; INSTALL_DOCKER=0 forbids it)")
    # The package may have started the daemon.
    version, reason = answer(machine)
    if version:
        return version
    return another_daemon(machine, reason) or start(machine)


def another_daemon(machine: Machine, reason: str) -> str:
    """The version of a daemon that is running already; empty if there is none, so that one can be started.

    Raises SetupError when a daemon is running that doesn't answer, or when another program listens on its socket.
    """
    # A daemon that is starting answers soon, and one that is ending disappears soon.
    deadline = time.monotonic() + DAEMON_SECONDS
    while (number := daemon()) and time.monotonic() < deadline:
        if version := answer(machine)[0]:
            return version
        time.sleep(0.5)
    if number:
        raise SetupError(
            f"a Docker engine is running here (dockerd, process {number}), but it does not answer: {reason}",
            "If it listens elsewhere, run `export DOCKER_HOST=unix:///ITS/SOCKET`. If not, its log says what is wrong;"
            f"\n{'':<10} stop it (`sudo kill {number}`), then try again.",
        )
    if endpoint.listens(endpoint.DEFAULT):
        raise SetupError(
            f"another program than a Docker engine listens at {endpoint.DEFAULT}: {reason}",
            "If the socket belongs to another machine or container, repair its engine, or name another in DOCKER_HOST.",
        )
    return ""


def daemon() -> int | None:
    """The process id of a Docker daemon that is running on this machine."""
    for comm in PROC.glob("[0-9]*/comm"):
        try:
            if comm.read_text().strip() == "dockerd" and not has_ended(comm.parent):
                return int(comm.parent.name)
        except OSError:  # the process has ended
            continue
    return None


def has_ended(process: Path) -> bool:
    """Whether the process is a zombie: it has ended, but its parent has not collected it yet."""
    state = (process / "stat").read_text().rpartition(")")[2].split()
    return state[:1] in (["Z"], ["X"])


def answer(machine: Machine) -> tuple[str, str]:
    """The engine's version, or an empty string and the reason why it doesn't answer."""
    if not machine.which("docker"):
        return "", "there is no `docker` command"
    reply = machine.ask(["docker", "version", "--format", "{{.Server.Version}}"], seconds=20)
    if reply.returncode == 0 and reply.stdout.strip():
        return reply.stdout.strip(), ""
    lines = (reply.stderr.strip() or reply.stdout.strip() or "it does not answer").splitlines()
    return "", lines[-1]


def refuse_unless_installable(machine: Machine, reason: str) -> None:
    """Raises SetupError unless an engine may be installed or started here."""
    if "permission denied" in reason.lower():
        raise SetupError(
            f"you may not use the Docker engine: {reason}",
            "Run `sudo usermod -aG docker $USER`, log in again (or `newgrp docker`), then try again.",
        )
    found = find(machine)
    if found.way_out and not endpoint.listens(found.host):
        of = f"DOCKER_HOST={found.host}" if found.chosen_by == "DOCKER_HOST" else f"{found.chosen_by} ({found.host}),"
        start = "Start that engine" if machine.which("docker") else "Install the `docker` command"
        raise SetupError(
            f"the Docker engine of {of} does not answer: {reason}",
            f"{start}, or run `{found.way_out}` to use this machine's own.",
        )
    if machine.system == "Darwin":
        raise SetupError(
            f"no Docker engine answers: {reason}",
            "Start Docker Desktop, or `brew install docker colima && colima start`, then try again.",
        )
    if machine.environ.get("INSTALL_DOCKER") == "0":
        raise SetupError(
            f"no Docker engine answers: {reason}",
            "INSTALL_DOCKER=0 forbids installing or starting one: start it yourself, or unset INSTALL_DOCKER.",
        )
    if not machine.has_apt():
        raise SetupError(
            f"no Docker engine answers: {reason}",
            "Start it (`sudo systemctl start docker`); or install it first: `sudo apt-get install docker.io`\n"
            f"{'':<10} on Debian and Ubuntu (`sudo python3 tools/setup engine` does both), docs.docker.com elsewhere.",
        )


def start(machine: Machine) -> str:
    """Starts the installed engine, with systemd if that is running, and returns its version."""
    if SYSTEMD.exists():
        try:
            machine.run("starting it with systemd (seconds)", ["systemctl", "start", "docker"])
        except CommandError as error:
            raise SetupError(str(error), "`journalctl -u docker` says why.") from error
        return wait(machine, None, "`journalctl -u docker` says why.")

    machine.say(f"starting dockerd in the background (seconds); its log: {LOG}")
    try:
        return launch(machine, [])
    except SetupError:
        # For kernels and nested containers without overlay mounts; vfs is slower, but works everywhere.
        if "graphdriver" not in tail(20) and "overlay" not in tail(20):
            raise
        machine.say("its storage driver does not work here; trying vfs (slower, takes more disk space)")
        return launch(machine, ["--storage-driver=vfs"])


def launch(machine: Machine, options: list[str]) -> str:
    """Starts dockerd so that it outlives this program, and waits for it."""
    if LOG.exists():  # from an earlier start
        LOG.replace(f"{LOG}.1")
    with LOG.open("wb") as log:
        daemon = subprocess.Popen(
            ["dockerd", *options],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd="/", env=machine.environ,
        )  # fmt: skip
    return wait(machine, daemon, f"{LOG} says why.")


def wait(machine: Machine, daemon: subprocess.Popen[bytes] | None, remedy: str) -> str:
    """Waits until the engine answers and returns its version; gives up when it ends or takes too long."""
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
