"""How a project names its dependencies, and which they are: pip, uv, Poetry or Pipenv."""

import json
import posixpath
import re
import tomllib
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from infra.adoption.dockerfile import OwnDockerfile
from infra.adoption.tree import Tree

PRODUCTION = ("production", "prod", "deploy", "requirements", "base", "common", "main")
# In requirements, uv's lock, Poetry's and Pipenv's.
_GIT = re.compile(r"""git\+(?:https|ssh|git)|source = \{ git = |^type = "git"|^\s*"git": \"""", re.MULTILINE)
NOT_PRODUCTION = ("dev", "test", "tests", "docs", "lint", "typing")


@dataclass(frozen=True)
class Dependencies:
    """`tool` is pip, uv, poetry, pipenv, project or groups (of pyproject.toml, without a lock), or nothing.

    `files` are those that its installation reads, the main one first.
    `declared` are the project's own, `locked` all with the version that a lock has; names are normalized.
    """

    tool: str = ""
    files: list[str] = field(default_factory=list)
    declared: dict[str, str] = field(default_factory=dict)  # what follows the name, such as [c]==3.3.4
    locked: dict[str, str] = field(default_factory=dict)
    python: str = ""  # as in requires-python
    is_package: bool = False  # is installed itself
    extras: list[str] = field(default_factory=list)  # that its own image installs
    groups: list[str] = field(default_factory=list)  # and groups of dependencies
    constraints: str = ""  # the file that pip is told on its command line
    has_git: bool = False  # whether something is installed from a repository of git
    problem: str = ""

    def __contains__(self, name: str) -> bool:
        return name in self.declared or name in self.locked

    def pinned(self, name: str) -> str:
        """The one version that is allowed, or nothing."""
        exact = re.search(r"==\s*([\w.]+)(?![\w.*])", self.declared.get(name, ""))
        return self.locked.get(name, "") or (exact[1] if exact else "")


def read_dependencies(tree: Tree, own: OwnDockerfile) -> Dependencies:
    found = _read(tree, own)
    return replace(found, has_git=any(_GIT.search(tree.whole(path)) for path in found.files))


def _read(tree: Tree, own: OwnDockerfile) -> Dependencies:
    project = _toml(tree, "pyproject.toml")
    metadata, poetry = project.get("project", {}), project.get("tool", {}).get("poetry", {})
    python = str(metadata.get("requires-python", ""))
    if tree.has("uv.lock") and metadata:
        return _uv(tree, metadata, project, own, python)
    if tree.has("poetry.lock") and (poetry or metadata):
        return _poetry(tree, metadata, poetry, own)
    if tree.has("Pipfile.lock"):
        return _pipenv(tree)
    if main := _requirements_file(tree, own):
        files, constraints = _included(tree, main)
        if (said := own.constraints.removeprefix("./")) and tree.has(said):
            constraints.append(said)
        declared: dict[str, str] = {}
        for path in files:
            declared |= _lines(tree.text(path))
        for path in constraints:  # they say which version, and not that a package is installed
            declared |= {
                name: text for name, text in _lines(tree.text(path)).items() if name in declared and not declared[name]
            }
        files = list(dict.fromkeys([*files, *constraints]))
        return Dependencies("pip", files, declared, {}, python, constraints=said if said in files else "")
    return _from_pyproject(project, own, python)


def _from_pyproject(project: dict[str, Any], own: OwnDockerfile, python: str) -> Dependencies:
    """Those of a pyproject.toml without a lock: the project's own, or those of a group that isn't for developers."""
    if declared := _parsed(project.get("project", {}).get("dependencies", [])):
        return Dependencies("project", ["pyproject.toml"], declared, {}, python, is_package="build-system" in project)
    listed = project.get("dependency-groups", {})
    groups = [name for name in own.groups or PRODUCTION if name in listed and name not in NOT_PRODUCTION]
    for group in groups:
        declared |= _parsed([line for line in listed[group] if isinstance(line, str)])
    if groups:
        return Dependencies("groups", ["pyproject.toml"], declared, {}, python, groups=groups)
    problem = "no requirements.txt, no uv.lock, no poetry.lock, no Pipfile.lock and no dependencies in pyproject.toml"
    return Dependencies(problem=problem)


def dependency_files(folder: str) -> list[str]:
    """The paths at which a folder of the project would name its dependencies."""
    return [
        f"{folder}/{name}" for name in ("requirements.txt", "pyproject.toml", "uv.lock", "poetry.lock", "Pipfile.lock")
    ]


