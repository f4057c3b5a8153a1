"""The file of the running stack, as it was written, since YAML turns some texts into numbers and times.

The program gets `1.10` as 1.1, `0123` as 83, a long number rounded, and `2026-01-31` as a time. The file has the text.
"""

import re
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import pulumi

if TYPE_CHECKING:
    import yaml

# How the engine prints a date (Go's time.Time as text).
_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)? [+-]\d{4} \S+")
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?")


class StackFile:
    """The content of Pulumi.STACK.yaml; empty when the stack's settings come from elsewhere (`--config-file`)."""

    def __init__(self, folder: Path, stack: str) -> None:
        self._path = folder / f"Pulumi.{stack}.yaml"

    def written(self, value: str, key: str, *path: str | int) -> str:
        """The unquoted text at the full key, or below it, if YAML turned it into `value`, which differs from the text.

        Empty when the value is the text itself, or comes from elsewhere.
        """
        if not _NUMBER.fullmatch(value) and not _TIME.fullmatch(value):
            return ""
        import yaml  # noqa: PLC0415  # needed only for values that look wrong

        node = self._node(["config", key, *path])
        if not isinstance(node, yaml.ScalarNode) or node.style is not None or node.value == value:
            return ""
        return str(node.value) if _meaning(str(node.value)) == _meaning(value) else ""

    def has(self, key: str) -> bool:
        """Whether the file sets the full key."""
        return (
            key in self._text and self._node(["config", key]) is not None
        )  # in most files it isn't, which saves parsing

    def is_text(self, key: str) -> bool:
        """Whether the value of the full key is one text, encrypted or not, rather than a YAML list or mapping."""
        import yaml  # noqa: PLC0415

        node = self._node(["config", key])
        if isinstance(node, yaml.MappingNode):
            return [name.value for name, _ in node.value] == ["secure"]
        return isinstance(node, yaml.ScalarNode) and node.value != ""

    def in_clear(self, value: str, key: str, *path: str | int) -> bool:
        """Whether `value` is what the file has at the full key, or below it, as a text that isn't encrypted."""
        import yaml  # noqa: PLC0415

        node = self._node(["config", key, *path])
        return isinstance(node, yaml.ScalarNode) and node.value == value

    def stacks(self) -> set[str]:
        """The names of the stacks that have a file in the same folder."""
        files = self._path.parent.glob("Pulumi.*.yaml") if self._path.parent.is_dir() else ()
        return {file.name.removeprefix("Pulumi.").removesuffix(".yaml") for file in files}

    @cached_property
    def has_octal(self) -> bool:
        """Whether the file may contain a number with a leading zero; cheap, since it is computed in every run."""
        return bool(re.search(r":[ \t]+[+-]?0\d", self._text))

    @cached_property
    def _text(self) -> str:
        try:
            return self._path.read_text()
        except (OSError, ValueError):
            return ""

    @cached_property
    def _root(self) -> "yaml.Node | None":
        import yaml  # noqa: PLC0415

        try:
            # The engine reads the first document of several.
            return next(iter(yaml.compose_all(self._text, yaml.SafeLoader)), None)
        except (yaml.YAMLError, RecursionError):
            return None

    def _node(self, path: Sequence[str | int]) -> "yaml.Node | None":
        import yaml  # noqa: PLC0415

        node = self._root
        for step in path:
            if isinstance(node, yaml.MappingNode):
                node = _entry(node, step)
            elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
                node = node.value[step]
            else:
                return None
        return node


def _entry(mapping: "yaml.MappingNode", name: str | int) -> "yaml.Node | None":
    """The value of a name in a mapping, or else in the mappings that it merges in (`<<`)."""
    import yaml  # noqa: PLC0415

    for key, value in mapping.value:
        if key.value == name:
            return value  # type: ignore[no-any-return]
    for key, value in mapping.value:
        if key.value == "<<":
            merged = value.value if isinstance(value, yaml.SequenceNode) else [value]
            found = (_entry(one, name) for one in merged if isinstance(one, yaml.MappingNode))
            return next((entry for entry in found if entry is not None), None)
    return None


def _meaning(text: str) -> object:
    """The number or day that YAML reads in a text (0123 is octal, as for the engine); else a value like no other."""
    if day := re.match(r"(\d{4})-(\d\d?)-(\d\d?)(?!\d)", text):
        return tuple(map(int, day.groups()))
    digits = text.replace("_", "")
    try:
        if re.fullmatch(r"[+-]?0[0-7]+", digits):
            return float(int(digits, 8))
        return float(int(digits, 0)) if re.match(r"[+-]?0[box]", digits) else float(digits)
    except (ValueError, OverflowError):
        return object()


def running() -> StackFile:
    """The file of the stack whose program runs."""
    return StackFile(Path(pulumi.get_root_directory() or "."), pulumi.get_stack())
