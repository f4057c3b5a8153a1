"""The emulator's container: its image, its network, its ports on the loopback, and all that it leaves on the engine."""

import contextlib
import hashlib
import io
import os
import shlex
import socket
import tarfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import docker
from docker.errors import APIError, BuildError, DockerException, ImageNotFound, NotFound
from docker.types import IPAMConfig, IPAMPool

from infra import endpoint
from infra.checkout import ROOT
from infra.endpoint import Endpoint, EndpointError

# Where AWS's SDKs ask for a task's credentials, and nowhere else by plain http:
# https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
TASK_NETWORK = ("169.254.170.0/24", "169.254.170.2")
API_PORT, TLS_PORT = 4566, 443  # in the container
LABEL = "django-stack.rehearsal"
PORT_LABEL = f"{LABEL}.port"
REGION_LABEL = f"{LABEL}.region"
MACHINE_LABEL = f"{LABEL}.machine"
IMAGE = "django-stack/emulator"
PYTHON = "python:3.13-slim-trixie"
ACCOUNT = "123456789012"
START_TIMEOUT = 60  # seconds

Report = Callable[[str], None]


class RehearsalError(Exception):
    """What stands in the way, and what to do."""


@dataclass(frozen=True)
class Ports:
    """The emulator's ports on this machine's loopback: `api` is http (API, registry, browser), `tls` https."""

    api: int
    tls: int

    @property
    def url(self) -> str:
        """For AWS_ENDPOINT_URL."""
        return f"http://127.0.0.1:{self.api}"


