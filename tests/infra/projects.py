"""Projects whose settings are read and set by the real `pulumi`, and loaded here: no update runs, so it's quick."""

import asyncio
import json
import os
import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml
from pulumi.runtime.stack import wait_for_rpcs

from infra.settings import Settings
from tests import ROOT
from tests.infra.conftest import Nothing

APP = "FROM scratch\n"


class Project:
    """A project in a folder of its own, with a state of its own and one stack. Its app is a Dockerfile and no more."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, stack: str) -> None:
        self.folder = folder
        text = (ROOT / "Pulumi.yaml").read_text()
        (folder / "Pulumi.yaml").write_text(text.replace("\nname: django-stack\n", f"\nname: {name}\n"))
        (folder / "state").mkdir()
        self.app = folder / "my-site"
        (self.app / "site").mkdir(parents=True)
        (self.app / "Dockerfile").write_text(APP)
        (self.app / "site" / "wsgi.py").touch()
        self.stack = stack
        self.write("")
        self.run("pulumi", "stack", "init", stack, "--no-select", "--non-interactive")
        monkeypatch.setattr(pulumi, "get_root_directory", lambda: str(folder))

    @property
    def name(self) -> str:
        return str(yaml.safe_load((self.folder / "Pulumi.yaml").read_text())["name"])

    def ask_for_stack(self) -> str:
        """The name of the stack now, as `pulumi` has it."""
        (stack,) = json.loads(self.run("pulumi", "stack", "ls", "--json"))
        self.stack = str(stack["name"].rpartition("/")[2])
        return self.stack

    def write(self, settings: str) -> None:
        """Writes the stack's file: lines of YAML, a setting each, and the app's folder unless that is one of them."""
        if "app-path:" not in settings:
            settings += f"\napp-path: {json.dumps(str(self.app))}"
        lines = [
            f"  {line}" if line[0] == " " or ":" in line.split()[0].rstrip(":") else f"  {self.name}:{line}"
            for line in settings.splitlines()
            if line.strip()
        ]
        file = self.folder / f"Pulumi.{self.stack}.yaml"
        salt = re.findall(r"^encryptionsalt: .*$", file.read_text(), re.MULTILINE) if file.exists() else []
        file.write_text("\n".join([*salt, "config:", *lines, ""]))

    def run(self, *command: str, answer: str = "", check: bool = True) -> str:
        """Runs a command in the folder, as a person would who answers what it asks; its output."""
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=os.environ
            | {
                "PATH": f"{os.environ['PATH']}:{ROOT / '.venv' / 'bin'}",
                "PULUMI_BACKEND_URL": f"file://{self.folder / 'state'}",
                "PULUMI_CONFIG_PASSPHRASE": "test",
                "PULUMI_SKIP_UPDATE_CHECK": "true",
            },
            input=answer,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert not check or done.returncode == 0, f"{command} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        return done.stdout

    def config(self) -> dict[str, dict[str, Any]]:
        """The stack's config as the engine reads it, secrets decrypted."""
        text = self.run("pulumi", "config", "--json", "--show-secrets", "--stack", self.stack)
        return dict(json.loads(text))

    def load(self) -> Settings:
        """The settings as the stack's program would load them."""
        pulumi.runtime.set_mocks(Nothing(), project=self.name, stack=self.stack, preview=False)
        config = self.config()
        pulumi.runtime.set_all_config(
            {key: entry.get("value", "") for key, entry in config.items()},
            [key for key, entry in config.items() if entry.get("secret")],
        )
        try:
            return Settings.load()
        finally:
            asyncio.get_event_loop().run_until_complete(wait_for_rpcs())

    def errors(self) -> list[str]:
        """What is wrong with the settings, an error each."""
        try:
            self.load()
        except pulumi.RunError as error:
            return re.findall(r"^  - (.*)$", str(error), re.MULTILINE)
        return []

    def paste_settings(self, errors: list[str]) -> list[str]:
        """Runs the fixes that are settings and no more, in one run of the same `pulumi`; the errors that are left."""
        pairs, left = [], []
        for error in errors:
            words = shlex.split(error.partition(". Fix: ")[2])
            if words[:5] == ["pulumi", "config", "set", "-s", self.stack] and len(words) == 7 and words[5][0] != "-":
                pairs += ["--plaintext", f"{words[5]}={words[6]}"]
            else:
                left.append(error)
        if pairs:
            self.run("pulumi", "config", "set-all", "-s", self.stack, *pairs)
        return left

    def paste(self, error: str, answer: Callable[[str], str] | None = None) -> None:
        """Runs the fix of an error; `answer` gives what a person types when the fix asks for a key's value."""
        command = error.partition(". Fix: ")[2]
        asked = re.search(r"the fix asks for it", error)
        typed = answer(error.split(maxsplit=1)[0]) if asked and answer else ""
        self.run("bash", "-c", command, answer=typed)
