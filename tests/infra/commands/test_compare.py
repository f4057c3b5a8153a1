"""`django-stack compare`: what counts as a difference, which ones are meant, and what its program finds in an app."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest
from click.testing import CliRunner

from infra.commands.main import cli
from infra.commands.operations import comparison
from infra.commands.operations.comparison import (
    BETWEEN_PLATFORMS,
    MARK,
    PROGRAM,
    Difference,
    differences,
    facts_of,
    meant,
)
from tests import ROOT

SAME = {"postgresql": "17", "collation": "en_US.UTF-8", "image": "0a1b2c3d4e5f"}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with the stacks here, next (both local) and there (in the cloud)."""
    (tmp_path / "Pulumi.yaml").write_text("name: shop\n")
    for name, platform in (("here", "local"), ("next", "local"), ("there", "cloud")):
        (tmp_path / f"Pulumi.{name}.yaml").write_text(f"config:\n  shop:platform: {platform}\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def stacks(project: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, str]]:
    """What the stacks say of themselves."""
    facts = {name: dict(SAME) for name in ("here", "next", "there")}
    monkeypatch.setattr("infra.commands.compare.operations", lambda _: None)
    monkeypatch.setattr("infra.commands.compare.facts_of", lambda name, _: facts[name])
    return facts


def compare(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(cli, ["compare", *arguments], standalone_mode=False)
    return done.return_value if done.exception is None else 1, done.stdout


def test_stacks_that_say_the_same_do_not_differ(stacks: dict[str, Any]) -> None:
    assert compare("here", "next") == (0, "3 things are the same, 0 differ.\n")


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("postgresql", "18", "differs postgresql: here 17, next 18"),
        ("collation", "C", "differs collation: here en_US.UTF-8, next C"),
        ("extension-citext", "1.6", "differs extension-citext: here has none, next 1.6"),
        ("variable-FEATURE", "set", "differs variable-FEATURE: here has none, next set"),
        ("setting-LANGUAGE_CODE", "'de'", "differs setting-LANGUAGE_CODE: here has none, next 'de'"),
    ],
)
def test_a_difference_is_named_with_both_values_and_fails_with_a_way_to_mean_it(
    stacks: dict[str, Any], name: str, value: str, shown: str
) -> None:
    stacks["next"][name] = value
    status, text = compare("here", "next")
    assert status == 1
    assert shown in text.splitlines()
    assert text.endswith(" differ, 1 of them without a reason.\n")
    assert f"If it is meant: pulumi config set -s here --type string --path meant-differences.{name} why" in text


@pytest.mark.parametrize("stack", ["here", "next"])
@pytest.mark.parametrize("as_text", [False, True], ids=["object", "text"])
def test_what_the_settings_of_one_of_them_mean_does_not_fail(
    stacks: dict[str, Any], project: Path, stack: str, as_text: bool
) -> None:
    stacks["next"]["image"] = "ffffffffffff"
    listed: Any = {"image": "A new version is tried there."}
    value = json.dumps(json.dumps(listed) if as_text else listed)
    (project / f"Pulumi.{stack}.yaml").write_text(
        f"config:\n  shop:platform: local\n  shop:meant-differences: {value}\n"
    )
    status, text = compare("here", "next")
    assert status == 0
    assert "meant   image: here 0a1b2c3d4e5f, next ffffffffffff (A new version is tried there.)" in text
    assert text.endswith("\n2 things are the same, 1 differ, each with a reason.\n")
    document = json.loads(compare("here", "next", "--json")[1])
    assert document["differences"] == [
        {
            "name": "image",
            "values": ["0a1b2c3d4e5f", "ffffffffffff"],
            "meant": True,
            "reason": "A new version is tried there.",
        }
    ]


def test_what_the_platforms_differ_in_by_themselves_is_meant_between_them_alone(project: Path) -> None:
    assert meant(("here", "there")) == BETWEEN_PLATFORMS
    assert meant(("here", "next")) == {}


def test_what_is_not_meant_comes_first() -> None:
    found = differences({"a": "1", "b": "1"}, {"a": "2", "b": "2"}, {"a": "on purpose"})
    assert found == [Difference("b", ("1", "2")), Difference("a", ("1", "2"), "on purpose")]


def test_a_stack_whose_app_does_not_answer_is_one_line() -> None:
    class Silent:
        def output(self, _: Any) -> tuple[int, str]:
            return 1, "Traceback\nOperationalError: no database\n"

    with pytest.raises(
        comparison.ComparisonError, match=r"stack here doesn't answer \(exit status 1\): OperationalError"
    ):
        facts_of("here", cast("Any", Silent()))


def test_what_belongs_to_a_container_or_to_a_stack_itself_does_not_count(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer comes in several lines, among others of the app's."""
    said = {"postgresql": "17", "variable-HOSTNAME": "set", "variable-AWS_REGION": "set", "variable-FEATURE": "set"}
    said |= {"setting-ALLOWED_HOSTS": "[]", "setting-DEBUG": "False"}
    text = json.dumps(said)

    class Answering:
        def output(self, _: Any) -> tuple[int, str]:
            return 0, f"hello\n{MARK}{text[:40]}\n{MARK}{text[40:]}\nbye\n"

    class Versions:
        def all(self) -> list[Any]:
            return []

    monkeypatch.setattr(comparison, "versions_of", lambda _: Versions())
    assert facts_of("here", cast("Any", Answering())) == {
        "postgresql": "17",
        "variable-FEATURE": "set",
        "setting-DEBUG": "False",
    }


def test_the_program_says_what_is_asked_without_a_secret(tmp_path: Path) -> None:
    """In an app whose database is asked by a cursor that answers as PostgreSQL does."""
    fake = """
import sys
from contextlib import contextmanager
from django.conf import settings
settings.configure(
    SECRET_KEY="TOPSECRET", API_TOKEN="TOPSECRET", LANGUAGE_CODE="de", LONG=list(range(999)),
    CELERY_BROKER_URL="redis://:TOPSECRET@cache:6379/0", LDAP={"bind": ["app", "FROMVARIABLE"]},
    HOSTS=["https://shop.example.com", "me@example.com"],
)
import django
django.setup()
from django.db import connection
row = ("UTF8", "en_US.utf8", "en_US.utf8", "c", "2.41")
answers = {"show": [("170006",)], "select pg_e": [row], "select ext": [("plpgsql", "1.0")]}
class Cursor:
    def execute(self, line): self.line = line
    def fetchall(self): return next(rows for begin, rows in answers.items() if self.line.startswith(begin))
@contextmanager
def cursor(): yield Cursor()
connection.cursor = cursor
"""
    done = subprocess.run(
        [sys.executable, "-c", fake + PROGRAM],
        cwd=ROOT,
        env={**os.environ, "LDAP_PASSWORD": "FROMVARIABLE"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    said = json.loads("".join(line.removeprefix(MARK) for line in lines))
    assert (said["postgresql"], said["postgresql-minor"], said["encoding"]) == ("17", "6", "UTF8")
    assert (said["collation"], said["locale-provider"], said["collation-version"]) == ("en_US.UTF-8", "libc", "2.41")
    assert said["extension-plpgsql"] == "1.0"
    assert said["setting-LANGUAGE_CODE"] == "'de'"
    assert len(said["setting-LONG"]) < 200
    assert said["variable-PATH"] == "set"
    assert said["setting-CELERY_BROKER_URL"] == "'redis://********@cache:6379/0'"
    assert said["setting-HOSTS"] == "['https://shop.example.com', 'me@example.com']"
    assert "TOPSECRET" not in done.stdout
    assert "FROMVARIABLE" not in done.stdout
