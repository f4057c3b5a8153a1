"""The setting `env`: a project's own environment variables, as texts; and others with names and texts.

Numbers are refused, because YAML parses them before this program: 1.10 becomes 1.1, 0123 is 83, long ones are rounded.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

import pulumi

from infra import fixes
from infra.reserved import RESERVED, WORKER_COUNT, WORKERS
from infra.secret_names import looks_secret, may_be_secret
from infra.setting_kinds.base import Setting
from infra.settings_reader import Reader

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class _Number(str):
    """The digits of a number, as they are written."""


class Variables:
    """Reads the object and notes errors in `reader`. Values that may be secret are never shown.

    `reserved` are names that can't be used, with what is to be used instead; `exposed` says who can read a secret,
    where encrypting it in the stack's file doesn't help.
    """

    def __init__(self, reader: Reader, key: str, reserved: Mapping[str, str] = RESERVED, exposed: str = "") -> None:
        self.reserved, self.exposed = reserved, exposed
        self.reader = reader
        self.key = key
        self.secret = reader.is_secret(key)
        self.stack = pulumi.get_stack()

    def load(self) -> dict[str, str]:
        text = self.reader.raw_value(self.key)
        try:
            value = json.loads(text or "{}", parse_int=_Number, parse_float=_Number, parse_constant=_Number)
        except (ValueError, RecursionError):  # not JSON, or nested too deeply
            value = None
        if not isinstance(value, dict):
            remove = fixes.remove(self.stack, self.key) if self.key == self.root else self.removed()
            self.refuse(self.key, "can't be used", "only an object of names and values", remove)
            return {}
        result = {name: self.text(name, item) for name, item in value.items() if self.can_be_named(name)}
        secret = self.reader.secret_names(self.key, result)
        self.warn(
            [
                f"{self.key}.{name}"
                for name, text in result.items()
                if text and name not in secret and looks_secret(name)
            ]
        )
        return result

    def can_be_named(self, name: str) -> bool:
        path = self.path(name)
        if not _NAME.fullmatch(name):
            self.refuse(path, "can't be used", "names of letters, digits and _", self.removed(name))
        elif name in self.reserved:
            self.refuse(path, "which the stack sets itself, can't be used", self.reserved[name], self.removed(name))
        else:
            return True
        return False

    def text(self, name: str, item: object) -> str:
        """The value as the app gets it; a boolean as true or false."""
        path = self.path(name)
        if isinstance(item, bool):
            return json.dumps(item)
        if isinstance(item, _Number):
            self.refuse_number(name, item)
        elif isinstance(item, str):
            written = self.written(name, item)
            if written:
                self.refuse_changed(name, "a time", written, item)
            elif "\0" in item:
                self.refuse(path, "has a null byte in it", "text without one", self.removed(name))
            elif name == WORKERS and item and not WORKER_COUNT.fullmatch(item.strip()):
                self.refuse(path, "can't be used", "a number of worker processes, 1 to 999", self.removed(name))
            return item
        elif item is None:
            self.refuse(path, "has no value", 'text, "" for an empty one', self.changed(name, ""))
        else:
            self.refuse(path, "can't be used", "text, not a list or an object", self.removed(name))
        return ""

    def refuse_number(self, name: str, number: str) -> None:
        if self.is_one_text:
            what = "is a number" if self.secret or may_be_secret(name) else f"is the number {number}"
            fix = self.reader.edit_command(self.root, "")
            self.refuse(self.path(name), what, "text in quotes, or true or false", fix)
        else:
            self.refuse_changed(name, "a number", self.written(name, number), number)

    def refuse_changed(self, name: str, kind: str, written: str, comes: str) -> None:
        """Refuses a value that YAML changed; `written` is its text in the stack's file, if it was found there."""
        path = self.path(name)
        if may_be_secret(name) or (self.secret and not written):
            fix = fixes.ask_for(self.stack, path, secret=True)
            self.refuse(path, f"is {kind}", "text in quotes, since YAML changes others; the fix asks for it", fix)
            return
        words = written or comes
        what = f"is {words}, {kind} without quotes" + (f" that YAML reads as {comes}" if words != comes else "")
        self.refuse(path, what, "text in quotes, or true or false", self.changed(name, words))

    def refuse(self, path: str, what: str, allowed: str, fix: str) -> None:
        comma = "," if what.startswith("which") else ""
        self.reader.note_error(path, f"{path}{comma} {what}; allowed: {allowed}. Fix: {fix}")

    def path(self, name: str) -> str:
        """The path of a variable as `pulumi config set --path` takes it."""
        return fixes.path(*self.key.split("."), name)

    @property
    def root(self) -> str:
        """The setting that the variables are in; env itself, or one with an object that has a field of this kind."""
        return self.key.partition(".")[0]

    @property
    def is_one_text(self) -> bool:
        """Whether the whole object is one JSON text in the stack's file (`pulumi config set env '{…}'`), or will be."""
        return self.reader.is_rewritten(self.root)

    def written(self, name: str, comes: str) -> str:
        return self.reader.file.written(comes, *self.reader.place(self.key), name)

    def changed(self, name: str, value: str) -> str:
        return self.reader.set_command(self.key, value, name, text=True)

    def removed(self, *name: str) -> str:
        return self.reader.remove_command(self.key, *name)

    def warn(self, paths: list[str]) -> None:
        if not paths:
            return
        look, are = ("looks like a secret", "is") if len(paths) == 1 else ("look like secrets", "are")
        encrypt = fixes.encrypt(self.stack, [self.root] if self.is_one_text else paths)
        exposed = self.exposed or f"{are} in plain text in the stack's file. Encrypt: {encrypt}"
        pulumi.log.warn(f"{', '.join(paths)} {look}, and {exposed}")


class Env:
    """An object of names and texts: environment variables by name."""

    allowed = "an object of names and texts, or `{}`"

    def read(self, reader: Reader, setting: Setting[Any]) -> Mapping[str, str]:
        return Variables(reader, setting.key).load()
