"""How a setting is declared: one field of a dataclass with its kind, its default and its description."""

import dataclasses
import json
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar, cast

from infra.settings_reader import Reader

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

_DECLARATION = "setting"


class Kind(Protocol[T_co]):
    """What values a setting may have."""

    @property
    def allowed(self) -> str:
        """What is allowed, for the docs."""

    def read(self, reader: Reader, setting: "Setting[Any]") -> T_co:
        """The typed value. Errors about it are noted in `reader`; then the result is any value of the type."""


@dataclass(frozen=True)
class Setting(Generic[T]):
    """A declared setting. `default` is written to Pulumi.yaml as it is: a text, a number, a boolean, a list, …

    A `heading` is written there as a comment before this setting and those that follow it. `only` is the one platform
    that has this field of an entry (entries.py); nothing for every platform.
    """

    key: str
    kind: Kind[T]
    default: object
    description: str
    heading: str = ""
    secret: bool = False
    only: str = ""

    @property
    def default_text(self) -> str:
        """The default as the engine passes it to the program."""
        return self.default if isinstance(self.default, str) else json.dumps(self.default)

    def read(self, reader: Reader) -> T:
        """The value in the running stack; errors about it are noted in `reader`."""
        if self.secret:
            reader.hide(self.key)
        return self.kind.read(reader, self)


def setting(
    kind: Kind[T],
    default: object,
    description: str,
    *,
    key: str = "",
    heading: str = "",
    secret: bool = False,
    only: str = "",
) -> T:
    """Declares a setting as a field of a dataclass. The key is the field's name with hyphens, unless another is given.

    The value of a `secret` one is shown neither in errors nor when the dataclass is printed.
    """
    metadata = {_DECLARATION: Setting(key, kind, default, description, heading, secret, only)}
    return cast("T", dataclasses.field(repr=not secret, metadata=metadata))


def declared(section: Any, *, own: bool = False) -> dict[str, Setting[Any]]:
    """The settings of a dataclass by field; `own` leaves out those that its base classes declare."""
    inherited = {name for base in section.__mro__[1:] for name in getattr(base, "__dataclass_fields__", {})}
    found = {}
    for field in dataclasses.fields(section):
        declaration = field.metadata.get(_DECLARATION)
        if declaration and not (own and field.name in inherited):
            key = declaration.key or field.name.replace("_", "-")
            found[field.name] = dataclasses.replace(declaration, key=key)
    return found
