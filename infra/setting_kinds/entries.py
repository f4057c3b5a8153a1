"""Kind of settings that are several things of the same kind by their names: processes, schedules."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from typing import Any, Generic, TypeVar

from infra import fixes
from infra.setting_kinds.base import Setting, declared
from infra.settings_reader import ASKS_FOR_VALUE, Reader

EntryT = TypeVar("EntryT")

# A label of DNS, which a container's name in its network is, with a letter first; the end of names on AWS: a schedule
# has 64 characters, of which project, stack and the hyphens take 31 (infra/cloud/names.py).
# https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html
LONGEST = 32
_NAME = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
_WORDS = f"lower-case letters, digits and single hyphens between them, a letter first, at most {LONGEST} characters"


@dataclass(frozen=True)
class Entries(Generic[EntryT]):
    """An object of named entries, each an object whose fields `entry`, a dataclass, declares like settings.

    The dataclass has its own name in the field `name`, and the names of secret values of its field `env`, if it has
    one, in `secret_env`. `word` is what one of them is called, and `taken` are names that none may have.
    """

    entry: type[EntryT]
    word: str
    taken: Collection[str] = ()

    @property
    def allowed(self) -> str:
        return "an object of names, each with the fields below, or `{}`"

    @property
    def fields(self) -> dict[str, Setting[Any]]:
        """The fields of an entry by their names in the dataclass."""
        return declared(self.entry)

    @property
    def names(self) -> str:
        """What the names must be, for the docs."""
        but = f" Taken are {', '.join(f'`{name}`' for name in sorted(self.taken))}." if self.taken else ""
        return f"A name has {_WORDS}.{but}"

    def read(self, reader: Reader, setting: Setting[Any]) -> Mapping[str, EntryT]:
        key = setting.key
        value = reader.value_from_json(key) if reader.raw_value(key) else {}
        if not isinstance(value, dict):
            # Nothing in it could be kept.
            reader.note_wrong(key, self.allowed.replace("`", ""), command=fixes.remove(reader.stack, key))
            return {}
        if any(self._faults(name) or self._renames_object(entry) for name, entry in value.items()):
            reader.rewrite(key)  # a fix that renames makes one JSON text of the object, in which there are no paths
        names = [name for name in sorted(value) if self._can_be_named(reader, key, name, value)]
        found = {name: self._read_entry(reader, f"{key}.{name}", name, value[name]) for name in names}
        return {name: entry for name, entry in found.items() if entry is not None}

    def _faults(self, name: str) -> str:
        """What a name must be, if it isn't."""
        if not _NAME.fullmatch(name) or len(name) > LONGEST:
            return _WORDS
        return f"any name but {', '.join(sorted(self.taken))}" if name in self.taken else ""

    def _renames_object(self, entry: object) -> bool:
        """Whether an object in this entry has a name that is likely meant for a field."""
        given = entry if isinstance(entry, dict) else {}
        return any(isinstance(value, dict | list) and self._meant(name, given) for name, value in given.items())

    def _meant(self, name: str, given: Collection[str]) -> str:
        """The field that is likely meant by a name that is none, unless it is given, too."""
        known = [declaration.key for declaration in self.fields.values()]
        near = [] if name in known else get_close_matches(re.sub("[_ .]", "-", name.lower()), known, n=1)
        return "".join(one for one in near if one not in given)

    def _can_be_named(self, reader: Reader, key: str, name: str, others: Collection[str]) -> bool:
        allowed = self._faults(name)
        if allowed:
            path = fixes.path(key, name)
            command = reader.rename_command(key, name, to=self._proposed(name, others))
            reader.note_error(path, f"{path} can't be the name of a {self.word}; allowed: {allowed}. Fix: {command}")
        return not allowed

    def _proposed(self, name: str, others: Collection[str]) -> str:
        """A valid name that is like this one and that no other has, also once all of them are renamed."""
        shaped = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
        shaped = shaped if shaped[:1].isalpha() else f"{self.word}-{shaped}".strip("-")
        if shaped in self.taken:
            shaped = f"{shaped}-{self.word}"
        number, proposed = 1, shaped[:LONGEST].rstrip("-")
        before = [other for other in sorted(others) if other < name and self._faults(other)]
        names = {*(other for other in others if other != name), *(self._proposed(other, others) for other in before)}
        while proposed in names:
            number += 1
            proposed = f"{shaped[: LONGEST - 1 - len(str(number))].rstrip('-')}-{number}"
        return proposed

    def _read_entry(self, reader: Reader, path: str, name: str, value: object) -> EntryT | None:
        declarations = self.fields
        first = next(iter(declarations.values()))
        if not isinstance(value, dict | None):
            self._note_no_object(reader, path, value, first)
            return None
        given = value or {}
        unknown = self._note_unknown(reader, path, given)
        self._note_foreign(reader, path, given)
        values: dict[str, Any] = {"name": name}
        is_whole = True
        for field, declaration in declarations.items():
            key = f"{path}.{declaration.key}"
            reader.assume(key, declaration.default)
            if _is_required(declaration) and not reader.raw_value(key):
                is_whole = False
                if declaration.key not in unknown:
                    allowed = declaration.kind.allowed.replace("`", "")
                    ask = reader.ask_command(key, secret=reader.is_secret(path))
                    reader.note_error(key, f"{key} is missing; allowed: {allowed}; {ASKS_FOR_VALUE}. Fix: {ask}")
            else:
                values[field] = replace(declaration, key=key).read(reader)
        if not is_whole:
            return None
        if "secret_env" in {one.name for one in fields(self.entry)}:  # type: ignore[arg-type]  # it is a dataclass
            values["secret_env"] = reader.secret_names(f"{path}.env", values["env"])
        return self.entry(**values)

    def _note_no_object(self, reader: Reader, path: str, value: object, first: Setting[Any]) -> None:
        """An entry that is no object. A text is likely the first field, as in a Procfile."""
        shown, command = reader.raw_value(path), reader.remove_command(path)
        if reader.is_secret(path):
            shown = "a secret"
        elif isinstance(value, str) and value and value[0] not in "{[":
            root, _, name = path.partition(".")
            if reader.is_rewritten(root):
                command = reader.edit_command(root, f"d[{name!r}] = {{{first.key!r}: {value!r}}}")
            else:
                command += f" && {reader.set_command(path, value, first.key, text=True)}"
        reader.note_error(path, f"{path} is {shown}; allowed: an object of fields, such as {first.key}. Fix: {command}")

    def _note_unknown(self, reader: Reader, path: str, given: Mapping[str, object]) -> set[str]:
        """Notes fields that there are not; the fields that were meant instead, and are not given."""
        found: set[str] = set()
        for name in given:
            if name in {declaration.key for declaration in self.fields.values()}:
                continue
            meant = self._meant(name, {*given, *found})
            command = reader.remove_command(path, name)
            if meant:
                found.add(meant)
                command = reader.move_command(path, name, to=meant)
            known = ", ".join(declaration.key for declaration in self.fields.values())
            asked = f"; did you mean {meant}?" if meant else ";"
            shown = fixes.path(path, name)
            reader.note_error(shown, f"{shown} is not a field of a {self.word}{asked} allowed: {known}. Fix: {command}")
        return found

    def _note_foreign(self, reader: Reader, path: str, given: Mapping[str, object]) -> None:
        """Notes fields that only another platform has, where the stack itself sets them."""
        platform, key = reader.raw_value("platform"), path.partition(".")[0]
        for declaration in self.fields.values():
            name = declaration.key
            if declaration.only and declaration.only != platform and name in given and reader.is_set(key, "{}"):
                reader.note_error(
                    f"{path}.{name}",
                    f"{path}.{name} is for the {declaration.only} platform; allowed: nothing on the {platform} "
                    f"platform. Fix: {reader.remove_command(path, name)}",
                )


def _is_required(declaration: Setting[Any]) -> bool:
    """Whether an entry can't do without this field."""
    return declaration.default is None
