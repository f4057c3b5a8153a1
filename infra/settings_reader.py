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
    """Raw config values (strings, or objects as JSON) by key, and the errors noted about them."""

    def __init__(self) -> None:
        self.errors: list[str] = []
        self.namespace = pulumi.get_project()
        self.stack = pulumi.get_stack()
        self.file = stack_file.running()
        self._refused: set[str] = set()
        self._unquoted: dict[str, str] = {}
        self._hidden: set[str] = set()

    def hide(self, key: str) -> None:
        """Keeps the value of a key out of errors, also where it isn't encrypted."""
        self._hidden.add(key)

    def is_secret(self, key: str) -> bool:
        """Whether the value is encrypted in the stack's file."""
        return bool(is_config_secret(self.full_key(key)))

    def secret_names(self, key: str, values: Mapping[str, str]) -> frozenset[str]:
        """The names whose values in the object `key` are secret.

        Pulumi itself says only that one of them is. Every value counts as secret that isn't empty and isn't in plain
        text in the stack's file.
        """
        if not self.is_secret(key):
            return frozenset()
        full = self.full_key(key)
        return frozenset(name for name, value in values.items() if value and not self.file.in_clear(value, full, name))

    def full_key(self, key: str) -> str:
        """The key with its namespace, as the engine knows it; aws:region, for example, has one already."""
        return key if ":" in key else f"{self.namespace}:{key}"

    def all_keys(self) -> list[str]:
        """All keys of the stack's config, as the engine knows them."""
        return sorted(CONFIG.get())

    def raw_value(self, key: str) -> str:
        """The value as text, without surrounding whitespace."""
        value = CONFIG.get().get(self.full_key(key), "")
        return value.strip() if isinstance(value, str) else json.dumps(value)

    def value_as_written(self, key: str) -> str:
        """The value of a setting that is text; if YAML read it as a number or a time, the text in the stack's file."""
        value = self.raw_value(key)
        if written := self.file.written(value, self.full_key(key)):
            self._unquoted[key] = written
        return written or value

    def number_as_written(self, key: str) -> str:
        """The text in the stack's file of a number with a leading zero (octal in YAML); else nothing."""
        return self.file.written(self.raw_value(key), self.full_key(key)) if self.file.has_octal else ""

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
        return value != default and value != fixes.default(key)  # Pulumi.yaml may have been changed by hand

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
                command = fixes.ask_for(self.stack, key, secret=True)
        self.note_error(
            key, f"{key} is {shown}{but}; allowed: {allowed}. Fix: {command or fixes.set_value(self.stack, key, fix)}"
        )

    def note_names(self, rules: type[Names]) -> None:
        """Notes what is wrong with the names of project and stack by the rules of the platform."""
        organization = pulumi.get_organization() or "organization"
        self.errors += rules(self.namespace, self.stack, organization, self.file.stacks()).errors()

    def note_unquoted(self) -> None:
        """Notes the values that would be right if YAML had not changed them."""
        for key, written in self._unquoted.items():
            self.note_wrong(key, f"text in quotes, since YAML reads this as {self.raw_value(key)}", written)

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


def _asks(error: str) -> bool:
    """Whether the fix of an error asks for a value. Such errors come last, or the next pasted command would answer."""
    return ASKS_FOR_VALUE in error


def _count(errors: int) -> str:
    return "one setting" if errors == 1 else f"{errors} settings"
