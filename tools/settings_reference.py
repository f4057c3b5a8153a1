"""Writes the reference of the settings from their declarations: `config:` in Pulumi.yaml, and docs/settings.md.

`make settings` runs it. tests/tools/test_settings_reference.py fails when one of the two is not up to date.
"""

import json
import sys
from collections.abc import Iterable, Iterator
from typing import Any

import yaml

from infra.checkout import ROOT
from infra.setting_kinds import Entries, Setting, declared
from infra.settings import PLATFORMS, Settings, section_of

_BLOCK = """config:
  # Written by `make settings` from the declarations in infra/settings.py and the module `settings` of each platform.
"""
_PAGE = """# Settings

Written by `make settings` from the declarations in `infra/settings.py` and the module `settings` of each platform.

A stack's own values are in `Pulumi.STACK.yaml`. `pulumi config set -s STACK KEY VALUE` sets one, and
`pulumi config rm -s STACK KEY` removes it, so that the default applies. All settings are checked together before
anything is changed; a setting of the other platform is refused. How to add one:
[CONTRIBUTING](../CONTRIBUTING.md#how-to-add-a-setting).
"""


def config_block() -> str:
    """The block `config:` of Pulumi.yaml, to its end."""
    return _BLOCK + "\n".join(_entries(_sections()))


def with_config_block(project: str) -> str:
    """The text of Pulumi.yaml with the block `config:` replaced."""
    head, found, _ = project.partition("\nconfig:\n")
    return f"{head}\n{config_block()}\n" if found else f"{project.rstrip()}\n{config_block()}\n"


def page() -> str:
    """The text of docs/settings.md."""
    titles = ["Every platform", *(f"The {platform} platform only" for platform in PLATFORMS)]
    tables = (f"\n## {title}\n\n{_table(section)}" for title, section in zip(titles, _sections(), strict=True))
    return _PAGE + "".join(tables) + "".join(_entries_pages())


def _entries_pages() -> Iterator[str]:
    """A section for each setting of named entries: the fields that an entry has."""
    for setting in (setting for section in _sections() for setting in section):
        if isinstance(setting.kind, Entries):
            kind = setting.kind
            path = f"{setting.key}.NAME"
            yield (
                f"\n## `{path}`: the fields of a {kind.word}\n\n"
                f"`pulumi config set -s STACK --path {path}.FIELD VALUE` sets one. {kind.names}\n\n"
                f"{_fields(kind.fields.values())}"
            )


def _fields(settings: Iterable[Setting[Any]]) -> str:
    rows = ["| field | meaning | allowed | default | platform |", "|---|---|---|---|---|"]
    for setting in settings:
        allowed, default = _values(setting)
        cells = (f"`{setting.key}`", setting.description, allowed, default, setting.only or "every")
        rows.append("| " + " | ".join(map(_cell, cells)) + " |")
    return "\n".join(rows) + "\n"


def _sections() -> list[list[Setting[Any]]]:
    """The settings that every platform has, then each platform's own."""
    sections = [Settings, *map(section_of, PLATFORMS)]
    return [list(declared(section, own=True).values()) for section in sections]


def _entries(sections: Iterable[Iterable[Setting[Any]]]) -> Iterator[str]:
    for section in sections:
        for setting in section:
            if ":" in setting.key:  # Pulumi.yaml can't describe keys of another namespace
                continue
            if setting.heading:
                yield f"\n  # {setting.heading}"
            yield f"  {setting.key}:"
            yield f"    description: {_scalar(setting.description)}"
            if setting.default and isinstance(setting.default, list):
                yield "    default:"
                yield from (f"      - {_scalar(item)}" for item in setting.default)
            else:
                yield f"    default: {_scalar(setting.default)}"


def _scalar(value: object) -> str:
    """The value as YAML on one line, without quotes where it doesn't need them."""
    if isinstance(value, str) and value and "\n" not in value:
        try:
            if yaml.safe_load(f"key: {value}") == {"key": value}:
                return value
        except yaml.YAMLError:
            pass
    return json.dumps(value, ensure_ascii=False)


def _table(settings: Iterable[Setting[Any]]) -> str:
    rows = ["| key | meaning | allowed | default |", "|---|---|---|---|"]
    rows += (
        "| " + " | ".join(_cell(text) for text in (f"`{setting.key}`", setting.description, *_values(setting))) + " |"
        for setting in settings
    )
    return "\n".join(rows) + "\n"


def _values(setting: Setting[Any]) -> tuple[str, str]:
    if setting.default is None:
        return setting.kind.allowed, "required"
    return setting.kind.allowed, f"`{setting.default_text}`" if setting.default_text else "none"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main() -> int:
    """Writes both files, and says which of them have changed."""
    project = ROOT / "Pulumi.yaml"
    for file, text in ((project, with_config_block(project.read_text())), (ROOT / "docs" / "settings.md", page())):
        if not file.exists() or file.read_text() != text:
            file.write_text(text)
            print(f"{file.relative_to(ROOT)} has changed.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
