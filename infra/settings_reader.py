"""Reads the raw config of the running stack, and collects the errors about it.

The kinds of settings (infra/setting_kinds) check values. This module tells them what a value is, whether it is secret
and where it was set, and it words the errors.
"""

import json
import re
import shlex
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from typing import Any

import pulumi
from pulumi.runtime.config import CONFIG, is_config_secret

from infra import fixes, stack_file
from infra.names import Names

ASKS_FOR_VALUE = "the fix asks for it"


class Reader:
    """Raw config values (strings, or objects as JSON) by key, and the errors noted about them.

    A key with dots is that of a field in an object: processes.worker.count is `count` of `worker` in `processes`.
    """

    def __init__(self) -> None:
        self.errors: list[str] = []
        self.namespace = pulumi.get_project()
        self.stack = pulumi.get_stack()
        self.file = stack_file.running()
        self._refused: set[str] = set()
        self._unquoted: dict[str, str] = {}
        self._hidden: set[str] = set()
        self._defaults: dict[str, object] = {}
        self._rewritten: set[str] = set()

    def hide(self, key: str) -> None:
        """Keeps the value of a key out of errors, also where it isn't encrypted."""
        self._hidden.add(key)

    def assume(self, key: str, default: object) -> None:
        """Gives a field in an object its default; Pulumi.yaml has those of the settings only."""
        self._defaults[key] = default

    def is_secret(self, key: str) -> bool:
        """Whether the value is encrypted in the stack's file. Of a field, Pulumi says only that the object is."""
        root, *path = self.place(key)
        return bool(is_config_secret(root)) and not (path and self.file.in_clear(self.raw_value(key), root, *path))

    def secret_names(self, key: str, values: Mapping[str, str]) -> frozenset[str]:
        """The names whose values in the object `key` are secret.

        Pulumi itself says only that one of them is. Every value counts as secret that isn't empty and isn't in plain
        text in the stack's file.
        """
        if not self.is_secret(key):
            return frozenset()
        at = self.place(key)
        return frozenset(name for name, value in values.items() if value and not self.file.in_clear(value, *at, name))

    def full_key(self, key: str) -> str:
        """The key with its namespace, as the engine knows it; aws:region, for example, has one already."""
        return key if ":" in key else f"{self.namespace}:{key}"

    def place(self, key: str) -> tuple[str, ...]:
        """The full key of the setting, then the names below it of a field in an object."""
        root, *path = key.split(".")
        return (self.full_key(root), *path)

    def all_keys(self) -> list[str]:
        """All keys of the stack's config, as the engine knows them."""
        return sorted(CONFIG.get())

    def raw_value(self, key: str) -> str:
        """The value as text, without surrounding whitespace; nothing for a field that is null."""
        value = self._value(key)
        return value.strip() if isinstance(value, str) else json.dumps(value)

    def _value(self, key: str) -> Any:
        root, *path = self.place(key)
        value = CONFIG.get().get(root, "")
        if path:
            try:
                value = json.loads(value) if isinstance(value, str) else value
            except (ValueError, RecursionError):
                value = None
            for name in path:
                value = value.get(name) if isinstance(value, dict) else None
            value = self._defaults.get(key) if value is None else value
        return "" if value is None else value

    def value_as_written(self, key: str) -> str:
        """The value of a setting that is text; if YAML read it as a number or a time, the text in the stack's file."""
        value = self.raw_value(key)
        if written := self.file.written(value, *self.place(key)):
            self._unquoted[key] = written
        return written or value

    def number_as_written(self, key: str) -> str:
        """The text in the stack's file of a number with a leading zero (octal in YAML); else nothing."""
        return self.file.written(self.raw_value(key), *self.place(key)) if self.file.has_octal else ""

    def value_from_json(self, key: str) -> Any:
        """The list or object that the value holds; None if it holds none."""
        try:
            return json.loads(self.raw_value(key))
        except (ValueError, RecursionError):  # not JSON, a number with thousands of digits, or nested too deeply
            return None

    def is_one_text(self, key: str) -> bool:
        """Whether a list or an object is written as one JSON text in the stack's file."""
        return self.file.is_text(self.full_key(key))

    def is_set(self, key: str, default: str) -> bool:
        """Whether the stack sets this key itself; Pulumi.yaml's defaults are in every stack's config, too.

        When the stack's settings come from a file that we don't know (`--config-file`), a value that equals the default
        counts as not set.
        """
        if self.full_key(key) not in CONFIG.get():
            return False
        if self.file.has(self.full_key(key)):
            return True
        value = self.raw_value(key)
        # Pulumi.yaml may have been changed by hand.
        return not _equal(value, default) and not _equal(value, fixes.default(key))

    # The commands of errors

    def rewrite(self, key: str) -> None:
        """Has the fixes for what is in this object change all of it, since one of them does."""
        self._rewritten.add(key)

    def is_rewritten(self, key: str) -> bool:
        """Whether fixes for what is in the object must change all of it: a path would replace one JSON text, or what
        Pulumi.yaml has for every stack.
        """
        root = key.partition(".")[0]
        return root in self._rewritten or self.is_one_text(root) or self._is_inherited(root)

    def _is_inherited(self, key: str) -> bool:
        """Whether the stack has no object of its own at the key, but the one in Pulumi.yaml."""
        default = fixes.default(key)
        return default not in {"", "{}"} and not self.is_set(key, default)

    def set_command(self, key: str, value: str, *names: str, text: bool = False) -> str:
        """The command that sets a setting, or what is at `names` below it; `text` stays one, whatever YAML reads."""
        root, *path = (*key.split("."), *names)
        if path and self.is_rewritten(root):
            return self.edit_command(root, f"d{_items(path)} = {value!r}")
        if path and text:
            return fixes.set_text(self.stack, fixes.path(root, *path), value)
        return fixes.set_value(self.stack, fixes.path(root, *path) if path else key, value)

    def remove_command(self, key: str, *names: str) -> str:
        """The command that removes what is at `names` below a setting."""
        root, *path = (*key.split("."), *names)
        if self.is_rewritten(root):
            return self.edit_command(root, f"del d{_items(path)}")
        return fixes.remove_path(self.stack, fixes.path(root, *path))

    def rename_command(self, key: str, *names: str, to: str) -> str:
        """The command that renames what is at `names` below a setting; it changes the whole setting."""
        *above, old = names
        return self.edit_command(key, f"d{_items(above)}[{to!r}] = d{_items(above)}.pop({old!r})")

    def move_command(self, key: str, name: str, *, to: str) -> str:
        """The command that gives the field `to` the value of the field `name`, which is removed."""
        root, *path = key.split(".")
        if self.is_rewritten(root):
            return self.rename_command(root, *path, name, to=to)
        old, new = fixes.path(key, name), fixes.path(key, to)
        return fixes.move(self.stack, old, new, secret=self.is_secret(f"{key}.{name}"))

    def ask_command(self, key: str, *, secret: bool) -> str:
        """The command that asks for a value; for the whole object if it is one secret text."""
        root, *path = key.split(".")
        if not path or not self.is_rewritten(root):
            return fixes.ask_for(self.stack, key, secret=secret)
        if secret:
            return fixes.ask_for(self.stack, root, secret=secret)
        *above, name = path
        items = _items(above)
        statement = f"d{items} = {{**(d{items} or {{}}), {name!r}: os.environ['VALUE']}}"
        return f"printf {shlex.quote(f'{key}: ')}; read -r VALUE; export VALUE; {self.edit_command(root, statement)}"

    def edit_command(self, key: str, statement: str) -> str:
        """The command that changes a whole object, by a Python statement about `d`."""
        return fixes.edit_json(self.stack, key, statement, secret=bool(is_config_secret(self.full_key(key))))

    def note_error(self, key: str, error: str) -> None:
        """Notes an error, but only the first one of each key, since later ones usually follow from it."""
        if key not in self._refused:
            self.errors.append(error)
        self._refused.add(key)

    def note_wrong(
        self, key: str, allowed: str, fix: str = "", *, value: str | None = None, command: str = "", but: str = ""
    ) -> None:
        """Notes one bad key: its value unless that is secret, what is allowed, and the command that sets it to `fix`.

        `command` replaces that command; `but` is a reason to add after the value. For a secret value the command asks,
        since fixes are made from values.
        """
        shown = self._unquoted.get(key, self.raw_value(key)) if value is None else value
        shown = json.dumps(shown, ensure_ascii=False)
        if self.is_secret(key) or key in self._hidden:
            shown = "[secret]"
            command = "" if self.is_secret(key) and not but else command
            if not command:
                allowed += "" if ASKS_FOR_VALUE in allowed else f"; {ASKS_FOR_VALUE}"
                command = self.ask_command(key, secret=True)
        self.note_error(key, f"{key} is {shown}{but}; allowed: {allowed}. Fix: {command or self.set_command(key, fix)}")

    def note_names(self, rules: type[Names]) -> None:
        """Notes what is wrong with the names of project and stack by the rules of the platform."""
        organization = pulumi.get_organization() or "organization"
        self.errors += rules(self.namespace, self.stack, organization, self.file.stacks()).errors()

    def note_unquoted(self) -> None:
        """Notes the values that would be right if YAML had not changed them."""
        for key, written in self._unquoted.items():
            allowed = f"text in quotes, since YAML reads this as {self.raw_value(key)}"
            self.note_wrong(key, allowed, command=self.set_command(key, written, text=True))

    def note_unknown_keys(self, known: Collection[str], foreign: Collection[str]) -> None:
        """Notes keys that are neither `known` nor another platform's (`foreign`), and keys of another project."""
        for full in self.all_keys():
            namespace, _, key = full.partition(":")
            if namespace == self.namespace and key not in known and key not in foreign:
                near = get_close_matches(re.sub("[_ .]", "-", key.lower()), known, n=1)
                meant = f"did you mean {near[0]}?" if near else "see Pulumi.yaml for all keys."
                shown = key if key.isprintable() else json.dumps(key)
                self.errors.append(f"{shown} is not a setting; {meant} Fix: {fixes.remove(self.stack, key)}")
            elif (key in known or key in foreign) and namespace != self.namespace:
                file = shlex.quote(f"Pulumi.{self.stack}.yaml")
                fix = fixes.rename_namespace(namespace, self.namespace, f"{key}:", file)
                if self.file.has(self.full_key(key)):
                    fix = fixes.remove(self.stack, full)
                self.errors.append(
                    f"{full} is a setting of another project; allowed: {self.namespace}:{key}, with the name in "
                    f"Pulumi.yaml. Fix: {fix}"
                )

    def note_foreign_keys(self, platform: str, foreign: Mapping[str, tuple[str, str]]) -> None:
        """Notes keys of another platform that the stack sets; `foreign` maps each to that platform and the default."""
        for key, (other, default) in foreign.items():
            if self.is_set(key, default):
                self.note_wrong(
                    key,
                    f"no value of the stack's own, only the default, {default or 'nothing'} on the {platform} platform",
                    but=f", but {key} is for the {other} platform",
                    command=fixes.remove(self.stack, key),
                )

    def raise_errors(self) -> None:
        """Raises `pulumi.RunError` that lists all errors, if there are any."""
        if self.errors:
            raise pulumi.RunError(
                f"Stack {self.stack}: {_count(len(self.errors))} can't be used, nothing was changed.\n"
                + "\n".join(f"  - {error}" for error in sorted(self.errors, key=_asks))
            )


def _items(names: Collection[str]) -> str:
    """The names as subscripts of a Python object: ['worker']['count']."""
    return "".join(f"[{name!r}]" for name in names)


def _equal(one: str, other: str) -> bool:
    """Whether two values are the same, of objects whatever their spaces and order."""
    try:
        return one == other or bool(one[:1] == "{" and json.loads(one) == json.loads(other))
    except (ValueError, RecursionError):
        return False


def _asks(error: str) -> bool:
    """Whether the fix of an error asks for a value. Such errors come last, or the next pasted command would answer."""
    return ASKS_FOR_VALUE in error


def _count(errors: int) -> str:
    return "one setting" if errors == 1 else f"{errors} settings"