class Emulator:
    """The emulator of one rehearsal. `name` is its container's and its network's; all that it makes is found by it.

    `owner` says whose it is. A `network` is a subnet and the emulator's address in it, nothing for any: tasks have no
    credentials then, which tests of API calls don't need.
    """

    def __init__(
        self,
        engine: docker.DockerClient,
        name: str = "django-stack-rehearsal",
        owner: str = str(ROOT),
        network: tuple[str, str] | None = TASK_NETWORK,
    ) -> None:
        self._engine = engine
        self._subnet = network
        self.name, self.owner = name, owner
        self.labels = {LABEL: name, f"{LABEL}.owner": owner, MACHINE_LABEL: _machine()}

    # What is there

    @property
    def ports(self) -> Ports | None:
        """Its ports, None when it doesn't run. Raises RehearsalError when somebody else's does."""
        container = self._container
        if not container:
            return None
        owner = self.found_owner
        if owner != self.owner:
            raise RehearsalError(
                f"A rehearsal of {owner} is on this Docker engine already, and there can be one at a time: the address "
                f"at which tasks ask for credentials is one. Fix: (cd {shlex.quote(owner)} && make rehearse-down), or "
                f"docker rm --force {self.name} if that folder is gone on its machine"
            )
        published = container.ports
        if container.status != "running" or not published.get(f"{API_PORT}/tcp"):
            return None
        return Ports(*(int((published[f"{inner}/tcp"] or [{}])[0]["HostPort"]) for inner in (API_PORT, TLS_PORT)))

    @property
    def found_owner(self) -> str:
        """Whose emulator of this name is on the engine; nothing for none."""
        return str(self._container.labels.get(f"{LABEL}.owner", "")) if self._container else ""

    @property
    def _container(self) -> Any:
        try:
            return self._engine.containers.get(self.name)
        except NotFound:
            return None

    # What is done with it

    def remove_abandoned(self, report: Report) -> None:
        """Removes one whose project's folder is gone: nobody can use it any more, or take it down.

        What is gone here may be there for another container or machine that has this engine, too: theirs stays.
        """
        owner, container = Path(self.found_owner), self._container
        if not container or not owner.is_absolute() or not _is_gone(owner):
            return
        machine = container.labels.get(MACHINE_LABEL)  # earlier versions wrote none
        if machine == _machine() or (not machine and container.status != "running"):
            report(f"removing the rehearsal of {owner}, a folder that is gone")
            with explained():
                self.remove()

    def start(self, report: Report, region: str, *, without: str = "", enforce_iam: bool = False) -> Ports:
        """Brings it up, unless it is; its ports. Raises RehearsalError, for one that is up in another region, too."""
        if ports := self.ports:
            here = self._engine.containers.get(self.name).labels[REGION_LABEL]
            if here != region:
                raise RehearsalError(f"The rehearsal is in {here}, and can't move to {region}. Fix: make rehearse-down")
            return ports
        with explained():
            image = self._image(report)
            self.remove()
            report("starting the emulator of AWS")
            self._make_network()
            self._engine.volumes.create(self._volume, labels=self.labels)
            environment = {
                "REHEARSAL_REGION": region,
                "REHEARSAL_ACCOUNT": ACCOUNT,
                "REHEARSAL_VOLUME": self._volume,
                "REHEARSAL_LABEL": f"{LABEL}={self.name}",
                "REHEARSAL_WITHOUT": without,
                "REHEARSAL_IAM": "enforced" if enforce_iam else "",
                "MINISTACK_HOSTNAME": self.name,
            }
            while True:
                ports = Ports(_free_port(4566), _free_port(4443))
                container = self._create(image, environment, ports)
                try:
                    container.start()
                    break
                except APIError as error:  # another emulator starts at the same moment
                    if "port is already allocated" not in str(error):
                        raise
                    container.remove(force=True)
            self._wait(container, ports)
        return ports

    def remove(self) -> None:
        """Removes it and all that it made, containers of tasks and databases, volumes, the network, its images' names.

        The tasks are killed. The images themselves stay where they have other names, as Docker's cache has them.
        """
        registries = [
            f"127.0.0.1:{container.labels[PORT_LABEL]}/"
            for container in self._containers(f"{LABEL}={self.name}")
            if PORT_LABEL in container.labels
        ]
        for label in (f"{LABEL}={self.name}", f"ministack.instance={self.name}:{API_PORT}"):
            for container in self._containers(label):
                _remove(partial(container.remove, force=True, v=True))
        for volume in self._engine.volumes.list(filters={"label": f"{LABEL}={self.name}"}):
            _remove(partial(volume.remove, force=True))
        for network in self._engine.networks.list(filters={"label": f"{LABEL}={self.name}"}):
            _remove(network.remove)
        # The list as the engine gives it: docker-py's `images.list` fails when anybody's image goes meanwhile.
        for image in self._engine.api.images() if registries else []:
            for name in [*(image["RepoTags"] or []), *(image["RepoDigests"] or [])]:
                if name.startswith(tuple(registries)):
                    _remove(partial(self._engine.images.remove, name))

    def _containers(self, label: str) -> list[Any]:
        """Those with the label, running or not."""
        return list(self._engine.containers.list(all=True, filters={"label": label}, ignore_removed=True))

    def find(self, label: str) -> str:
        """The name of the newest running container that it made and that has the label; nothing for none."""
        labels = [f"ministack.instance={self.name}:{API_PORT}", label]
        found = self._engine.containers.list(filters={"label": labels}, ignore_removed=True)
        return str(found[0].name) if found else ""

    def log(self, lines: int = 40) -> str:
        """The last lines that it printed."""
        container = self._container
        return container.logs(tail=lines).decode(errors="replace") if container else ""

    # How

    @property
    def _volume(self) -> str:
        return f"{self.name}-certificates"

    def _create(self, image: str, environment: Mapping[str, str], ports: Ports) -> Any:
        """The emulator's container, which doesn't run yet; its labels say the ports and the region."""
        return self._engine.containers.create(
            image,
            name=self.name,
            environment={**environment, "REHEARSAL_PORT": str(ports.api)},
            labels={**self.labels, PORT_LABEL: str(ports.api), REGION_LABEL: environment["REHEARSAL_REGION"]},
            ports={f"{API_PORT}/tcp": ("127.0.0.1", ports.api), f"{TLS_PORT}/tcp": ("127.0.0.1", ports.tls)},
            volumes={
                _socket(endpoint.find()): {"bind": "/var/run/docker.sock"},
                self._volume: {"bind": "/certificates"},
            },
            network=self.name,
            networking_config={self.name: self._engine.api.create_endpoint_config(ipv4_address=self._address)},
            init=True,
        )

    def _image(self, report: Report) -> str:
        """The image that is built of these files, built if it isn't there yet."""
        context = _context()
        tag = f"{IMAGE}:{hashlib.sha256(context).hexdigest()[:12]}"
        try:
            self._engine.images.get(tag)
        except ImageNotFound:
            report("building the emulator's image (half a minute, once)")
            proxies = {
                name: os.environ[name] for name in ("http_proxy", "https_proxy", "no_proxy") if name in os.environ
            }
            self._engine.images.build(
                fileobj=io.BytesIO(context),
                custom_context=True,
                tag=tag,
                buildargs={"PYTHON_IMAGE": PYTHON, **proxies},
                labels={LABEL: "image"},
                network_mode="host",
                rm=True,
                forcerm=True,
            )
        return tag

    @property
    def _address(self) -> str | None:
        return self._subnet[1] if self._subnet else None

    def _make_network(self) -> None:
        pools = [IPAMPool(subnet=self._subnet[0])] if self._subnet else []
        try:
            self._engine.networks.create(
                self.name, driver="bridge", ipam=IPAMConfig(pool_configs=pools), labels=self.labels
            )
        except APIError as error:
            if "overlap" not in str(error):
                raise
            raise RehearsalError(
                f"The Docker engine has another network at {self._subnet and self._subnet[0]}, where AWS's tasks ask "
                f"for credentials: {self._networks_in_the_way()}. Fix: end what uses it, then docker network rm it"
            ) from None

    def _networks_in_the_way(self) -> str:
        wanted = self._subnet and self._subnet[0].rpartition(".")[0]
        return ", ".join(
            str(network.name)
            for network in self._engine.networks.list()
            if any(
                str(pool.get("Subnet", "")).startswith(str(wanted)) for pool in network.attrs["IPAM"]["Config"] or []
            )
        )

    def _wait(self, container: Any, ports: Ports) -> None:
        until = time.monotonic() + START_TIMEOUT
        while time.monotonic() < until:
            with contextlib.suppress(OSError), _direct(f"{ports.url}/_ministack/ready", 2):
                return
            container.reload()
            if container.status == "exited":
                raise RehearsalError(f"The emulator ended at once:\n{self.log()}")
            time.sleep(0.2)
        raise RehearsalError(f"The emulator doesn't answer within {START_TIMEOUT} seconds:\n{self.log()}")


