"""Kinds of settings about the app's image: its Dockerfile, the arguments of its build, what a mount must not hide."""

import os
import re
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import PurePosixPath
from typing import Any

from infra import fixes
from infra.checkout import ROOT
from infra.setting_kinds.base import Setting
from infra.setting_kinds.variables import Variables
from infra.settings_reader import Reader


class DockerfilePath:
    """A file in the folder that app-path names."""

    allowed = "a file below `app-path`, such as `compose/production/Dockerfile`"

    def read(self, reader: Reader, setting: Setting[Any]) -> str:
        key = setting.key
        value = reader.value_as_written(key)
        folder = ROOT / reader.value_as_written("app-path")
        # An error about app-path says what there is to say of a missing folder, and of a Dockerfile by its usual name.
        if value == setting.default or not reader.raw_value("app-path") or not folder.is_dir():
            return value
        if not _is_below(value) or not os.path.isfile(folder / value):  # noqa: PTH113  # pathlib's raises for too long a name
            found = fixes.dockerfiles(folder)
            near = get_close_matches(value, found, n=1, cutoff=0) if found else []
            command = "" if near else fixes.remove(reader.stack, key)
            reader.note_wrong(key, f"a file below app-path, {folder}", "".join(near), command=command)
        return value


class BuildArgs:
    """An object of names and texts: the arguments of the image's build."""

    allowed = "an object of names and texts, in plain text, or `{}`"
    _reserved: Mapping[str, str] = {"PYTHON_IMAGE": "the setting python-image"}

    def read(self, reader: Reader, setting: Setting[Any]) -> Mapping[str, str]:
        key = setting.key
        if reader.is_secret(key):
            allowed = "plain text only, since whoever has the image can read the arguments of its build"
            reader.note_wrong(key, allowed, command=fixes.remove(reader.stack, key), but=", which is a secret")
            return {}
        return Variables(reader, key, self._reserved, "can be read by whoever has the image").load()


class Folders:
    """Comma-separated folders below another one."""

    allowed = "folders such as `node_modules,static/dist`, relative and without `..`, separated by commas, or nothing"

    def read(self, reader: Reader, setting: Setting[Any]) -> tuple[str, ...]:
        given = [part.strip() for part in re.split(r"[,\[\]\"]+", reader.value_as_written(setting.key))]
        folders = [part for part in given if part]
        good = [str(PurePosixPath(part)) for part in folders if _is_below(part)]
        if len(good) < len(folders) or reader.value_as_written(setting.key)[:1] == "[":
            reader.note_wrong(setting.key, self.allowed.replace("`", ""), ",".join(good))
        return tuple(dict.fromkeys(good))


def _is_below(path: str) -> bool:
    """Whether the text is a path of something below a folder, in a form that every system takes."""
    parts = PurePosixPath(path).parts
    plain = re.fullmatch(r"[^\0-\x1f:,\\]+", path)
    return bool(parts and plain) and not path.startswith("/") and ".." not in parts
