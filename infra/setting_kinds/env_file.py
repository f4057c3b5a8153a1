"""The setting `env-file`: a `.env` file of variables for the app, read at each update."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pulumi

from infra import fixes
from infra.checkout import ROOT
from infra.reserved import RESERVED, WORKER_COUNT, WORKERS
from infra.secret_forms import secret_names
from infra.services import CACHE_VARIABLES
from infra.setting_kinds.base import Setting
from infra.settings_reader import Reader

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class EnvFile:
    """The variables of a file, without those that the stack sets itself, and the names of those that are secret."""

    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    secret: frozenset[str] = frozenset()


class EnvFilePath:
    """A `.env` file, absolute or relative to this project; or nothing."""

    allowed = "a file of `NAME=value` lines, absolute or relative to Pulumi.yaml, or nothing"

    def read(self, reader: Reader, setting: Setting[Any]) -> EnvFile:
        value = reader.value_as_written(setting.key)
        if not value:
            return EnvFile()
        path = ROOT / value
        try:
            text = path.read_text(encoding="utf-8-sig")
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "not text in UTF-8"
            self._refuse(reader, setting, f", which can't be read ({reason})", path)
            return EnvFile()
        lines, found = _parsed(text)
        if lines:
            where = f"line {lines[0]}" if len(lines) == 1 else f"lines {', '.join(map(str, lines))}"
            self._refuse(reader, setting, f", and {where} of it can't be understood", path)
        taken = _set_by_the_stack(reader)
        variables = {name: text for name, text in found.items() if name not in taken}
        if (workers := variables.get(WORKERS, "").strip()) and not WORKER_COUNT.fullmatch(workers):
            self._refuse(reader, setting, f", and {WORKERS} of it is no number of worker processes, 1 to 999", path)
        if left_out := [name for name in found if name in taken]:
            file = "the file" if reader.is_secret(setting.key) else path
            pulumi.log.info(f"{setting.key}: left out of {file}, since the stack sets them: {', '.join(left_out)}")
        return EnvFile(variables, frozenset(secret_names(variables)))

    def _refuse(self, reader: Reader, setting: Setting[Any], but: str, path: Path) -> None:
        allowed = self.allowed.replace("`", "")
        if not reader.is_secret(setting.key):
            allowed += f"; {path} is meant"
        reader.note_wrong(setting.key, allowed, command=fixes.remove(reader.stack, setting.key), but=but)


def _parsed(text: str) -> tuple[list[int], dict[str, str]]:
    """The numbers of the lines that aren't any, and the variables; `${NAME}` is another variable of the file."""
    from io import StringIO  # noqa: PLC0415  # most stacks have no such file

    from dotenv.parser import parse_stream  # noqa: PLC0415
    from dotenv.variables import parse_variables  # noqa: PLC0415

    wrong: list[int] = []
    found: dict[str, str] = {}
    for binding in parse_stream(StringIO(text)):
        name, value, original = binding.key, binding.value, binding.original
        if binding.error or "\0" in original.string or (name is not None and not _NAME.fullmatch(name)):
            wrong.append(original.line + len(original.string) - len(original.string.lstrip("\n")))
        elif name is not None and value is not None:  # a name alone has no value
            # Not the variables of this machine, which are others on every machine.
            found[name] = "".join(atom.resolve(dict(found)) for atom in parse_variables(value))
    return wrong, found


def _set_by_the_stack(reader: Reader) -> Collection[str]:
    """The names that the stack sets itself, with the settings that it has."""
    cache = CACHE_VARIABLES if reader.raw_value("cache") != "none" else ()
    mail = ("EMAIL_URL",) if reader.raw_value("mail") not in {"url", "project"} else ()
    module = ("DJANGO_SETTINGS_MODULE",) if reader.raw_value("settings-module") else ()
    return {*RESERVED, *cache, *mail, *module}
