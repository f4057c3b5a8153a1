"""What projects and stacks may be called: most physical names are made of both, as in `project-stack-part`.

On every platform both are in the name of the image's repository, whose rules are here; a platform with stricter ones
has them in a subclass, which its settings name. `pulumi` itself takes more, and what makes the resources would refuse
them in the middle of an update.
"""

import hashlib
import re
import shlex
from collections.abc import Collection
from dataclasses import dataclass
from typing import ClassVar

from infra import fixes

# A component of a repository: https://github.com/distribution/reference/blob/v0.6.0/reference.go (path-component).
# Networks, volumes and containers allow more: https://docs.docker.com/reference/cli/docker/container/run/#name
_PART = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*")
_PART_WORDS = "lower-case letters and digits, with single . or _, __ or hyphens between them (an image's repository)"

# An image reference in the same grammar: a registry, which only a dot, a port or `localhost` distinguishes from a name,
# then names of at most 255 characters together, a tag and a digest.
IMAGE = re.compile(
    r"(?:(?:localhost|(?=[^/]*[.:])[A-Za-z0-9]+(?:[.-]+[A-Za-z0-9]+)*)(?::[0-9]{1,5})?/)?"
    rf"(?=[^:@]{{1,255}}(?:[:@]|$)){_PART.pattern}(?:/{_PART.pattern})*"
    r"(?::\w[\w.-]{0,127})?(?:@sha256:[0-9a-f]{64})?",
    re.ASCII,
)

# Characters that `pulumi` takes in each of the two.
LONGEST_NAME = 100


@dataclass(frozen=True)
class Names:
    """A project's and a stack's name; `taken` are the stacks that the project has already."""

    project: str
    stack: str
    organization: str = "organization"
    taken: Collection[str] = ()

    longest: ClassVar[int] = 2 * LONGEST_NAME + 1  # characters of both, with the hyphen between them

    @property
    def prefix(self) -> str:
        """What most physical names begin with."""
        return f"{self.project}-{self.stack}"

    def errors(self) -> list[str]:
        """An error for each name that can't be used, with everything that is wrong and the commands that rename it."""
        project, stack = self.proposed()
        errors = []
        if project != self.project:
            errors.append(
                f"the project's name is {self.project}; allowed: {'; '.join(self.allowed(project=True))}. "
                f"Fix: {self._rename_project(project)}"
            )
        if stack != self.stack:
            errors.append(
                f"the stack's name is {self.stack}; allowed: {'; '.join(self.allowed(project=False))}. "
                f"Fix: pulumi stack rename -s {shlex.quote(self.stack)} {stack}"
            )
        return errors

    def proposed(self) -> tuple[str, str]:
        """Valid names derived from these two; the same names when they are valid."""
        project = self.shaped(self.project) or f"project-{digest(self.project)}"
        stack = self.shaped(self.stack) or f"stack-{digest(self.stack)}"
        project, stack = self.fitted(project, stack)
        if stack != self.stack:
            stack = self._free(stack, self.room(project))
        return project, stack

    def another(self) -> str:
        """A name like the stack's that no other stack has; a long one loses its end."""
        return self._free(self.stack, self.room(self.project))

    def allowed(self, *, project: bool) -> list[str]:
        """What the project's name, or the stack's, must be, as far as it isn't."""
        return [] if _PART.fullmatch(self.project if project else self.stack) else [_PART_WORDS]

    def shaped(self, name: str) -> str:
        """The name in the characters that are allowed; nothing when none of it is left."""
        return re.sub(r"[^a-z0-9]+", _separator, name.lower()).strip("-._")

    def fitted(self, project: str, stack: str) -> tuple[str, str]:
        """Two names of allowed characters, changed so that they can stand together."""
        return project, stack

    def room(self, project: str) -> int:
        """The characters that the stack's name may have beside the project's."""
        return min(LONGEST_NAME, self.longest - 1 - len(project))

    def _free(self, stack: str, room: int) -> str:
        """The name, with a number appended if another stack has it: renaming would overwrite that stack's file."""
        number, free = 1, stack
        while free in self.taken:
            number += 1
            free = f"{stack[: room - len(str(number)) - 1].rstrip('-._')}-{number}"
        return free

    def _rename_project(self, new: str) -> str:
        """The commands that rename: first the state, which `pulumi` finds under the old name, then the files."""
        stack = shlex.quote(self.stack)
        return (
            f"pulumi stack rename -s {stack} {self.organization}/{new}/{stack} && "
            f"sed -i.bak 's/^name:.*/name: {new}/' Pulumi.yaml && {fixes.rename_namespace(self.project, new)}"
        )


def _separator(found: "re.Match[str]") -> str:
    return found[0] if re.fullmatch(r"\.|__?|-+", found[0]) else "-"


def digest(name: str) -> str:
    """Four hex digits that tell a name from others."""
    return hashlib.sha256(name.encode()).hexdigest()[:4]
