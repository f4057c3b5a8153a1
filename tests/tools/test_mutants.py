"""`make mutants` tells changes that a test notices from those that none does, in a project of a few lines."""

from pathlib import Path

import click
import pytest
from cosmic_ray.ast import ast_nodes, get_ast

from tools import mutants
from tools.mutants import Change, draw, is_for_people, noticed_by, stages, try_out

RULE = '''"""Who may come in."""

PROTOCOL = "tcp"


def admits(port: int) -> bool:
    """Whether the port is open."""
    if port < 0:
        raise ValueError(f"there is no port {port}")
    return port == 443
'''
NOTICES_THE_PORT = """
from infra.cloud.rule import admits

def test_https_alone_is_admitted():
    assert [port for port in (80, 442, 443, 444) if admits(port)] == [443]
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("DJANGO_SETTINGS_MODULE", raising=False)
    files = {
        "infra/__init__.py": "",
        "infra/cloud/__init__.py": "",
        "infra/cloud/rule.py": RULE,
        "tests/infra/cloud/test_rule.py": NOTICES_THE_PORT,
        "tests/infra/test_platforms.py": "def test_cloud_and_local_are_platforms(): pass",
        "tests/infra/test_others.py": "def test_the_rest(): pass",
        "tests/infra/commands/test_main.py": "def test_the_command(): pass",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def change(before: str, after: str) -> Change:
    return Change("infra/cloud/rule.py", 1, "text", RULE, RULE.replace(before, after))


def test_a_change_is_noticed_by_the_test_that_fails_and_any_other_is_not(project: Path) -> None:
    tried = [change("port == 443", "port != 443"), change('"tcp"', '"udp"'), change("def admits", "def admit")]
    turned, protocol, broken = try_out(project, tried)
    assert turned == "tests/infra/cloud/test_rule.py::test_https_alone_is_admitted"
    assert protocol == ""
    assert broken == "tests/infra/cloud/test_rule.py", "what can't even be imported is noticed, too"
    assert (project / "infra/cloud/rule.py").read_text() == RULE, "the project itself is never changed"


def test_tests_that_fail_without_a_change_are_no_proof(project: Path) -> None:
    (project / "tests/infra/test_others.py").write_text("def test_the_rest(): assert False")
    with pytest.raises(click.ClickException, match="Without any change, the tests fail: tests/infra/test_others"):
        list(try_out(project, [change("443", "444")]))


def test_a_change_that_makes_the_tests_hang_is_noticed(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mutants, "TIMEOUT", 3)
    assert noticed_by(project, change("return port == 443", "while True: pass")) == "timeout"


def test_the_narrowest_tests_come_first(project: Path) -> None:
    assert stages(project, "infra/cloud/rule.py") == [
        ["tests/infra/cloud/test_rule.py"],
        ["tests/infra/cloud"],
        ["tests/infra/test_platforms.py"],
    ]


def test_a_sample_has_every_kind_and_is_the_same_for_a_seed(project: Path) -> None:
    sample = draw(project, 40, 1)
    assert {(one.kind, one.diff.split("+", 1)[1].strip()) for one in sample} == {
        ("comparison", "if port <= 0:"),
        ("comparison", "if port >= 0:"),
        ("comparison", "return port != 443"),
        ("condition", "if not port < 0:"),
        ("number", "if port < 1:"),
        ("number", "if port < -1:"),
        ("number", "return port == 444"),
        ("number", "return port == 442"),
        ("text", 'PROTOCOL = "tcpX"'),
    }
    assert draw(project, 4, 7) == draw(project, 4, 7)
    assert [one.kind for one in draw(project, 4, 7)] == ["comparison", "condition", "number", "text"]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ('"""Says what it does."""', True),
        ('raise ValueError(f"no {name}")', True),
        ('rule(description="Web")', True),
        ('rule = {"comment": "Web"}', True),
        ('said = "the port " f"{port} is taken by another"', True),
        ('def of(settings: "Settings"): pass', True),
        ('def of() -> "Settings": pass', True),
        ('protocol: str = "tcp"', False),
        ('protocol = "tcp"', False),
        ('name = f"{project}-web"', False),
        ('command = "import os, pathlib, sys"', False),
        ('sql = "SELECT what is there"', False),
        ('rule(name="description")', False),
        ("# The first of all words.\nkind = 'ip'", False),
    ],
)
def test_mere_words_are_told_apart(code: str, words: bool) -> None:
    texts = [node for node in ast_nodes(get_ast(f"{code}\n")) if node.type in {"string", "fstring_string"}]
    assert is_for_people(texts[-1]) is words
