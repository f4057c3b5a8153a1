"""The stack `rehearsal`: the project's cloud stack, brought up by the real engine against the emulator.

What it keeps is in `.rehearsal/` of the project's folder: the state, a passphrase, the certificates that clients trust.
The emulator has its state in memory, so all that is worth nothing without the very container it was made with.
"""

import json
import os
import secrets
import shutil
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
import certifi
import docker
import yaml

from infra import endpoint
from infra.checkout import ROOT
from infra.loopback import ask_directly
from tools.rehearsal.container import ACCOUNT, Emulator, Ports, RehearsalError, Report

NAME = "rehearsal"
HOST_FOLDER = Path(__file__).with_name("host")
EMULATED = (".amazonaws.com", ".cloudfront.net")  # what host/sitecustomize.py leads to the emulator
# Settings that name what only the real account or the real DNS has.
REAL_ACCOUNT_ONLY = (
    "aws:profile",
    *(f"django-stack:{key}" for key in ("domain", "domain-aliases", "domain-redirects", "hosted-zone", "certificate")),
)
DEFAULT_REGION = "us-east-1"
# Plugins for a rehearsal alone: a stand-in must never drive a real account.
PLUGINS = Path(sys.prefix) / "rehearsal"


class Rehearsal:
    """The rehearsal of the project in a folder."""

    def __init__(self, engine: docker.DockerClient, folder: Path = ROOT) -> None:
        self.folder = folder
        self.emulator = Emulator(engine, owner=str(folder))
        self.data_folder = folder / ".rehearsal"
        self.config = folder / f"Pulumi.{NAME}.yaml"
        self.credentials = ACCOUNT, NAME  # an access key and its secret; the account's number is its root user's key

    # What is done with it

    def up(self, report: Report, settings: Mapping[str, Any] | None = None, *, refresh: bool = False) -> None:
        """Brings emulator and stack up; `settings` are changes to those of Pulumi.cloud.yaml, by their full keys.

        Raises:
            RehearsalError: it didn't come up; what pulumi said was printed.
        """
        self.prepare(report, settings)
        report(f"bringing the stack up, driven by {self.driver}")
        options = ["--refresh"] if refresh else []
        if self._stream_pulumi("up", "--yes", "--skip-preview", *options):
            raise RehearsalError(
                "The stack didn't come up; why, stands above. What the emulator says: django-stack rehearse log"
            )

    def prepare(self, report: Report, settings: Mapping[str, Any] | None = None) -> None:
        """Starts the emulator, and makes the stack in it, still empty. Raises RehearsalError."""
        self._refuse_beside_a_real_one()
        self.emulator.remove_abandoned(report)
        if not self.emulator.ports:
            self._remove_files()
        self.configure(settings or {}, report)
        self.emulator.start(report, self.region)
        self._make_stack()

    def configure(self, changes: Mapping[str, Any], report: Report) -> None:
        """Writes the settings for the next update; `changes` by their full keys, None takes one away."""
        content = dict(yaml.safe_load(self.config.read_text()) or {}) if self.config.is_file() else {}
        settings = self._settings()
        if not self.config.is_file():
            dropped = [key for key, value in settings.items() if key in REAL_ACCOUNT_ONLY or _is_secret(value)]
            if dropped:
                report(f"left out of Pulumi.cloud.yaml's settings, for the real account alone: {', '.join(dropped)}")
            settings = {key: value for key, value in settings.items() if key not in dropped}
            settings.setdefault("aws:region", DEFAULT_REGION)
            settings |= _without_mail(settings)
        settings |= changes
        content["config"] = {key: value for key, value in settings.items() if value is not None}
        note = "# Made from Pulumi.cloud.yaml by `make rehearse`; gone with `make rehearse-down`.\n"
        self.data_folder.mkdir(exist_ok=True)
        self.config.write_text(note + yaml.safe_dump(content))

    def down(self) -> None:
        """Removes all: the emulator with everything in it, the state, the settings."""
        self.emulator.ports  # noqa: B018  # somebody else's is refused
        self.emulator.remove()
        self._remove_files()

    def pulumi(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Runs pulumi on the stack, its output captured."""
        return subprocess.run(
            pulumi_command(arguments),
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    # What is to be known of it

    @property
    def ports(self) -> Ports:
        """The emulator's. Raises RehearsalError when there is none."""
        ports = self.emulator.ports
        if not ports:
            raise RehearsalError("There is no rehearsal. Fix: make rehearse")
        return ports

    @property
    def region(self) -> str:
        """The stack's region."""
        return str(self._settings().get("aws:region") or DEFAULT_REGION)

    @property
    def driver(self) -> str:
        """Which aws plugin pulumi takes, in words."""
        if (PLUGINS / "pulumi-resource-aws").exists():
            return "this project's stand-in for the aws plugin (docs/rehearsal.md says what that proves)"
        return "the official aws plugin"

    @property
    def outputs(self) -> dict[str, Any]:
        """The stack's outputs, secrets too; empty when it has none."""
        done = self.pulumi("stack", "output", "--json", "--show-secrets")
        return dict(json.loads(done.stdout)) if done.returncode == 0 else {}

    def browser_url(self, host: str) -> str:
        """Where a browser on this machine finds what is https://HOST/ on AWS."""
        return f"http://{host}.localhost:{self.ports.api}/"

    @property
    def environment(self) -> dict[str, str]:
        """The process environment for pulumi, boto3 and their like: the emulator's, never that of a real account."""
        found = endpoint.find()
        kept = {
            name: value
            for name, value in found.environ(os.environ).items()
            if not name.startswith("AWS_") and not name.startswith("PULUMI_CONFIG_PASSPHRASE")
        }
        path = [str(PLUGINS), str(Path(sys.prefix) / "bin"), kept.get("PATH", "")]
        environment = kept | {
            **self.aws_environment,
            "PATH": os.pathsep.join(path),
            "PULUMI_BACKEND_URL": f"file://{self.data_folder / 'state'}",
            "PULUMI_CONFIG_PASSPHRASE_FILE": str(self.data_folder / "passphrase"),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PYTHONPATH": str(HOST_FOLDER),
            "REHEARSAL_TLS_PORT": str(self.ports.tls),
            "SSL_CERT_FILE": str(self.data_folder / "bundle.pem"),
        }
        ask_directly(environment, *EMULATED)
        return environment

    def client(self, service: str) -> Any:
        """boto3's client of one of AWS's services, asking the emulator."""
        session: Any = boto3.Session(aws_access_key_id=ACCOUNT, aws_secret_access_key=NAME, region_name=self.region)
        return session.client(service, endpoint_url=self.ports.url)

    @property
    def aws_environment(self) -> dict[str, str]:
        """The variables that lead AWS's SDKs to the emulator."""
        return {
            "AWS_ENDPOINT_URL": self.ports.url,
            "AWS_ACCESS_KEY_ID": self.credentials[0],
            "AWS_SECRET_ACCESS_KEY": self.credentials[1],
            "AWS_DEFAULT_REGION": self.region,
            "AWS_REGION": self.region,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    # How

    @cached_property
    def _cloud(self) -> dict[str, Any]:
        """The settings in Pulumi.cloud.yaml."""
        file = self.folder / "Pulumi.cloud.yaml"
        content = yaml.safe_load(file.read_text()) if file.is_file() else None
        return dict((content or {}).get("config") or {})

    def _settings(self) -> dict[str, Any]:
        """Those of the rehearsal, or what it would begin with."""
        if self.config.is_file():
            return dict((yaml.safe_load(self.config.read_text()) or {}).get("config") or {})
        return {**self._cloud, "django-stack:platform": "cloud"}

    def _make_stack(self) -> None:
        state = self.data_folder / "state"
        if any(state.rglob(f"{NAME}.json")):
            return
        state.mkdir(parents=True, exist_ok=True)
        (self.data_folder / "passphrase").write_text(secrets.token_hex(16))
        (self.data_folder / "passphrase").chmod(0o600)
        self._write_certificates()
        done = self.pulumi("stack", "init", "--no-select")
        if done.returncode:
            raise RehearsalError(f"pulumi makes no stack: {done.stderr.strip()}")

    def _stream_pulumi(self, *arguments: str) -> int:
        """Runs pulumi, its output shown; its exit status. Ctrl-C is pulumi's own affair, which ends in order."""
        process = subprocess.Popen(pulumi_command(arguments), cwd=self.folder, env=self.environment)
        while True:
            with suppress(KeyboardInterrupt):
                return process.wait()

    def _write_certificates(self) -> None:
        """Writes the certificates that programs on this machine trust: those they trust anyway, and the emulator's."""
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
            f"{self.ports.url}/_rehearsal/certificate.pem", timeout=10
        ) as answer:
            own = answer.read().decode()
        system = Path(ssl.get_default_verify_paths().cafile or certifi.where())
        (self.data_folder / "bundle.pem").write_text(system.read_text() + own)

    def _remove_files(self) -> None:
        if self.data_folder.is_dir():  # else the file is another stack's
            self.config.unlink(missing_ok=True)
            shutil.rmtree(self.data_folder)

    def _refuse_beside_a_real_one(self) -> None:
        """A stack of that name in another backend has a file of that name."""
        if self.config.is_file() and not self.data_folder.is_dir():
            raise RehearsalError(
                f"{self.config.name} is there, and not of a rehearsal, which would overwrite it. "
                "Fix: give that stack another name, or move the file away"
            )


def pulumi_command(arguments: tuple[str, ...]) -> list[str]:
    """The command line of pulumi for the rehearsal's stack."""
    return ["pulumi", *arguments, "--stack", NAME, "--non-interactive"]


def _without_mail(settings: Mapping[str, Any]) -> dict[str, Any]:
    """What keeps a rehearsal from sending mail to real people."""
    env = dict(settings.get("django-stack:env") or {})
    env.pop("EMAIL_URL", None)
    return {"django-stack:mail": "none", **({"django-stack:env": env} if "django-stack:env" in settings else {})}


def _is_secret(value: Any) -> bool:
    return "secure" in str(value) if isinstance(value, dict) else False
