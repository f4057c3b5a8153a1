"""What the commands ask of a running stack; each platform has one class that answers."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Protocol

import yaml

from infra.commands import stack
from infra.commands.operations.maintenance import Maintenance
from infra.commands.operations.schedules import StackSchedule
from infra.commands.operations.status import Status

PLATFORMS = ("local", "cloud")
RELEASE = "release"  # the process of the release step


@dataclass(frozen=True)
class LogLine:
    """A line that a container printed: when (UTC), in which process of the stack and which instance of it."""

    time: datetime
    process: str
    instance: str
    text: str


@dataclass(frozen=True)
class LogQuery:
    """Which lines: of these processes (all when there are none), from `since` on, the last `tail`, then new ones.

    `previous` is for the lines of instances that have ended, whose process has another one since. Lines without
    `words` may be left out.
    """

    processes: tuple[str, ...] = ()
    since: datetime | None = None
    tail: int | None = None
    follow: bool = False
    previous: bool = False
    words: str = ""


class Operations(Protocol):
    """What the commands ask of one running stack. An answer that can't be had ends the command with one line."""

    has_terminal: bool  # whether a management command can have the terminal

    def run(
        self, command: Sequence[str], environment: Mapping[str, str], *, timeout: float | None, detach: bool
    ) -> int:
        """Runs a command in a one-off container of the running version; the command's exit status."""

    def attach(self, run: str) -> int:
        """Shows the output of a run that was detached, from its beginning; the command's exit status."""

    def manage(self, arguments: Sequence[str], environment: Mapping[str, str]) -> int:
        """Runs a Django management command; its exit status."""

    def output(self, command: Sequence[str]) -> tuple[int, str]:
        """Runs a short command of the running version that prints something; its exit status and what it printed."""

    def url(self) -> str:
        """The address of the home page."""

    def environment(self) -> Mapping[str, str]:
        """The app's variables by name, secret ones as well."""

    def shell(self, command: Sequence[str], limit: float) -> int:
        """Runs a command that has the terminal in a one-off container, which ends after `limit` seconds at most."""

    def psql(self, arguments: Sequence[str], limit: float) -> int:
        """Runs psql, with more arguments, on the stack's database; its exit status."""

    def tunnel(self, port: int, limit: float) -> int:
        """Says where on this machine the stack's database is, at `port` if it has to be led here first."""

    def schedules(self) -> list[StackSchedule]:
        """The schedules by name, with their last runs."""

    def run_schedule(self, schedule: str, *, detach: bool) -> int:
        """Runs the command of a schedule that there is; the exit status of the run."""

    def maintenance(self) -> Maintenance | None:
        """The maintenance that is on; None for none."""

    def set_maintenance(self, wanted: Maintenance | None) -> None:
        """Turns maintenance on, in the place of one that is on already, or off with None."""

    def secrets(self) -> list[str]:
        """The values that the logs must not show."""

    def logs(self, query: LogQuery) -> Iterator[LogLine]:
        """The lines, in the order of their times."""

    def status(self, *, cost: bool, patient: bool = False) -> Status:
        """What runs, and how it is; with what this month has cost so far, if `cost`.

        `patient` waits longer for what is slow to answer.
        """


def operations(name: str) -> Operations:
    """Those of the stack, on the platform that its file names; ends the command with one line for a wrong one."""
    module = import_module(f"infra.commands.operations.{platform_of(name)}")
    found: Operations = module.StackOperations(name, read_settings(name))
    return found


def platform_of(name: str) -> str:
    """The stack's platform; ends the command with one line when its file names one that there isn't."""
    platform = read_settings(name).get(f"{stack.project_name()}:platform") or PLATFORMS[0]
    if platform not in PLATFORMS:
        sys.exit(
            f"Pulumi.{name}.yaml has platform {platform}; allowed: {', '.join(PLATFORMS)}. "
            f"Fix: pulumi config set -s {name} platform {PLATFORMS[0]}"
        )
    return str(platform)


def read_settings(name: str) -> dict[str, object]:
    """The stack's settings as they are in its file, by their full keys; none without a file, which a stack may lack."""
    file = Path.cwd() / f"Pulumi.{name}.yaml"
    try:
        content = yaml.safe_load(file.read_text()) if file.is_file() else None
    except (OSError, yaml.YAMLError) as error:
        sys.exit(f"{file.name} can't be read: {' '.join(str(error).split())}")
    config = content.get("config") if isinstance(content, dict) else None
    return dict(config) if isinstance(config, dict) else {}
