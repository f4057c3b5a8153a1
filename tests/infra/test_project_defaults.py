"""A default in Pulumi.yaml is read in every form in which Pulumi takes it."""

from pathlib import Path
from typing import Any

import pulumi
import pytest

from infra import fixes
from infra.settings import Settings


@pytest.mark.parametrize(
    ("entry", "default"),
    [
        ("cpu: {default: 512}", "512"),
        ("cpu: 512", "512"),
        ("cpu: '512'", "512"),
        ("cpu: {value: 512}", "512"),
        ("'shop:cpu': {default: 512}", "512"),
        ("'shop:cpu': 512", "512"),
        ("cpu: {default: {a: 1}}", '{"a": 1}'),
        ("cpu: true", "true"),
        ("cpu:", ""),
        ("cpu: {description: Units.}", ""),
        ("'other:cpu': 512", ""),
    ],
)
def test_a_default_is_read_in_every_form(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, entry: str, default: str
) -> None:
    monkeypatch.setattr(fixes, "ROOT", tmp_path)
    (tmp_path / "Pulumi.yaml").write_text(f"name: shop\nconfig:\n  {entry}\n")
    assert fixes.default("cpu") == default


@pytest.mark.parametrize("config", ["", "config:\n"])
def test_a_project_without_config_has_no_defaults(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, config: str) -> None:
    monkeypatch.setattr(fixes, "ROOT", tmp_path)
    (tmp_path / "Pulumi.yaml").write_text(f"name: shop\n{config}")
    assert fixes.default("cpu") == ""


@pytest.mark.parametrize("entry", ["cpu: 512", "'django-stack:cpu': {default: 512}"])
def test_a_default_of_the_other_platform_is_not_refused_in_any_form(
    as_stack: Any, set_config: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, entry: str
) -> None:
    monkeypatch.setattr(fixes, "ROOT", tmp_path)
    (tmp_path / "Pulumi.yaml").write_text(f"name: django-stack\nconfig:\n  {entry}\n")
    (tmp_path / "Pulumi.local.yaml").write_text("config: {}\n")
    as_stack()
    monkeypatch.setattr(pulumi, "get_root_directory", lambda: str(tmp_path))
    set_config({"cpu": 512})
    assert Settings.load().platform == "local"