def _uv(tree: Tree, metadata: dict[str, Any], project: dict[str, Any], own: OwnDockerfile, python: str) -> Dependencies:
    lock = _toml(tree, "uv.lock")
    locked: dict[str, str] = {
        canonicalize_name(str(one["name"])): str(one.get("version", "")) for one in lock.get("package", [])
    }
    declared = _parsed(metadata.get("dependencies", []))
    optional = metadata.get("optional-dependencies", {})
    extras = [extra for extra in own.extras if extra in optional]
    for extra in extras:
        declared |= _parsed(optional[extra])
    groups = [group for group in own.groups if group in project.get("dependency-groups", {})]
    for group in groups:
        declared |= _parsed([line for line in project["dependency-groups"][group] if isinstance(line, str)])
    packaged = project.get("tool", {}).get("uv", {}).get("package", "build-system" in project)
    return Dependencies("uv", ["pyproject.toml", "uv.lock"], declared, locked, python, bool(packaged), extras, groups)


def _poetry(tree: Tree, metadata: dict[str, Any], poetry: dict[str, Any], own: OwnDockerfile) -> Dependencies:
    lock = _toml(tree, "poetry.lock")
    locked: dict[str, str] = {
        canonicalize_name(str(one["name"])): str(one.get("version", "")) for one in lock.get("package", [])
    }
    declared = _parsed(metadata.get("dependencies", []))
    groups = [group for group in own.groups if group in poetry.get("group", {})]
    tables = [poetry, *(poetry["group"][group] for group in groups)]
    for name, value in (item for table in tables for item in table.get("dependencies", {}).items()):
        version = value if isinstance(value, str) else str(value.get("version", "")) if isinstance(value, dict) else ""
        declared[canonicalize_name(name)] = version
    python = declared.pop("python", "") or str(metadata.get("requires-python", ""))
    python = re.sub(r"\^(\d)\.(\d+)[\d.]*", r">=\1.\2,<4", re.sub(r"~(\d\.\d+)[\d.]*", r"==\1.*", python))
    packaged = bool(poetry.get("packages"))
    known = {**metadata.get("optional-dependencies", {}), **poetry.get("extras", {})}
    extras = [extra for extra in own.extras if extra in known]
    files = ["pyproject.toml", "poetry.lock"]
    return Dependencies("poetry", files, declared, locked, python, packaged, extras, groups)


def _pipenv(tree: Tree) -> Dependencies:
    try:
        lock = json.loads(tree.text("Pipfile.lock"))
    except ValueError:
        return Dependencies(problem="Pipfile.lock is no JSON")
    default = lock.get("default", {})
    locked: dict[str, str] = {
        canonicalize_name(name): str(one.get("version", "")).removeprefix("==") for name, one in default.items()
    }
    declared: dict[str, str] = {canonicalize_name(name): "" for name in _toml(tree, "Pipfile").get("packages", {})}
    python = str(lock.get("_meta", {}).get("requires", {}).get("python_version", ""))
    return Dependencies("pipenv", ["Pipfile", "Pipfile.lock"], declared, locked, f"=={python}.*" if python else "")


def _requirements_file(tree: Tree, own: OwnDockerfile) -> str:
    """The file of requirements that production installs."""
    if own.requirements and (path := next((p for p in tree.paths if p.endswith(own.requirements)), "")):
        return path
    if tree.has("requirements.txt"):
        return "requirements.txt"
    found = {path: path.rpartition("/")[2].removesuffix(".txt") for path in tree.named(r".*\.txt")}
    known = [path for path, name in found.items() if "requirements" in path and name in PRODUCTION]
    return min(known, key=lambda path: PRODUCTION.index(found[path]), default="")


def _included(tree: Tree, main: str) -> tuple[list[str], list[str]]:
    """The file and those that it includes (`-r`), and those of constraints (`-c`), with their paths in the project."""
    files: list[str] = []
    constraints: list[str] = []
    waiting = [(main, files)]
    while waiting:
        path, kind = waiting.pop(0)
        if path in [*files, *constraints] or not tree.has(path):
            continue
        kind.append(path)
        folder = path.rpartition("/")[0]
        included = re.findall(r"^\s*(-r|-c|--requirement|--constraint)[ =]+(\S+)", tree.text(path), re.MULTILINE)
        for option, name in included:
            joined = posixpath.normpath(posixpath.join(folder, name))
            if not joined.startswith(("/", "../")):  # what is outside of the project isn't in its image
                waiting.append((joined, constraints if kind is constraints or "c" in option[:3] else files))
    return files, constraints


def _lines(text: str) -> dict[str, str]:
    kept = [line for line in text.replace("\\\n", " ").splitlines() if line.strip() and not re.match(r"\s*[-#]", line)]
    return _parsed(kept)


def _parsed(lines: list[str]) -> dict[str, str]:
    """What follows each name; a line without one (an address, a path) says nothing of a package."""
    found: dict[str, str] = {}
    for line in lines:
        wanted = re.split(r"\s#|\s--", str(line), maxsplit=1)[0].strip()
        with suppress(InvalidRequirement):
            name = Requirement(wanted).name
            found[canonicalize_name(name)] = wanted.removeprefix(name).partition(";")[0].strip()
    return found


def _toml(tree: Tree, path: str) -> dict[str, Any]:
    try:
        return tomllib.loads(tree.whole(path))
    except tomllib.TOMLDecodeError:
        return {}
