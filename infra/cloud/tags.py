"""The tags of every AWS resource of a stack."""

from typing import Protocol


class Named(Protocol):
    """A stack by its names; its settings have them, and what a command knows of it."""

    @property
    def project(self) -> str: ...

    @property
    def stack(self) -> str: ...

    @property
    def prefix(self) -> str: ...


def tags(names: Named, part: str = "") -> dict[str, str]:
    """The tags by name. `Name`, which AWS's console shows, includes `part` if the resource has no name of its own."""
    name = {"Name": f"{names.prefix}-{part}" if part else names.prefix}
    return name | {"django-stack.project": names.project, "django-stack.stack": names.stack}
