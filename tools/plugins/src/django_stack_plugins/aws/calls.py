"""What a table says about AWS's API: which call with which arguments, and what is waited for."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

import jmespath

from django_stack_plugins.aws.shapes import Names, member, to_api
from django_stack_plugins.resource import Operation, PluginError
from django_stack_plugins.values import Properties


def words(text: str) -> frozenset[str]:
    """A set of names."""
    return frozenset(text.split())


@dataclass(frozen=True)
class Call:
    """A call of the API.

    takes: arguments by the API's names (`SubnetIds`, `NetworkConfiguration.Subnets`) and the property that each comes
        from (`subnetIds`, `networkConfiguration.subnets`, `id`).
    rest: which inputs are arguments besides, as far as the call knows their names.
    constants: arguments that are always the same.
    gives: where in the answer is what the call is made for, in JMESPath.
    """

    operation: str
    takes: Mapping[str, str] = field(default_factory=dict)
    rest: Literal["none", "changed", "all"] = "none"
    constants: Mapping[str, Any] = field(default_factory=dict)
    gives: str = "@"

    def request(self, shape: Any, scope: Properties, rest: Properties, names: Names) -> dict[str, Any]:
        """The arguments; `scope` has every property, `rest` those inputs that are taken by name."""
        request: dict[str, Any] = {}
        taken = {source.partition(".")[0] for source in self.takes.values()}
        for key, value in rest.items():
            if key in taken:
                continue
            name = member(shape.members, key, names)
            if name is not None and value is not None:
                request[name] = to_api(shape.members[name], value, names, f"{key}.")
        for target, source in self.takes.items():
            value = lookup(source, scope)
            if value is not None:
                _put(request, shape, target.split("."), value, names, f"{source}.")
        for target, value in self.constants.items():
            _put(request, shape, target.split("."), value, {}, "")
        return request


def _put(request: dict[str, Any], shape: Any, target: list[str], value: Any, names: Names, path: str) -> None:
    for step in target[:-1]:
        request, shape = request.setdefault(step, {}), shape.members[step]
    request[target[-1]] = to_api(shape.members[target[-1]], value, names, path)


@cache
def _compiled(path: str) -> Any:
    return jmespath.compile(path)


def lookup(path: str, document: Any) -> Any:
    """What stands at a place, in JMESPath."""
    return _compiled(path).search(document)


@dataclass(frozen=True)
class Wait:
    """Waiting for a resource: `path` leads to its status, which becomes one of `until`; the provider's own time-out."""

    path: str
    until: frozenset[str]
    failed: frozenset[str] = frozenset()
    why: str = "@.StatusReason"
    seconds: float = 600


def wait(
    operation: Operation, what: Callable[[], str], reached: Callable[[], bool], seconds: float, longest: float = 5.0
) -> None:
    """Ask until it is so, first every half second, then ever more seldom. Raises PluginError when the time is up.

    A custom time-out of the resource that is longer than `seconds` takes their place, as with the official provider.
    """
    pause, waited = 0.5, 0.0
    seconds = max(seconds, operation.timeout)
    while not reached():
        if waited >= seconds:
            raise PluginError(f"{what()} after {seconds:g} s")
        operation.sleep(pause)
        waited += pause
        pause = min(pause * 1.3, longest)


def without_aws(tags: Any) -> dict[str, str]:
    """Tags without those that AWS itself sets."""
    pairs: Iterable[tuple[str, str]] = (tags or {}).items()
    return {name: value for name, value in pairs if not name.startswith("aws:")}
