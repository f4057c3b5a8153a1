"""The ways to the same site: this project, a bare Pulumi program, and docker-compose with compose.yaml."""

import secrets
import shutil
import subprocess
from abc import ABC, abstractmethod
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from docker.errors import ImageNotFound

from benchmarks import prepare
from benchmarks.plot import COMPOSE, OTHER, OURS
from benchmarks.sandbox import Command, Sandbox, quiet_environment, run
from tests import ROOT
from tests.e2e.stacks import Stack
from tests.ports import free_ports

TEMPLATE = "gallery/templates/base.html"


class Way(ABC):
    """A tool and a project of its own; `app` is the copy of the app that it deploys."""

    name: str
    colour: str  # of its bars
    app: Path
    port: int

    @abstractmethod
    def up(self, look: bool = True) -> Command:
        """Brings everything up; with `look` code that has changed is noticed."""

    @abstractmethod
    def down(self) -> Command:
        """Takes everything down, data aside."""

    @abstractmethod
    def forget_data(self) -> None:
        """Removes the volumes."""

    def change(self) -> str:
        """Changes one line of the app; gives what its pages then have in them."""
        mark = f"bench {secrets.token_hex(4)}"
        path = self.app / TEMPLATE
        lines = path.read_text().splitlines()
        if lines[-1].startswith("<!-- bench "):
            lines.pop()
        path.write_text("\n".join([*lines, f"<!-- {mark} -->"]) + "\n")
        return mark


class PulumiWay(Way):
    """A Pulumi program."""

    stack: Stack

    def up(self, look: bool = True) -> Command:
        del look  # it always does
        return Command(self.stack.up_command, self.stack.folder, self.stack.env)

    def down(self) -> Command:
        line = ["pulumi", "destroy", "--yes", "--skip-preview", "--stack", self.stack.name, "--non-interactive"]
        return Command(line, self.stack.folder, self.stack.env)


class Pulumi(PulumiWay):
    """This project, with its defaults: gunicorn of the image, as in the cloud."""

    name, colour = "django-stack", OURS

    def __init__(self, place: Sandbox) -> None:
        self.stack = place.stack("ours")
        self.app, self.port = self.stack.app, self.stack.ports["web-port"]

    def forget_data(self) -> None:
        for volume in self.stack.volumes():
            volume.remove()


class Bare(PulumiWay):
    """The barest Pulumi program for the same containers: what any takes that makes them."""

    name, colour = "bare Pulumi", OTHER

    def __init__(self, place: Sandbox) -> None:
        self.place = place
        self.app = place.folder / "bare-app"
        shutil.copytree(ROOT / "app", self.app, ignore=shutil.ignore_patterns("__pycache__"))
        self.prefix = f"bench{secrets.token_hex(3)}"
        ports = dict(zip(("web-port", "database-port", "media-port"), free_ports(3), strict=True))
        self.port = ports["web-port"]
        program = Path(__file__).with_name("bare") / "__main__.py"
        config = {"name": self.prefix, "app": str(self.app), **ports, **images()}
        self.stack = place.program("bare", program.read_text(), config)
        place.end.callback(self._remove)

    def configure(self, key: str, value: int) -> None:
        """Sets a config key of the program."""
        file = self.stack.folder / f"Pulumi.{self.stack.name}.yaml"
        content = yaml.safe_load(file.read_text())
        content["config"][f"bare:{key}"] = value
        file.write_text(yaml.safe_dump(content))

    def forget_data(self) -> None:
        for part in ("database", "media"):
            self.place.engine.volumes.get(f"{self.prefix}-{part}").remove()

    def _remove(self) -> None:
        filters = {"name": f"^/{self.prefix}-"}
        for container in self.place.engine.containers.list(all=True, filters=filters, ignore_removed=True):
            container.remove(force=True, v=True)
        for network in self.place.engine.networks.list(names=[self.prefix]):
            network.remove()
        for volume in self.place.engine.volumes.list(filters={"name": f"{self.prefix}-"}):
            volume.remove()
        remove_image(self.place, f"{self.prefix}/app")


def remove_image(place: Sandbox, name: str) -> None:
    """Takes the name away, if it is there; the image may have those of others, too."""
    with suppress(ImageNotFound):
        place.engine.images.remove(name)


def images() -> dict[str, str]:
    """The images that this project's settings name by default: of the app's base, PostgreSQL and the S3 server."""
    settings = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]
    names = {key: str(settings[key]["default"]) for key in ("python-image", "postgres-image", "s3-image")}
    version = str(settings["postgres-version"]["default"])
    return {key: name.replace("{postgres-version}", version) for key, name in names.items()}


@dataclass
class Compose(Way):
    """One docker-compose."""

    place: Sandbox
    tool: list[str]
    name: str
    colour: str = COMPOSE
    app: Path = field(init=False)
    port: int = field(init=False)
    project: str = field(init=False)
    env: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.project = f"bench{secrets.token_hex(3)}"
        folder = self.place.folder / self.project
        folder.mkdir()
        self.app = folder / "app"
        shutil.copytree(ROOT / "app", self.app, ignore=shutil.ignore_patterns("__pycache__"))
        ports = dict(zip(("WEB_PORT", "DATABASE_PORT", "MEDIA_PORT"), map(str, free_ports(3)), strict=True))
        self.port = int(ports["WEB_PORT"])
        self.env = {
            **quiet_environment(),
            **ports,
            "PASSWORD": secrets.token_hex(16),
            "SECRET_KEY": secrets.token_hex(32),
            "APP": str(self.app),
            "APP_IMAGE": f"{self.project}/app",
            **{key.upper().replace("-", "_"): name for key, name in images().items()},
            "DOCKER_BUILDKIT": "0",  # the builder that the other way has, too, and the same cache
        }
        self.place.end.callback(self._remove)

    def up(self, look: bool = True) -> Command:
        return self._command("up", "-d", *(["--build"] if look else []))

    def down(self) -> Command:
        return self._command("down", "--timeout", "30")

    def forget_data(self) -> None:
        run(self._command("down", "--volumes"))

    def _command(self, *arguments: str) -> Command:
        file = str(Path(__file__).with_name("compose.yaml"))
        return Command([*self.tool, "-p", self.project, "-f", file, *arguments], self.app.parent, self.env)

    def _remove(self) -> None:
        run(self._command("down", "--volumes", "--rmi", "local", "--timeout", "2"))
        remove_image(self.place, f"{self.project}/app")


def composes(place: Sandbox) -> list[Way]:
    """Every docker-compose that this machine has: the `docker compose` plugin, one built here, the classic one."""
    candidates = [["docker", "compose"], [str(prepare.built())], ["docker-compose"]]
    found: dict[str, Way] = {}
    for tool in candidates:
        if not shutil.which(tool[0]):
            continue
        asked = subprocess.run([*tool, "version", "--short"], capture_output=True, text=True, check=False)
        version = asked.stdout.strip().removeprefix("v")
        if asked.returncode == 0 and version and version not in found:
            found[version] = Compose(place, tool, f"compose {version}")
    if not found:
        raise RuntimeError("There is no docker-compose to compare with. Fix: apt-get install docker-compose")
    return list(found.values())
