"""What a resource type is to `server`: a class with check, diff, create, read, update and delete."""

import hashlib
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from django_stack_plugins.values import UNKNOWN, Change, Properties, Unknown, changes


class PluginError(Exception):
    """An operation failed for a reason worth telling the user; the text is all they see."""


class Cancelled(PluginError):
    """The engine asked to stop, went away, or the resource's own time-out passed."""


class InitFailed(PluginError):
    """The resource exists but is not what it should be: it is recorded, and the update fails."""

    def __init__(self, resource_id: str, state: Properties, reason: str) -> None:
        super().__init__(reason)
        self.resource_id = resource_id
        self.state = state


class Stop(threading.Event):
    """Set when operations must end; `grace` is how many seconds a child process has after its SIGINT."""

    grace = 10.0


@dataclass(frozen=True)
class Operation:
    """The circumstances of one create, read, update or delete.

    `timeout` is the resource's custom time-out in seconds (0: none), counted from now; `log` shows a line beside the
    resource while it is being worked on, and keeps it with `ephemeral=False`.
    """

    urn: str
    stop: Stop
    log: Callable[..., None]
    timeout: float = 0
    preview: bool = False
    started: float = field(default_factory=time.monotonic)

    @property
    def name(self) -> str:
        """The resource's logical name."""
        return self.urn.rsplit("::", 1)[-1]

    @property
    def timed_out(self) -> bool:
        return self.timeout > 0 and time.monotonic() - self.started > self.timeout

    def check_alive(self) -> None:
        """Raise `Cancelled` if this operation must not go on."""
        if self.stop.is_set():
            raise Cancelled("cancelled")
        if self.timed_out:
            raise Cancelled(f"timed out after {self.timeout:g} s")

    def sleep(self, seconds: float) -> None:
        """Wait, but not past a cancellation."""
        self.stop.wait(seconds)
        self.check_alive()


@dataclass(frozen=True)
class Failure:
    """A bad input: `name` is the property's, as the SDK's wire spells it."""

    name: str
    reason: str


class Resource(ABC):
    """A resource type, described by class variables; subclasses add create, read, delete, and update if there is one.

    token: the type's name in the protocol.
    inputs: the names accepted; `required` those that must be given, `defaults` what an absent one means.
    in_place: inputs whose change is an update; any other replaces.
    unordered: paths of lists that are sets.
    computed: outputs that are unknown until it is made.
    auto_named: `name` is made up if not given.
    notes_defaults: the inputs say which of them were not given, as those of official plugins made from a Terraform
        provider do.
    drifting: inputs that others can change, which are taken over from what `read` finds.
    delete_before_replace: two cannot be there at once.
    """

    token: ClassVar[str]
    inputs: ClassVar[frozenset[str]]
    required: ClassVar[frozenset[str]] = frozenset()
    defaults: ClassVar[Mapping[str, Any]] = {}
    in_place: ClassVar[frozenset[str]] = frozenset()
    unordered: ClassVar[frozenset[str]] = frozenset()
    computed: ClassVar[frozenset[str]] = frozenset()
    auto_named: ClassVar[bool] = False
    notes_defaults: ClassVar[bool] = True
    drifting: ClassVar[frozenset[str]] = frozenset()
    delete_before_replace: ClassVar[bool] = False

    def check(self, urn: str, olds: Properties, news: Properties, seed: bytes) -> tuple[Properties, list[Failure]]:
        """Return the inputs with defaults filled in, and what is wrong with them."""
        news = without_notes(news)
        failures = [
            Failure(key, f"{self.token} does not support the input {key!r} with django-stack's plugin")
            for key in sorted(news.keys() - self.inputs)
        ]
        failures += [Failure(key, f"missing required property {key!r}") for key in sorted(self.required - news.keys())]
        if failures:
            return news, failures
        # Like the official plugins: a default of false or zero is not written down.
        defaulted = sorted(key for key, value in self.defaults.items() if value and key not in news)
        checked = {**news, **{key: self.defaults[key] for key in defaulted}}
        if self.auto_named and "name" not in checked:
            defaulted.append("name")
            if "name" in olds.get("__defaults", []):
                checked["name"] = olds["name"]
            else:
                name = urn.rsplit("::", 1)[-1]
                checked["name"] = f"{name}-{hashlib.sha256(seed + urn.encode()).hexdigest()[:7]}"
        if self.notes_defaults:
            checked["__defaults"] = sorted(defaulted)
        return checked, self.validate(self.complete(checked))

    def validate(self, inputs: Properties) -> list[Failure]:
        """Say what is wrong with complete inputs, which all have known names; values may be `UNKNOWN`."""
        del inputs
        return []

    def diff(self, old: Properties, new: Properties) -> list[Change]:
        """List what differs between the old and the new inputs; an absent input equals its default."""
        before, after = (
            {key: value for key, value in self.complete(inputs).items() if key in self.inputs} for inputs in (old, new)
        )
        return changes(before, after, unordered=lambda path: path in self.unordered)

    def mends(self, state: Properties) -> list[Change]:
        """List what must change because of the state itself, whatever the inputs are."""
        del state
        return []

    def complete(self, inputs: Properties) -> Properties:
        """The inputs with every default, as they are handed to `validate`, `create`, `read`, `update`."""
        return {**self.defaults, **without_notes(inputs)}

    def replaces(self, change: Change) -> bool:
        """True if this change needs a new resource."""
        return top_level(change.path) not in self.in_place

    def preview(self, inputs: Properties, state: Properties | None) -> Properties:
        """The outputs to show before anything is done: known ones from the state, the rest unknown."""
        return {**dict.fromkeys(self.computed, UNKNOWN), **(state or {}), **inputs}

    @abstractmethod
    def create(self, operation: Operation, inputs: Properties) -> tuple[str, Properties]:
        """Make it; return its id and outputs. Raises PluginError, or InitFailed once it exists."""

    def read(self, operation: Operation, resource_id: str, state: Properties, inputs: Properties) -> Properties | None:
        """Return the outputs as they really are, or None if it is gone; `state` is the last one known."""
        return state

    def adopt(self, operation: Operation, resource_id: str) -> tuple[str, Properties, Properties] | None:
        """What `pulumi import` finds by an id: the id in the state, the outputs, the inputs; None for nothing."""
        del operation, resource_id
        raise PluginError(f"{self.token} cannot be imported or looked up with django-stack's plugin")

    def update(self, operation: Operation, resource_id: str, old: Properties, inputs: Properties) -> Properties:
        """Change it in place; `old` is its last state. Return the new outputs."""
        return {**old, **inputs}

    def delete(self, operation: Operation, resource_id: str, state: Properties) -> None:
        """Remove it; not being there is no error. Here there is nothing to remove but what the state has."""
        del operation, resource_id, state


def without_notes(value: Any) -> Any:
    """The value without the `__defaults` that `check` (or the official plugin's, at any depth) noted in it."""
    if isinstance(value, dict):
        return {key: without_notes(item) for key, item in value.items() if key != "__defaults"}
    return [without_notes(item) for item in value] if isinstance(value, list) else value


def top_level(path: str) -> str:
    """The property that a change's path begins with."""
    return path.split(".", maxsplit=1)[0].split("[", maxsplit=1)[0]


def known(value: Any) -> Any:
    """The value, or None as long as it is unknown: for validation."""
    return None if isinstance(value, Unknown) else value
