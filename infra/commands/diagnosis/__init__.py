"""What `django-stack doctor` finds out about a running stack, and what it makes of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from infra.commands.operations.status import Status
from infra.readiness import MAINTENANCE


class Level(Enum):
    """How bad a finding is, in the order of badness."""

    OK = "ok"
    UNKNOWN = "unknown"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True)
class Finding:
    """What a check found: in words, and what to do about it. A check that is passed has no fix, and words
    only for what is good to know."""

    check: str
    level: Level = Level.OK
    text: str = ""
    fix: str = ""


class UnknownError(Exception):
    """A check can't be made; the message says why."""


@dataclass(frozen=True)
class Answer:
    """The site's answer to one request: header names are in small letters, `cookies` are whole Set-Cookie headers."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    text: str = ""
    cookies: tuple[str, ...] = ()
    seconds: float = 0.0


@dataclass(frozen=True)
class Facts:
    """All that the checks look at.

    `answers` are by what was asked for, a text instead where there was none; `inside` is what the app itself says, and
    `silence` why it says nothing; `addresses` are those of the site's host names.
    """

    stack: str
    platform: str
    status: Status
    environment: Mapping[str, str]
    answers: Mapping[str, Answer | str] = field(default_factory=dict)
    inside: Mapping[str, Any] = field(default_factory=dict)
    silence: str = ""
    addresses: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def is_cloud(self) -> bool:
        return self.platform == "cloud"

    @property
    def is_secure(self) -> bool:
        """Whether the site is meant to be visited by https."""
        return self.status.url.startswith("https:")

    @property
    def domain(self) -> str:
        return self.environment.get("DOMAIN", "")

    def answer(self, name: str) -> Answer:
        """Raises UnknownError when there was no such answer."""
        found = self.answers.get(name, "it wasn't asked for")
        if isinstance(found, str):
            raise UnknownError(found)
        if MAINTENANCE.lower() in found.headers:
            raise UnknownError("maintenance is on, also for this machine")
        return found

    def said(self, name: str) -> Any:
        """What the app says of one thing. Raises UnknownError."""
        if name not in self.inside:
            raise UnknownError(self.silence or f"the app doesn't say ({name})")
        return self.inside[name]

    def section(self, name: str) -> Mapping[str, object]:
        """The facts of a section of the status. Raises UnknownError."""
        found = self.status.sections.get(name)
        if found is None or "error" in found.facts:
            raise UnknownError(str(found.facts["error"]) if found else f"the status has no {name}")
        return found.facts


Check = Callable[[Facts], Finding | None]  # nothing for what is well
CHECKS: dict[str, Check] = {}


def check(function: Callable[[Facts], tuple[Level, str, str] | None]) -> Callable[[Facts], Finding | None]:
    """Registers a check under its function's name; it returns what is wrong and what to do, or nothing."""
    name = function.__name__.replace("_", "-")

    def made(facts: Facts) -> Finding | None:
        found = function(facts)
        return Finding(name, *found) if found else None

    CHECKS[name] = made
    return made


def diagnose(facts: Facts) -> list[Finding]:
    """A finding for each check; one that can't be made says so."""
    found = []
    for name, one in CHECKS.items():
        try:
            found.append(one(facts) or Finding(name))
        except UnknownError as error:
            found.append(Finding(name, Level.UNKNOWN, f"can't be checked: {error}"))
    return found
