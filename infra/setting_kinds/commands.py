"""Kinds of settings that are command lines."""

import json
from dataclasses import dataclass
from typing import Any

from infra import command_line, fixes
from infra.command_line import CommandLineError
from infra.setting_kinds.base import Setting
from infra.settings_reader import Reader


@dataclass(frozen=True)
class Command:
    """A command line, as its words; no words for an empty one, if it isn't `required`."""

    required: bool = False

    @property
    def allowed(self) -> str:
        return "one program and its arguments, without shell syntax" + ("" if self.required else "; or nothing")

    def read(self, reader: Reader, setting: Setting[Any]) -> tuple[str, ...]:
        try:
            return command_line.split(reader.value_as_written(setting.key))
        except CommandLineError as error:
            reader.note_wrong(setting.key, _allowed(reader, setting.key, error), error.fix)
            return ()


class Commands:
    """A list of command lines; `example` is one that works, for fixes."""

    allowed = "a list of command lines, none of them empty; `[]` for no release step"

    def __init__(self, example: str) -> None:
        self.example = example

    def read(self, reader: Reader, setting: Setting[Any]) -> tuple[str, ...]:
        key = setting.key
        value = reader.value_from_json(key)
        if not isinstance(value, list):
            text = reader.raw_value(key)
            one = self._corrected(text if text and value is None else self.example)
            # In an object, a path with an index can't be set.
            self._note_bad(reader, key, {0: one}, [one], "a list of command lines", whole=isinstance(value, dict))
            return ()
        bad: dict[int, str] = {}
        allowed = "a list of command lines"
        for index, item in enumerate(value):
            try:
                if not isinstance(item, str) or not command_line.split(item):
                    bad[index] = self.example
            except CommandLineError as error:
                bad[index] = error.fix or self.example
                allowed = f"a list of command lines, each {_allowed(reader, key, error)}"
        if bad:
            corrected = [bad.get(index, item) for index, item in enumerate(value)]
            whole = len(value) > 1 and reader.is_one_text(key)
            self._note_bad(reader, key, bad, corrected, allowed, whole=whole)
            return ()
        return tuple(value)

    def _corrected(self, line: str) -> str:
        """The command line, or the one that its error proposes."""
        try:
            command_line.split(line)
        except CommandLineError as error:
            return error.fix or self.example
        return line

    @staticmethod
    def _note_bad(
        reader: Reader, key: str, bad: dict[int, str], commands: list[str], allowed: str, *, whole: bool
    ) -> None:
        """`whole`: the fix sets the list as one JSON text, because a path would replace the rest of it."""
        if whole:
            command = fixes.set_value(reader.stack, key, json.dumps(commands))
        else:
            command = " && ".join(fixes.set_value(reader.stack, f"{key}[{index}]", line) for index, line in bad.items())
        reader.note_wrong(key, f"{allowed}, none of them empty; [] for no release step", command=command)


def _allowed(reader: Reader, key: str, error: CommandLineError) -> str:
    """What a command line must be; nothing of a secret one is repeated."""
    return "one program and its arguments, without shell syntax" if reader.is_secret(key) else error.allowed
