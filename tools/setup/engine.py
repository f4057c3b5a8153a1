"""The Docker engine: a running one is used; root on a fresh Debian or Ubuntu gets one; all others a clear error."""

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
# How long a daemon that runs already may take to answer, as one does that was started a moment ago.
PATIENCE = 30  # seconds for one that is starting or ending


def ensure(machine: Machine) -> None:
    """Makes sure that a Docker engine answers. Raises SetupError with what to run when only a person can see to it."""
    where = choose(machine)
    version, reason = answer(machine)
    if not version:
        refuse_what_needs_a_person(machine, reason)
        with machine.lock():
            version = answer(machine)[0] or install_and_start(machine)
    machine.say(f"Docker {version} is running{where}")


def choose(machine: Machine) -> str:
    """Has every step use the engine that the Pulumi program finds, too; says where it is unless at the usual socket.

    Raises SetupError when a docker context is chosen that can't be read.
    """
    try:
        found = find(machine)
    except EndpointError as error:
        problem, _, fix = str(error).rpartition(". Fix: ")
        raise SetupError(problem, f"Run `{fix}`, then try again.") from error
    if not found.chosen_by:
        return ""
    machine.environ = found.environ(machine.environ)  # the docker CLI knows not all sockets
    return f" at {found.host} ({found.chosen_by})"


def find(machine: Machine) -> Endpoint:
    """Where the engine is that this machine's user uses."""
    if machine.endpoint is None:
        machine.endpoint = endpoint.find({**machine.environ, "HOME": str(machine.home)})
    return machine.endpoint


def install_and_start(machine: Machine) -> str:
    """Installs what is missing of Docker, starts it unless it runs, and returns its version."""
    elsewhere = endpoint.listens(find(machine).host)  # the host's engine in a container, whose socket is mounted
    if not machine.which("docker") or not (elsewhere or machine.which("dockerd")):
        # docker-cli is a package of its own in newer releases.
        client = ["docker-cli"] if apt.exists(machine, "docker-cli") else []
        packages = client if client and elsewhere else ["docker.io", *client, "iptables", "iproute2", "ca-certificates"]
        what = "`docker` command" if elsewhere else "Docker engine"
        apt.install(machine, packages, f"since there is no {what} here (a minute; INSTALL_DOCKER=0 forbids it)")
    # A package may have started its daemon.
    version, reason = answer(machine)
    if version:
        return version
    return another_daemon(machine, reason) or start(machine)


def another_daemon(machine: Machine, reason: str) -> str:
    """The version of a daemon that runs already; nothing when there is none, so that one may be started.

    Raises SetupError when a daemon runs that doesn't answer, or somebody else listens where ours would.
    """
    # One that is just starting answers soon; one that is just ending is gone soon.
    deadline = time.monotonic() + PATIENCE
    while (number := daemon()) and time.monotonic() < deadline:
        if version := answer(machine)[0]:
            return version
        time.sleep(0.5)
    if number:
        raise SetupError(
            f"a Docker engine runs here (dockerd, process {number}), but it does not answer: {reason}",
            "Does it listen elsewhere? `export DOCKER_HOST=unix:///THERE` names that. Its log says what is wrong "
            f"with it;\n{'':<10} when it has ended (`sudo kill {number}`), try again.",
        )
    if endpoint.listens(endpoint.DEFAULT):
        raise SetupError(
            f"somebody listens at {endpoint.DEFAULT} who does not answer as a Docker engine does: {reason}",
            "Is the socket another machine's or container's? Mend its engine, or name another one by DOCKER_HOST.",
        )
    return ""


def daemon() -> int | None:
    """The process of a Docker daemon that runs on this machine."""
    for comm in PROC.glob("[0-9]*/comm"):
        try:
            if comm.read_text().strip() == "dockerd" and not has_ended(comm.parent):
                return int(comm.parent.name)
        except OSError:  # it has just ended
            continue
    return None


def has_ended(process: Path) -> bool:
    """Whether all that is left of a process is its entry in /proc, which nobody has collected yet (a zombie)."""
    state = (process / "stat").read_text().rpartition(")")[2].split()
    return state[:1] in (["Z"], ["X"])


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
    found = find(machine)
    if found.way_out and not endpoint.listens(found.host):
        of = f"DOCKER_HOST={found.host}" if found.chosen_by == "DOCKER_HOST" else f"{found.chosen_by} ({found.host}),"
        start = "Start that engine" if machine.which("docker") else "Install the `docker` command"
        raise SetupError(
            f"the Docker engine of {of} does not answer: {reason}",
            f"{start}, or `{found.way_out}` for this machine's own.",
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
    if LOG.exists():  # of an earlier one
        LOG.replace(f"{LOG}.1")
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
