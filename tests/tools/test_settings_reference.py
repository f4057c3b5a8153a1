"""Pulumi.yaml and docs/settings.md say what the declarations of the settings say."""

import json

import pytest
import yaml

from infra.checkout import ROOT
from infra.setting_kinds import declared
from infra.settings import PLATFORMS, section_of
from tools import settings_reference

SETTINGS = {setting.key: setting for platform in PLATFORMS for setting in declared(section_of(platform)).values()}
PROJECT = (ROOT / "Pulumi.yaml").read_text()


def test_pulumi_yaml_is_up_to_date() -> None:
    assert settings_reference.with_config_block(PROJECT) == PROJECT, "run `make settings`"


def test_the_page_of_settings_is_up_to_date() -> None:
    assert settings_reference.page() == (ROOT / "docs" / "settings.md").read_text(), "run `make settings`"


def test_the_engine_gives_every_setting_the_default_and_the_description_that_are_declared() -> None:
    config = yaml.safe_load(PROJECT)["config"]
    assert set(config) == {key for key in SETTINGS if ":" not in key}
    for key, entry in config.items():
        assert (entry["default"], entry["description"]) == (SETTINGS[key].default, SETTINGS[key].description)


def test_writing_the_settings_changes_nothing_before_them() -> None:
    head, _, block = PROJECT.partition("\nconfig:\n")
    assert settings_reference.with_config_block(f"{head}\nconfig:\n  old: {{default: 1}}\n") == PROJECT
    assert settings_reference.with_config_block(f"{head}\n") == PROJECT
    assert "# Where the site answers" in block


@pytest.mark.parametrize("text", ["a: b", "a # b", "yes", "8000", "- a", "{a", "*a", '"a', " a", "", "1e3", "Größe, a"])
def test_any_text_is_the_same_text_in_yaml(text: str) -> None:
    assert yaml.safe_load(f"key: {settings_reference._scalar(text)}") == {"key": text}
    assert yaml.safe_load(f"- {settings_reference._scalar(text)}") == [text]


def test_the_page_has_each_setting_once_in_the_table_of_its_platform() -> None:
    page, *fields = settings_reference.page().split("\n## `")  # those of entries have names of settings, too
    assert [title.split("`")[0] for title in fields] == ["processes.NAME", "schedules.NAME"]
    every, _, rest = page.partition("## The local platform only")
    local, _, cloud = rest.partition("## The cloud platform only")
    for key, text in {"postgres-version": every, "web-port": local, "aws:region": cloud, "cpu": cloud}.items():
        assert f"\n| `{key}` |" in text
    for key, setting in SETTINGS.items():
        (row,) = [line for line in page.splitlines() if line.startswith(f"| `{key}` |")]
        assert len(row.split(" | ")) == 4
        assert setting.kind.allowed
        assert setting.default_text == "" or json.dumps(setting.default).strip('"') in row
