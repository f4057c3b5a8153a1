"""The kind of `meant-differences`: names, each with a reason."""

import re
from collections.abc import Mapping
from typing import Any

from infra import fixes
from infra.setting_kinds.base import Setting
from infra.settings_reader import Reader

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_EXAMPLE = "why it is meant"


class Reasons:
    """An object of names and reasons; both are texts."""

    allowed = "an object of names, as `django-stack compare` has them, and reasons, or `{}`"

    def read(self, reader: Reader, setting: Setting[Any]) -> Mapping[str, str]:
        key = setting.key
        found = reader.value_from_json(key) if reader.raw_value(key) else {}
        if not isinstance(found, dict):
            reader.note_wrong(key, "an object of names and reasons", command=fixes.remove(reader.stack, key))
            return {}
        for name, reason in found.items():
            if not _NAME.fullmatch(name):
                reader.note_error(
                    f"{key}.{name}",
                    f"{key} has the name {name!r}; allowed: names as `django-stack compare` has them, such as image or "
                    f"setting-LANGUAGE_CODE. Fix: {reader.remove_command(key, name)}",
                )
            elif not isinstance(reason, str) or not reason.strip():
                fix = reader.set_command(key, _EXAMPLE, name, text=True)
                reader.note_error(
                    f"{key}.{name}",
                    f"{key}.{name} is {reason!r}; allowed: a text that says why the difference is meant. Fix: {fix}",
                )
        return {str(name): str(reason) for name, reason in found.items()}
