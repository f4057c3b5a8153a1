"""What README and docs point at is there."""

import re
from pathlib import Path

import pytest

from tests import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_to_a_file_of_the_project_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text())
    assert not [link for link in links if not (page.parent / link).exists()]


def test_readme_names_only_targets_that_make_has() -> None:
    has = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    commands = re.compile(r"(?:`|^\$ )make ([a-z-]+)", re.MULTILINE)
    named = {target for page in PAGES for target in commands.findall(page.read_text())}
    assert "local" in named
    assert named <= has


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_pulumi_command_to_copy_says_its_stack(page: Path) -> None:
    """Without -s it's the stack that was selected last."""
    blocks = re.findall(r"^```(?:console|sh)\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    commands = re.findall(r"pulumi (?:up|config|destroy|refresh|preview|cancel|stack output)\b.*", "\n".join(blocks))
    assert not [command for command in commands if not re.search(r" (?:-s|--stack) ", command)]


def test_the_tree_of_the_architecture_names_every_module_of_the_program() -> None:
    tree = (ROOT / "docs" / "architecture.md").read_text().partition("### infra/")[2].partition("###")[0]
    lines = [line.split()[0] for line in tree.splitlines() if line.startswith("  ")]
    folders = [path for path in (ROOT / "infra").rglob("*") if path.is_dir() and (path / "__init__.py").is_file()]
    modules = [path for path in (ROOT / "infra").rglob("*.py") if path.name != "__init__.py"]
    ours = [path.name for path in modules if path.parent.name != "contract"] + [f"{path.name}/" for path in folders]
    assert sorted(lines) == sorted(ours)
