"""The versions of the app that a stack can run, and what the commands ask of them; each platform has one class."""

import re
import shlex
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib import import_module
from typing import Protocol

from infra.commands import stack
from infra.commands.operations import platform_of, pulumi_stack, read_settings

HASH = re.compile(r"[0-9a-f]{12}")
CLOCKS = timedelta(seconds=5)  # that this machine's clock and others' may differ by


@dataclass(frozen=True)
class Version:
    """A version of the app under its hash. `id` is the image's digest in the registry, or its id on the engine here.

    `made` is when it was pushed there or built here, `ran` when an update last brought it up or left it (both UTC; None
    for one that never ran, as far as is known), `runs` whether the stack runs it now, `size` is in bytes. `perhaps` is
    the end of the last update that brought up this version or another one, where it isn't known which.
    """

    hash: str
    id: str
    made: datetime
    size: int
    ran: datetime | None = None
    runs: bool = False
    perhaps: datetime | None = None


@dataclass(frozen=True)
class Update:
    """A finished `pulumi up` of a stack: its end and start (UTC), the setting `image` that it had, how it ended."""

    end: datetime
    image: str = ""
    start: datetime | None = None
    succeeded: bool = True


class Versions(Protocol):
    """The versions of one stack. An answer that can't be had ends the command with one line."""

    made_by: str  # what made a version: built or pushed

    def is_up(self) -> bool:
        """Whether the stack runs any version."""

    def all(self) -> list[Version]:
        """The versions, the one that runs first, then those that ran last."""

    def bring(self, version: str) -> str:
        """Gets the version of this hash, which another stack or this machine has, into the stack; its id there."""

    def ask(self, version: Version, program: str) -> str:
        """What a Python program prints in a one-off container of that version, with Django and the stack's environment.

        Raises RuntimeError with its last lines when it fails.
        """


def versions_of(name: str) -> Versions:
    """Those of the stack, on the platform that its file names."""
    module = import_module(f"infra.commands.operations.{platform_of(name)}_versions")
    found: Versions = module.StackVersions(name, read_settings(name))
    return found


def updates(name: str) -> list[Update] | None:
    """The last updates of the stack, the oldest first; None when Pulumi doesn't tell."""
    try:
        history = pulumi_stack.history(name)
    except RuntimeError:
        return None
    key = f"{stack.project_name()}:image"
    found = []
    for one in history:
        if one.get("kind") == "update":
            image = str((one.get("config") or {}).get(key, {}).get("value", ""))
            end = datetime.fromisoformat(one["endTime"])
            start = datetime.fromisoformat(one.get("startTime") or one["endTime"])
            found.append(Update(end, image, start, one["result"] == "succeeded"))
    return sorted(found, key=lambda update: update.end)


def in_order(versions: Collection[Version]) -> list[Version]:
    """The one that runs first, then those that ran last, then the others, the newest first."""
    return sorted(versions, key=lambda one: (one.runs, one.ran is not None, one.ran or one.made), reverse=True)


def chosen(found: Collection[Version], text: str, name: str) -> Version:
    """The version whose hash begins with the text; without one, the one before that which runs.

    Ends the command with one line when there is none, or more than one.
    """
    if not text:
        return _before(found, name)
    fits = [one for one in found if one.hash.startswith(text.lower())]
    if len(fits) == 1:
        return fits[0]
    known = ", ".join(one.hash for one in found)
    how = "more than one version begins" if fits else "no version that it has begins"
    sys.exit(f"The stack {name}: {how} with {text}. There are: {known or 'none'}. Fix: django-stack versions -s {name}")


def _before(found: Collection[Version], name: str) -> Version:
    """The version before the one that runs: of the others the one that ran last.

    Where none ran, the newest one, but only if Pulumi tells no history; with one, its update failed or there was none.
    Where another one may have run later, nothing is guessed: it may be one whose update failed.
    """
    others = [one for one in found if not one.runs]
    if not others:
        sys.exit(f"The stack {name} has no other version than the one that runs, so there is no way back.")
    ran_before = [one for one in others if one.ran]
    best = (ran_before or others)[0]
    unsure = [one for one in others if one.perhaps and (not best.ran or (one is not best and one.perhaps > best.ran))]
    quoted = shlex.quote(name)
    fix = f"Fix: django-stack versions -s {quoted}, then django-stack rollback -s {quoted} HASH"
    if unsure:
        known = ", ".join(one.hash for one in others)
        sys.exit(f"Which version the stack {name} ran before isn't known for sure. There are: {known}. {fix}")
    if not ran_before and updates(name) is not None:
        sys.exit(f"The stack {name} has no other version that ran, as far as Pulumi's history tells. {fix}")
    return best


def setting(settings: Mapping[str, object], key: str) -> str:
    """One of the project's settings in the stack's file, as text; nothing for one that isn't there."""
    value = settings.get(f"{stack.project_name()}:{key}")
    return "" if value is None else str(value)
