"""Where the Docker engine is: found once, in the order of the docker CLI, and the same for everybody who asks.

DOCKER_HOST comes first, then the docker context (DOCKER_CONTEXT, or the one that `docker context use` chose), then the
sockets where engines listen by default. The CLI and its contexts: docs.docker.com/engine/manage-resources/contexts.

Standard library only, and quick: set-up, the plugin of tools/plugins, steps and commands ask this module.
`python -m infra.endpoint` prints it for a shell, for what knows DOCKER_HOST and no contexts (Pulumi's docker plugin).
"""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import docker

DEFAULT = "unix:///var/run/docker.sock"
# Docker Desktop's, rootless Docker's, Colima's, OrbStack's, Rancher Desktop's and Podman's, below HOME or RUNTIME.
HOME_SOCKETS = (
    ".docker/run/docker.sock",
    ".docker/desktop/docker.sock",
    ".colima/default/docker.sock",
    ".config/colima/default/docker.sock",
    ".orbstack/run/docker.sock",
    ".rd/docker.sock",
)
RUNTIME_SOCKETS = ("docker.sock", "podman/podman.sock")
PODMAN = "/run/podman/podman.sock"
# Of those, what Pulumi's docker plugin tries by itself.
PLUGINS_SOCKETS = HOME_SOCKETS[:2]
CA_BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
VARIABLES = ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH")


class EndpointError(Exception):
    """No engine is named, because the docker context that is chosen can't be read; the message says what to do."""


@dataclass(frozen=True)
class Endpoint:
    """An engine's address. `chosen_by` says in words what chose it, nothing for the default socket.

    `way_out` is the command after which that doesn't choose it any more; `cert_path` a folder with ca.pem, cert.pem and
    key.pem; `verify` whether the engine's certificate is checked.
    """

    host: str
    chosen_by: str = ""
    way_out: str = ""
    cert_path: str = ""
    verify: bool = False

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables that name it to Docker's SDK, its CLI and Pulumi's plugin."""
        named = {"DOCKER_HOST": self.host}
        if self.cert_path:
            named["DOCKER_CERT_PATH"] = self.cert_path
        if self.verify:
            named["DOCKER_TLS_VERIFY"] = "1"
        return named

    def environ(self, environ: Mapping[str, str]) -> dict[str, str]:
        """`environ` as a program needs it to reach this engine, whatever else it said."""
        return {name: value for name, value in environ.items() if name not in VARIABLES} | self.variables

    @property
    def shell(self) -> str:
        """The same as commands of a POSIX shell."""
        gone = [name for name in VARIABLES if name not in self.variables]
        exports = " ".join(f"{name}={shlex.quote(value)}" for name, value in self.variables.items())
        return f"unset {' '.join(gone)}; export {exports}"

    @property
    def socket(self) -> str:
        """The path of its Unix socket, or nothing."""
        return urlsplit(self.host).path if self.host.startswith("unix:") else ""

    @property
    def is_remote(self) -> bool:
        """Whether its address is another machine's."""
        name = urlsplit(self.host if "://" in self.host else f"tcp://{self.host}").hostname or ""
        return not self.socket and not (name in {"", "localhost", "::1", "0.0.0.0"} or name.startswith("127."))  # noqa: S104

    @property
    def lacks(self) -> str:
        """The package without which Docker's SDK can't reach it, or nothing: its extra for ssh isn't required here."""
        over_ssh = self.host.startswith("ssh://")
        return "paramiko" if over_ssh and find_spec("paramiko") is None else ""

    def client(self, timeout: int = 60) -> docker.DockerClient:
        """Docker's SDK for it. Raises `docker.errors.DockerException` when it doesn't answer."""
        import docker  # noqa: PLC0415  # set-up runs where the package isn't

        # The user's own ssh, as for the docker CLI: it knows their keys and ~/.ssh/config.
        over_ssh = self.host.startswith("ssh://")
        try:
            with self.own_certificates():
                client = docker.from_env(timeout=timeout, environment=self.variables, use_ssh_client=over_ssh)
        except (ValueError, OSError) as error:  # no address at all; no `ssh` command
            raise docker.errors.DockerException(str(error)) from None
        if self.cert_path:
            client.api.trust_env = False
        return client

    @contextmanager
    def own_certificates(self) -> Iterator[None]:
        """For while a client is made: requests prefers a company's bundle in the environment to the engine's own one.

        Sessions that don't `trust_env` don't do so later (requests' merge_environment_settings).
        """
        bundles = CA_BUNDLES if self.cert_path else ()
        put_away = {name: os.environ.pop(name) for name in bundles if name in os.environ}
        try:
            yield
        finally:
            os.environ.update(put_away)


