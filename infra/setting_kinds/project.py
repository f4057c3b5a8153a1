"""Kinds of settings about the Django project: its folder, its bucket, its version."""

import os
import re
from pathlib import Path
from typing import Any

from infra import dsn, fixes
from infra.checkout import ROOT
from infra.setting_kinds.base import Setting
from infra.settings_reader import ASKS_FOR_VALUE, Reader


class AppPath:
    """A folder with a Dockerfile in it, absolute or relative to this project."""

    allowed = "a folder with a Dockerfile in it, absolute or relative to Pulumi.yaml"

    def read(self, reader: Reader, setting: Setting[Any]) -> Path:
        key = setting.key
        path = ROOT / reader.value_as_written(key)
        if not reader.raw_value(key) or not os.path.isdir(path):  # noqa: PTH112  # pathlib's raises for too long a name
            # Never propose the example's folder: its migrations don't belong in the database of another project.
            allowed = f"the Django project's folder, absolute or relative to {ROOT}"
            if found := fixes.folder_of_shell(reader.raw_value(key)) or fixes.folder_like(path):
                reader.note_wrong(key, allowed, str(found))
            else:
                command = fixes.ask_for(reader.stack, key, secret=False)
                reader.note_wrong(key, f"{allowed}; {ASKS_FOR_VALUE}", command=command)
        elif reader.raw_value("dockerfile") not in {"", "Dockerfile"}:
            return path
        elif os.access(path, os.R_OK | os.X_OK) and not (path / "Dockerfile").is_file():
            if others := fixes.dockerfiles(path):
                command = reader.set_command("dockerfile", others[0])
                reader.note_wrong(key, "a folder with a Dockerfile in it, or the setting dockerfile", command=command)
                return path
            allowed = "a folder with a Dockerfile in it; the fix copies the example's"
            command = fixes.begin_dockerfile(path)
            reader.note_wrong(key, f"{allowed} (docs/bring-your-own.md, step 3)", command=command)
        return path


class StorageDSN:
    """The DSN of a bucket, as a secret; or nothing."""

    allowed = "`s3://KEY:SECRET@BUCKET.s3.REGION.amazonaws.com/` as a secret, or nothing"

    def read(self, reader: Reader, setting: Setting[Any]) -> str:
        key = setting.key
        value = reader.raw_value(key)
        if not value:
            return ""
        try:
            dsn.check_storage_dsn(value)
        except dsn.DSNError as error:
            reader.note_wrong(key, f"s3://KEY:SECRET@BUCKET.s3.REGION.amazonaws.com/, but {error}; {ASKS_FOR_VALUE}")
        if not reader.is_secret(key):
            reader.note_wrong(
                key, "only as a secret, since it contains keys", command=fixes.encrypt(reader.stack, [key])
            )
        return value


class Version:
    """A version of the app, by the hash of its content; the one that another stack runs, `stack:NAME`; or nothing."""

    allowed = "a version's hash (12 hex digits, `django-stack versions` lists them), `stack:NAME`, or nothing"
    _form = re.compile(r"[0-9a-f]{12}|stack:[a-z0-9][a-z0-9._-]*")

    def read(self, reader: Reader, setting: Setting[Any]) -> str:
        value = reader.value_as_written(setting.key)
        if value and not self._form.fullmatch(value):
            reader.note_wrong(setting.key, self.allowed.replace("`", ""), self._near(value, reader))
        elif value == f"stack:{reader.stack}":
            reader.note_wrong(setting.key, "a version's hash, or another stack than this one")
        return value

    def _near(self, value: str, reader: Reader) -> str:
        """What was probably meant: the hash at the end of an image's name, or a stack; else nothing, to build."""
        if found := re.search(r"(?:^|:)([0-9a-f]{12})$", value.lower()):
            return found[1]
        name = value.removeprefix("stack:").strip()
        return f"stack:{name}" if name != reader.stack and name in reader.file.stacks() else ""
