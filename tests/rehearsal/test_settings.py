"""The settings of a rehearsal are those of Pulumi.cloud.yaml, without what only the real account has."""

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from tests import ROOT
from tools.rehearsal.container import RehearsalError
from tools.rehearsal.stack import Rehearsal

CLOUD = {
    "aws:region": "eu-central-1",
    "aws:profile": "company",
    "django-stack:platform": "cloud",
    "django-stack:tasks-min": 2,
    "django-stack:domain": "www.example.com",
    "django-stack:hosted-zone": "Z0123456789",
    "django-stack:env": {"TOKEN": {"secure": "v1:encrypted"}},
}


@pytest.fixture
def rehearsal(tmp_path: Path) -> Rehearsal:
    (tmp_path / "Pulumi.cloud.yaml").write_text(yaml.safe_dump({"config": CLOUD, "encryptionsalt": "v1:salt"}))
    return Rehearsal(None, tmp_path)  # type: ignore[arg-type]  # no engine is asked


def settings(rehearsal: Rehearsal) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(rehearsal.config.read_text())
    return found


def test_what_only_the_real_account_has_is_left_out_and_named(rehearsal: Rehearsal) -> None:
    reported: list[str] = []
    rehearsal.configure({}, reported.append)
    kept = {key: CLOUD[key] for key in ("aws:region", "django-stack:platform", "django-stack:tasks-min")}
    assert settings(rehearsal) == {"config": kept | {"django-stack:mail": "none"}}
    assert all(key in reported[0] for key in CLOUD.keys() - kept.keys())


def test_changes_stay_and_are_taken_away(rehearsal: Rehearsal) -> None:
    rehearsal.configure({"django-stack:tasks-min": 3}, print)
    rehearsal.configure({"django-stack:memory": 512}, print)
    assert settings(rehearsal)["config"]["django-stack:tasks-min"] == 3
    assert settings(rehearsal)["config"]["django-stack:memory"] == 512
    rehearsal.configure({"django-stack:tasks-min": None}, print)
    assert "django-stack:tasks-min" not in settings(rehearsal)["config"]


def test_a_project_without_a_cloud_stack_is_rehearsed_in_some_region(rehearsal: Rehearsal) -> None:
    (rehearsal.folder / "Pulumi.cloud.yaml").unlink()
    rehearsal.configure({}, print)
    assert settings(rehearsal)["config"] == {
        "aws:region": "us-east-1",
        "django-stack:mail": "none",
        "django-stack:platform": "cloud",
    }


def test_a_rehearsal_sends_no_mail(rehearsal: Rehearsal) -> None:
    env = {"EMAIL_URL": "smtp://mail.example.com", "GREETING": "hello"}
    own = {"config": CLOUD | {"django-stack:env": env, "django-stack:mail": "url"}}
    (rehearsal.folder / "Pulumi.cloud.yaml").write_text(yaml.safe_dump(own))
    rehearsal.configure({}, print)
    found = settings(rehearsal)["config"]
    assert (found["django-stack:mail"], found["django-stack:env"]) == ("none", {"GREETING": "hello"})


def test_a_stack_of_that_name_that_is_no_rehearsal_is_not_overwritten(rehearsal: Rehearsal) -> None:
    rehearsal.config.write_text("config: {}\n")
    with pytest.raises(RehearsalError, match=r"Pulumi\.rehearsal\.yaml is there, and not of a rehearsal"):
        rehearsal.up(print)
    assert rehearsal.config.read_text() == "config: {}\n"
    rehearsal.emulator = SimpleNamespace(ports=None, remove=lambda: None)  # type: ignore[assignment]
    rehearsal.down()
    assert rehearsal.config.read_text() == "config: {}\n"


def test_each_override_is_in_the_docs_and_each_of_the_docs_is_there() -> None:
    page = (ROOT / "docs" / "rehearsal.md").read_text().partition("## What the overrides change")[2]
    named = re.findall(r"^\| `(\w+)` \|", page.partition("\n## ")[0], re.MULTILINE)
    files = {file.stem for file in (ROOT / "tools/rehearsal/overrides").glob("[a-z]*.py")}
    text = (ROOT / "tools/rehearsal/overrides/__init__.py").read_text()
    applied = re.findall(r'^    "(\w+)",$', text, re.MULTILINE)
    assert named == applied
    assert files == set(applied)
