"""The package `django-stack-contract`: its wheel for a project's image, and what it asks of other packages."""

import re
import tomllib
from dataclasses import dataclass
from functools import cached_property

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from infra.adoption.dependencies import Dependencies
from infra.adoption.tree import WRITTEN_FOLDER, Tree
from infra.wheel import DISTRIBUTION, SOURCE

# A newer Django than a project was written for is the last step that it has to take, so it takes the next one first.
_DJANGO = "django>=5.2,<5.3"
_SHOWN = 6  # packages that are named in one line


@dataclass(frozen=True)
class Contract:
    """The package as a file, with the extras that a project takes."""

    file: str
    content: bytes
    extras: tuple[str, ...]

    def requirement(self, folder: str) -> str:
        """The line of a requirements file that installs it from a folder of the image."""
        return f"{DISTRIBUTION}[{','.join(self.extras)}] @ file://{folder}/{self.file}"

    @cached_property
    def needs(self) -> list[Requirement]:
        """What it needs, with its extras."""
        project = tomllib.loads((SOURCE / "pyproject.toml").read_text())["project"]
        optional = project["optional-dependencies"]
        lines = [*project["dependencies"], *(line for extra in self.extras for line in optional[extra])]
        return [Requirement(line) for line in lines]


def extras(dependencies: Dependencies, *, cache: bool, gunicorn: bool) -> tuple[str, ...]:
    """The extras that a project takes."""
    more = [*(["redis"] if cache else []), *(["sentry"] if "sentry-sdk" in dependencies else [])]
    return ("postgres", "s3", "schedules", *(["server"] if gunicorn else []), *more)


def had_cache(tree: Tree) -> bool:
    """Whether the image has been written for a cache, which another stack of it may have."""
    lines = tree.text(f"{WRITTEN_FOLDER}/requirements.txt")
    return bool(re.search(rf"^{DISTRIBUTION}\[[^\]]*\bredis\b", lines, re.MULTILINE))


def overrides(contract: Contract, dependencies: Dependencies, others: list[str]) -> tuple[list[str], list[str]]:
    """Lines for uv where the project's own versions are too old for the package, and what they change, in words.

    `others` are lines that there are already: what they say of a package stays.
    """
    lines: list[str] = []
    words: list[str] = []
    for need in contract.needs:
        name = canonicalize_name(need.name)
        said = dependencies.pinned(name) or dependencies.declared.get(name, "")
        if name in dependencies and said and not _fits(need, dependencies.pinned(name), said):
            line = _DJANGO if name == "django" else f"{name}{need.specifier}"
            lines.append(line)
            words.append(f"{line} instead of {name} {said.lstrip('=')}, with which the package doesn't work")
    if _DJANGO in lines:
        # What was pinned for the older Django seldom works with this one.
        raised = {canonicalize_name(Requirement(line).name) for line in [*lines, *others]}
        pinned = [name for name, said in dependencies.declared.items() if "==" in said and name not in raised]
        lines += pinned
        if pinned:
            shown = ", ".join(f"{name} {dependencies.declared[name].lstrip('=')}" for name in pinned[:_SHOWN])
            more = f" and {len(pinned) - _SHOWN} more" if len(pinned) > _SHOWN else ""
            words.append(f"the newest release of what was pinned for an older Django: {shown}{more}")
    return lines, words


def _fits(need: Requirement, pinned: str, said: str) -> bool:
    """Whether a version that the project allows can be one that the package needs: one at a bound, above it, or new."""
    try:
        if pinned:
            return need.specifier.contains(Version(pinned), prereleases=True)
        both = Requirement(f"x{said}").specifier & need.specifier
        bounds = [Version(one.version.removesuffix(".*")).base_version for one in both]
    except (InvalidRequirement, InvalidVersion):
        return True
    tried = [*bounds, *(f"{bound}.1" for bound in bounds), "9999"]
    return any(both.contains(version) for version in tried)
