"""What the README and the pages of docs/ point at exists."""

import re
from pathlib import Path

import pytest
import yaml

from tests import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
EVERY_PAGE = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md")), ROOT / "benchmarks" / "README.md"]
# Links to the project's own files; what stands in code is no link.
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)")
CODE = re.compile(r"^```.*?^```$|`[^`\n]*`", re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives a page's headings."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.M | re.S), re.MULTILINE)
    bare = (re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading) for heading in headings)
    return {re.sub(r"[^\w\- ]", "", text.lower()).strip().replace(" ", "-") for text in bare}


@pytest.mark.parametrize("page", EVERY_PAGE, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_to_a_page_of_the_project_leads_to_it_and_to_a_heading_of_it(page: Path) -> None:
    dead = []
    for path, anchor in LINK.findall(CODE.sub("", page.read_text())):
        target = page.parent / path if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            dead.append(f"{path}#{anchor}")
    assert dead == []


def test_every_page_of_the_docs_is_in_the_list_of_pages() -> None:
    listed = {path for path, _ in LINK.findall((ROOT / "docs" / "README.md").read_text())}
    assert {page.name for page in (ROOT / "docs").glob("*.md")} - {"README.md"} <= listed


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


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_project_of_another_is_put_on_a_stack_with_what_the_gallery_runs_beside_the_web(page: Path) -> None:
    """Its worker, its schedules and its cache would fail there."""
    for stack in re.findall(r"pulumi config set -s (\S+) app-path ", page.read_text()):
        file = ROOT / f"Pulumi.{stack}.yaml"
        config = yaml.safe_load(file.read_text())["config"] if file.exists() else {}
        beside = [f"django-stack:{key}" for key in ("processes", "schedules", "cache", "mail")]
        assert not [key for key in beside if key in config], stack


def test_the_tree_of_the_architecture_names_every_module_of_the_program() -> None:
    tree = (ROOT / "docs" / "architecture.md").read_text().partition("### infra/")[2].partition("###")[0]
    lines = [line.split()[0] for line in tree.splitlines() if line.startswith("  ")]
    folders = [path for path in (ROOT / "infra").rglob("*") if path.is_dir() and (path / "__init__.py").is_file()]
    modules = [path for path in (ROOT / "infra").rglob("*.py") if path.name != "__init__.py"]
    ours = [path.name for path in modules if path.parent.name != "contract"] + [f"{path.name}/" for path in folders]
    assert sorted(lines) == sorted(ours)
