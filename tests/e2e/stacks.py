"""Real stacks for the end-to-end tests: the real `pulumi` and the real Docker, in a sandbox.

Each sandbox is a folder with links to this checkout, a copy of app/ to change at will, a state backend, a stack name
and free ports of its own: nothing can touch a developer's own stack.
"""

import json
import os
import secrets
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker
import psutil
import psycopg
import pytest
import requests
import yaml
from docker.errors import NotFound
from psycopg.conninfo import conninfo_to_dict

from infra.dsn import S3DSN
from tests import ROOT
from tests.e2e.media import Bucket
from tests.ports import free_ports
from tests.waiting import wait_until

VENV = ROOT / ".venv" / "bin"
DEVELOPMENT: Mapping[str, Any] = {  # what Pulumi.local.yaml says of the web
    "debug": True,
    "mount-source": True,
    "web-command": "python manage.py runserver 0.0.0.0:8000",
}
SERVING: Mapping[str, Any] = {}  # the defaults: the image's own CMD, as in the cloud
ADMIN = "admin"
# What outlives a killed `pulumi` for up to five minutes: official plugins, programs of that very name.
OFFICIAL_PLUGINS = ("pulumi-resource", "pulumi-language")


def database_password(url: str) -> str:
    """The password in a DATABASE_URL."""
    return str(conninfo_to_dict(url)["password"])