def find(environ: Mapping[str, str] | None = None) -> Endpoint:
    """The engine that the docker CLI would use, or else the first default socket that somebody listens on.

    Raises EndpointError when the chosen docker context can't be read.
    """
    environ = os.environ if environ is None else environ
    folder = Path(environ.get("DOCKER_CONFIG") or _home(environ) / ".docker")
    if host := environ.get("DOCKER_HOST"):
        verify, cert_path = environ.get("DOCKER_TLS_VERIFY"), environ.get("DOCKER_CERT_PATH")
        if verify and not cert_path:
            cert_path = str(folder)
        return Endpoint(host, "DOCKER_HOST", "unset DOCKER_HOST", cert_path or "", bool(verify))
    name, chosen_by = environ.get("DOCKER_CONTEXT"), "DOCKER_CONTEXT"
    if not name:
        name, chosen_by = _current_context(folder), f"currentContext in {folder / 'config.json'}"
    if name and name != "default":
        return _of_context(folder, name, chosen_by)
    return _default(environ)


def client(timeout: int = 60) -> docker.DockerClient:
    """Docker's SDK for the engine that is found. Raises `docker.errors.DockerException` when none answers."""
    from docker.errors import DockerException  # noqa: PLC0415

    try:
        return find().client(timeout)
    except EndpointError as error:
        raise DockerException(str(error)) from None


def default_sockets(environ: Mapping[str, str]) -> list[str]:
    """Addresses where engines listen when nobody said otherwise, the best known first."""
    home, runtime = _home(environ), environ.get("XDG_RUNTIME_DIR")
    docker_rootless, podman = ([str(Path(runtime, name))] if runtime else [] for name in RUNTIME_SOCKETS)
    paths = [*docker_rootless, *(str(home / name) for name in HOME_SOCKETS), *podman, PODMAN]
    return [DEFAULT, *(f"unix://{path}" for path in paths)]


def plugin_finds(endpoint: Endpoint, environ: Mapping[str, str]) -> bool:
    """Whether Pulumi's own docker plugin comes to this engine by itself: it knows DOCKER_HOST and three sockets.

    pulumi-docker 5, provider/image.go (configureDockerClient); its other half prefers DOCKER_CONTEXT to the host.
    """
    if environ.get("DOCKER_HOST"):
        return not environ.get("DOCKER_CONTEXT")
    if environ.get("DOCKER_CONTEXT") or endpoint.cert_path or not endpoint.socket:
        return False
    tried = [DEFAULT, *(f"unix://{_home(environ) / name}" for name in PLUGINS_SOCKETS)]
    first = next((host for host in tried if listens(host)), DEFAULT)
    return Path(urlsplit(first).path).resolve() == Path(endpoint.socket).resolve()


def listens(host: str) -> bool:
    """Whether somebody accepts connections on a Unix socket."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(5)
        try:
            connection.connect(urlsplit(host).path)
        except (OSError, ValueError):
            return False
    return True


def _default(environ: Mapping[str, str]) -> Endpoint:
    for host in default_sockets(environ):
        if listens(host):
            return Endpoint(host, "" if host == DEFAULT else f"nobody listens at {urlsplit(DEFAULT).path}")
    return Endpoint(DEFAULT)


def _current_context(folder: Path) -> str:
    """What `docker context use` chose. A file that isn't JSON chooses nothing, for the docker CLI, too."""
    try:
        chosen = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""
    return str(chosen.get("currentContext") or "") if isinstance(chosen, dict) else ""


def _of_context(folder: Path, name: str, chosen_by: str) -> Endpoint:
    """The engine of a context, from the CLI's store: a folder by the hash of its name."""
    key = hashlib.sha256(name.encode()).hexdigest()
    meta = folder / "contexts/meta" / key / "meta.json"
    way_out = "unset DOCKER_CONTEXT" if chosen_by == "DOCKER_CONTEXT" else "docker context use default"
    try:
        endpoint = json.loads(meta.read_text(encoding="utf-8"))["Endpoints"]["docker"]
        host, verify = str(endpoint.get("Host") or DEFAULT), not endpoint.get("SkipTLSVerify", False)
    except FileNotFoundError:
        raise EndpointError(
            f"There is no docker context {name}, which {chosen_by} asks for; those there are: docker context ls. "
            f"Fix: {way_out}"
        ) from None
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise EndpointError(f"The docker context {name} can't be read ({meta}: {error}). Fix: {way_out}") from None
    tls = folder / "contexts/tls" / key / "docker"
    cert_path = str(tls) if tls.is_dir() else ""
    chosen_by = f"the docker context {name}, by {chosen_by}"
    return Endpoint(host, chosen_by, way_out, cert_path, bool(cert_path) and verify)


def _home(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("HOME") or Path.home())


def main() -> None:
    """Prints the shell's commands, if any are needed; ends with one line when the docker context can't be read."""
    try:
        found = find()
        print("" if plugin_finds(found, os.environ) else found.shell)
    except EndpointError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