def connect() -> docker.DockerClient:
    """The Docker engine of this machine. Raises RehearsalError."""
    try:
        found = endpoint.find()
        engine = found.client(timeout=300)
        engine.ping()
    except (EndpointError, DockerException) as error:
        raise RehearsalError(f"No Docker engine answers: {error}. Fix: make setup") from None
    if found.is_remote:
        raise RehearsalError(
            f"The Docker engine is another machine's, {found.host}, and a rehearsal's addresses are this one's. "
            "Fix: unset DOCKER_HOST DOCKER_CONTEXT, for the engine of this machine"
        )
    return engine


@contextlib.contextmanager
def explained() -> Iterator[None]:
    """Turns the engine's errors into a RehearsalError."""
    try:
        yield
    except BuildError as error:
        lines = [line.get("stream", line.get("error", "")).strip() for line in error.build_log]
        raise RehearsalError("The emulator's image can't be built:\n  " + "\n  ".join(lines[-10:])) from None
    except DockerException as error:
        raise RehearsalError(f"The Docker engine refuses: {error}") from None


def _context() -> bytes:
    """The build's context, the same bytes for the same files."""
    files = {"Dockerfile": ROOT / "tools/rehearsal/Dockerfile", "requirements.txt": ROOT / "requirements/rehearsal.txt"}
    for folder in ("emulator", "overrides"):
        files |= {
            f"tools/rehearsal/{folder}/{file.name}": file for file in (ROOT / f"tools/rehearsal/{folder}").glob("*.py")
        }
    files |= {name: ROOT / name for name in ("tools/__init__.py", "tools/rehearsal/__init__.py")}
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name, file in sorted(files.items()):
            content = file.read_bytes()
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o644
            tar.addfile(entry, io.BytesIO(content))
    return archive.getvalue()


def _machine() -> str:
    """This machine, or the container that this runs in: whoever says the same sees the same folders."""
    identity = ""
    with contextlib.suppress(OSError):
        identity = Path("/etc/machine-id").read_text().strip()
    return hashlib.sha256(f"{socket.gethostname()} {identity}".encode()).hexdigest()[:12]


def _is_gone(folder: Path) -> bool:
    """Whether there is no such folder; one that this user may not see is there."""
    try:
        folder.stat()
    except FileNotFoundError:
        return True
    except OSError:
        pass
    return False


def _socket(found: Endpoint) -> str:
    """The engine's socket as the engine itself sees it: Docker Desktop's is elsewhere on this machine's side."""
    in_home = found.socket.startswith(str(Path.home()))
    return found.socket if found.socket and not in_home else "/var/run/docker.sock"


def _remove(action: Callable[[], Any]) -> None:
    with contextlib.suppress(NotFound):
        for pause in (0.2, 1, 3):
            try:
                action()
            except NotFound:
                raise
            except APIError:  # in use for a moment still
                time.sleep(pause)
            else:
                return
        action()


def _free_port(wanted: int) -> int:
    """That port of the loopback, or any when it's taken."""
    for port in (wanted, 0):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            free: int = probe.getsockname()[1]
            return free
    raise RehearsalError("No port of the loopback is free.")


def _direct(url: str, timeout: float) -> Any:
    """Opens a URL of this machine's own, whatever proxies are set."""
    return urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=timeout)
