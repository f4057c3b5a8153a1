"""A Docker engine that is nobody else's: data, containerd, socket and a network namespace of its own. Needs root."""

import ctypes
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import docker
from docker.errors import DockerException

from tests.waiting import wait_until

CLONE_NEWNET = 0x40000000  # linux/sched.h


class OwnEngine:
    """The engine; `host` is what DOCKER_HOST has to say."""

    def __init__(self, folder: Path, options: Sequence[str] = ()) -> None:
        self.folder = folder
        self.options = options
        self.host = f"unix://{folder / 'socket'}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns when it answers."""
        places = [f"--{name}={self.folder / name}" for name in ("data-root", "exec-root", "pidfile")]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                ["dockerd", "--host", self.host, *places, *self.options], stdout=log, stderr=log, start_new_session=True
            )
        wait_until(self.answers, "an engine of our own", 60)

    def stop(self) -> None:
        """As a service manager stops it: containers are stopped too."""
        assert self.process
        self.process.terminate()
        self.process.wait(60)

    def restart(self) -> None:
        self.stop()
        self.start()

    def answers(self) -> bool:
        try:
            return bool(self.client().ping())
        except DockerException:
            return False

    def client(self) -> docker.DockerClient:
        return docker.DockerClient(base_url=self.host, timeout=120)

    def take_over(self, images: list[str]) -> None:
        """Copies images from the machine's engine."""
        with subprocess.Popen(["docker", "save", *images], stdout=subprocess.PIPE) as saved:
            subprocess.run(["docker", "--host", self.host, "load", "--quiet"], stdin=saved.stdout, check=True)


@contextmanager
def own_network() -> Iterator[None]:
    """This thread, and the programs that it starts, in a network of their own with nothing in it but the loopback.

    Two engines in one network would set up bridges and packet filters of the same names.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    if libc.unshare(CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "a network namespace of our own takes root")
    try:
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        yield
    finally:
        libc.setns(before, CLONE_NEWNET)
        os.close(before)


@contextmanager
def own_engine(*options: str) -> Iterator[OwnEngine]:
    """An empty engine with options of dockerd, running; at the end everything of it is gone."""
    folder = Path(tempfile.mkdtemp(prefix="faults-"))
    engine = OwnEngine(folder, options)
    with own_network():
        try:
            engine.start()
            yield engine
        finally:
            if engine.process and engine.process.poll() is None:
                with suppress(DockerException):
                    for container in engine.client().containers.list(all=True, ignore_removed=True):
                        container.remove(force=True)
                try:
                    engine.stop()  # a killed one leaves a mount behind
                except subprocess.TimeoutExpired:
                    engine.process.kill()
            shutil.rmtree(folder, ignore_errors=True)