class Running:
    """A command that was started: its output as it comes, and its end."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.output = ""
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.output += line

    def wait(self, seconds: float = 60) -> int:
        """Its exit status."""
        wait_until(lambda: self.process.poll() is not None, f"the end of the command; so far:\n{self.output}", seconds)
        self.reader.join(5)
        return self.process.returncode


@dataclass
class Stack:
    """A stack in a sandbox. `folder` is its project folder, `app` the copy of the app that it deploys."""

    folder: Path
    name: str
    ports: dict[str, int]
    engine: docker.DockerClient
    settings: dict[str, Any] = field(default_factory=dict)
    log: str = ""
    secrets: set[str] = field(default_factory=set)
    admin_password: str = ""
    known_outputs: dict[str, Any] = field(default_factory=dict)
    is_shared: bool = False  # by several modules of tests

    @classmethod
    def make(
        cls, folder: Path, purpose: str, settings: Mapping[str, Any] | None, engine: docker.DockerClient
    ) -> "Stack":
        """A sandbox in the empty `folder` with a stack in it, not yet up; without `settings` not even made."""
        for entry in ("infra", "tools", "requirements", ".venv", "Makefile", "pyproject.toml"):
            (folder / entry).symlink_to(ROOT / entry)
        shutil.copy(ROOT / "Pulumi.yaml", folder)
        shutil.copytree(ROOT / "app", folder / "app", ignore=shutil.ignore_patterns("__pycache__"))
        (folder / "state").mkdir()
        keys = ("web-port", "database-port", "media-port", "cache-port", "mail-port")
        ports = dict(zip(keys, free_ports(len(keys)), strict=True))
        stack = cls(folder, f"e2e-{purpose}-{secrets.token_hex(3)}", ports, engine)
        if settings is not None:
            stack.configure(settings)
            stack.run("pulumi", "stack", "init", stack.name, "--no-select", "--non-interactive")
            stack.log = ""
        return stack

    # Where it is

    @property
    def app(self) -> Path:
        return self.folder / "app"

    @property
    def prefix(self) -> str:
        return f"django-stack-{self.name}"

    @property
    def url(self) -> str:
        return f"http://localhost:{self.ports['web-port']}"

    @property
    def media_url(self) -> str:
        return f"http://media.localhost:{self.ports['media-port']}"

    # What is done with it

    @property
    def env(self) -> dict[str, str]:
        """The process environment for pulumi and make: the sandbox's backend, this checkout's .venv on PATH.

        A pulumi that the caller's PATH has, with plugins beside it, comes first.
        """
        return os.environ | {
            "PATH": f"{os.environ['PATH']}:{VENV}",
            "PULUMI_BACKEND_URL": self.backend,
            "PULUMI_CONFIG_PASSPHRASE": "test",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
        }

    @property
    def backend(self) -> str:
        return f"file://{self.folder / 'state'}"

    def configure(self, settings: Mapping[str, Any] | None = None, **more: Any) -> None:
        """Sets config keys (as keywords with `_` for `-`); None takes a key away."""
        self.settings |= dict(settings or {}) | {key.replace("_", "-"): value for key, value in more.items()}
        path = self.folder / f"Pulumi.{self.name}.yaml"
        content = yaml.safe_load(path.read_text()) if path.exists() else {}
        values = {"app-path": str(self.app)} | self.ports | self.settings
        content["config"] = {f"django-stack:{key}": value for key, value in values.items() if value is not None}
        path.write_text(yaml.safe_dump(content))

    def configure_secret(self, key: str, value: str) -> None:
        """`pulumi config set --secret`"""
        self.pulumi("config", "set", "--secret", key, value)
        content = yaml.safe_load((self.folder / f"Pulumi.{self.name}.yaml").read_text())
        self.settings[key] = content["config"][f"django-stack:{key}"]

    @contextmanager
    def configured(self, **settings: Any) -> Iterator[None]:
        """Sets config keys for a while."""
        before = dict(self.settings)
        self.configure(**settings)
        try:
            yield
        finally:
            self.settings = before
            self.configure()

    @contextmanager
    def edited(self, path: str, edit: Callable[[str], str]) -> Iterator[Path]:
        """Edits a file of the app for a while; gives the file."""
        file = self.app / path
        before = file.read_text()
        after = edit(before)
        assert after != before
        file.write_text(after)
        try:
            yield file
        finally:
            file.write_text(before)

    def run(
        self, *command: str, check: bool = True, timeout: float = 300, **more: Any
    ) -> subprocess.CompletedProcess[str]:
        """Runs a command in the sandbox; its output, both streams in one, is kept in `log` too."""
        self.known_outputs.clear()
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.env | more.pop("env", {}),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=timeout,
            check=False,
            **more,
        )
        self.log += done.stdout
        if check and done.returncode != 0:
            pytest.fail(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}")
        return done

    @contextmanager
    def running(self, *command: str) -> Iterator[Running]:
        """A command in the sandbox, in a process group of its own as in a terminal; it doesn't outlive the block."""
        self.known_outputs.clear()
        process = subprocess.Popen(
            command,
            cwd=self.folder,
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        running = Running(process)
        try:
            yield running
        finally:
            if process.poll() is None:
                process.kill()
                process.wait(10)
            self.log += running.output

    def pulumi(self, *arguments: str, check: bool = True, **more: Any) -> subprocess.CompletedProcess[str]:
        return self.run("pulumi", *arguments, "--stack", self.name, "--non-interactive", check=check, **more)

    @property
    def up_command(self) -> list[str]:
        """`pulumi up`, to be started with `running`."""
        return ["pulumi", "up", "--yes", "--skip-preview", "--stack", self.name, "--non-interactive"]

    def up(self, *arguments: str, check: bool = True, **more: Any) -> subprocess.CompletedProcess[str]:
        return self.run(*self.up_command, *arguments, check=check, **more)

    def destroy(self) -> None:
        self.pulumi("destroy", "--yes", "--skip-preview")

    def make_target(self, target: str, arguments: str = "", **more: Any) -> subprocess.CompletedProcess[str]:
        """`make TARGET STACK=… ARGS=…`"""
        variables = [f"STACK={self.name}", *([f"ARGS={arguments}"] if arguments else [])]
        pulumi = Path(shutil.which("pulumi", path=self.env["PATH"]) or VENV)
        if pulumi.parent != VENV:  # the caller's own pulumi and the plugins beside it, in make as well
            variables.append(f"IN_VENV=. .venv/bin/activate && PATH={pulumi.parent}:$$PATH &&")
        return self.run("make", target, *variables, **more)

    def add_migration(self, name: str, operation: str) -> Path:
        """Writes a migration of the gallery that comes after all others; gives its file."""
        folder = self.app / "gallery" / "migrations"
        last = max(path.stem for path in folder.glob("0*.py"))
        path = folder / f"{int(last[:4]) + 1:04}_{name}.py"
        path.write_text(
            "from django.db import migrations\n\n\n"
            "def fail(apps, schema_editor):\n    raise RuntimeError('the bananas are gone')\n\n\n"
            "class Migration(migrations.Migration):\n"
            f"    dependencies = [('gallery', '{last}')]\n"
            f"    operations = [{operation}]\n"
        )
        return path

    def admin(self) -> tuple[str, str]:
        """Name and password of the site's administrator, made at first use as the README says."""
        if not self.admin_password:
            password = secrets.token_urlsafe(12)
            self.make_target(
                "manage",
                f"createsuperuser --noinput --username {ADMIN} --email admin@example.com",
                env={"DJANGO_SUPERUSER_PASSWORD": password},
            )
            self.admin_password = password
        return ADMIN, self.admin_password

    # What is there

    def outputs(self) -> dict[str, Any]:
        """The stack's outputs, secrets in plain text (and kept in `secrets`, for the hunt)."""
        if self.known_outputs:
            return dict(self.known_outputs)
        result = self.known_outputs = json.loads(self._read("pulumi", "stack", "output", "--json", "--show-secrets"))
        media = result["DEFAULT_STORAGE_DSN"]
        keys = {S3DSN.parse(media).access_key, S3DSN.parse(media).secret_key} if media.startswith("s3:") else set()
        self.secrets |= {result["SECRET_KEY"], database_password(result["DATABASE_URL"]), *keys}
        return dict(result)

    def state(self) -> list[dict[str, Any]]:
        """The resources in the stack's state, secrets encrypted."""
        return json.loads(self._read("pulumi", "stack", "export"))["deployment"].get("resources") or []

    def _read(self, *command: str) -> str:
        return subprocess.run(
            [*command, "--stack", self.name],
            cwd=self.folder,
            env=self.env,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            timeout=60,
        ).stdout

    def container(self, part: str) -> Any:
        """The container of a part (web, database, media, release) or None."""
        found = self.engine.containers.list(all=True, filters={"name": f"^/{self.prefix}-{part}$"}, ignore_removed=True)
        return found[0] if found else None

    def containers(self) -> list[Any]:
        return list(self.engine.containers.list(all=True, filters=self._filters(), ignore_removed=True))

    def ids(self) -> dict[str, str]:
        """The containers' ids by name."""
        return {container.name: container.id for container in self.containers()}

    def volumes(self) -> list[Any]:
        return list(self.engine.volumes.list(filters=self._filters()))

    def networks(self) -> list[Any]:
        return list(self.engine.networks.list(filters=self._filters()))

    def _filters(self) -> dict[str, str | list[str] | bool]:
        return {"label": f"django-stack.stack={self.name}"}

    def processes(self) -> list[psutil.Process]:
        """Every process that a `pulumi` of this stack started, itself included."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get("PULUMI_BACKEND_URL") == self.backend:
                    found.append(process)
            except psutil.Error:
                continue
        return found

    def query(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Rows from the stack's PostgreSQL, reached from this machine."""
        with psycopg.connect(self.outputs()["DATABASE_URL"], connect_timeout=5) as connection:
            return connection.execute(statement.encode(), parameters).fetchall()

    def bucket(self) -> Bucket:
        return Bucket(S3DSN.parse(self.outputs()["DEFAULT_STORAGE_DSN"]))

    # The site

    def get(self, path: str = "/", **more: Any) -> requests.Response:
        return requests.get(self.url + path, timeout=20, **more)

    def wait_until_ready(self, seconds: float = 30) -> None:
        def answers() -> bool:
            try:
                return self.get("/healthz/ready").status_code == 200
            except requests.ConnectionError:
                return False

        wait_until(answers, f"{self.url}/healthz/ready says 200", seconds)

    @contextmanager
    def reloads(self) -> Iterator[None]:
        """Waits at the end until runserver has started again, for an edit of the app's code in the block."""

        def starts() -> int:
            return int(self.container("web").logs().count(b"Watching for file changes"))

        before = starts()
        yield
        wait_until(lambda: starts() > before, "runserver's restart after an edit")
        self.wait_until_ready()

    # The end

    def stop(self) -> None:
        """Ends the containers, which stay as they are otherwise, with their logs."""
        for container in self.containers():
            with suppress(NotFound):  # a killed update may still be at work
                container.stop(timeout=0)

    def remove_all(self) -> None:
        """Leaves nothing of the stack on this machine, whatever state a test left it in."""
        for process in self.processes():
            with_error_ignored(process.send_signal, signal.SIGKILL)
        for container in self.containers():
            container.remove(force=True, v=True)
        for network in self.networks():
            network.remove()
        for volume in self.volumes():
            volume.remove(force=True)
        own = f"django-stack/{self.name}"
        for image in self.engine.images.list(filters={"reference": own}):
            for tag in image.tags:
                if tag.startswith(f"{own}:"):  # the same image may have another stack's tags, too
                    self.engine.images.remove(tag)


def with_error_ignored(call: Callable[..., object], *arguments: object) -> None:
    """Calls, whether or not the process is still there."""
    try:
        call(*arguments)
    except psutil.Error:
        return
