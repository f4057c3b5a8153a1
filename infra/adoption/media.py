"""Folders of a project in which visitors' uploads are on somebody's machine; they belong in no image."""

import ast
import posixpath
import re
from collections.abc import Callable, Sequence
from pathlib import PurePosixPath

from infra.adoption.project import Project
from infra.adoption.tree import Tree

_ROOT = "/project"  # stands for the project's folder while paths are put together
_USUAL = "media"
_SOURCE = re.compile(r".*\.(?:py|html|css|scss|js|ts|po)")
_STATIC = {"static", "assets", "staticfiles"}  # what the site is made of, whatever else is uploaded there
_KEPT_FOR_GIT = re.compile(r"\.git(?:keep|ignore)|\.keep")
_SAME = {"abspath", "realpath", "normpath", "fspath", "str", "resolve", "absolute", "as_posix"}


def media_folders(project: Project) -> list[str]:
    """Each MEDIA_ROOT of the settings, and `media`, as far as what is in there isn't the project's own.

    It isn't where git passes it over. Elsewhere MEDIA_ROOT's is uploaded unless there is source in it.
    """
    named = _media_roots(project)
    return [
        folder
        for folder in dict.fromkeys([*named, _USUAL])
        if not project.tree.has(f"{folder}/__init__.py")
        and (_is_ignored(project.tree, folder) or (folder in named and not _has_source(project.tree, folder)))
    ]


def _has_source(tree: Tree, folder: str) -> bool:
    return bool(_STATIC & set(folder.split("/"))) or any(
        path.startswith(f"{folder}/") and _SOURCE.fullmatch(path) for path in tree.paths
    )


def _is_ignored(tree: Tree, folder: str) -> bool:
    """Whether git passes over all of the folder, by the project's .gitignore or one in the folder itself."""
    lines = [line.strip() for line in tree.text(".gitignore").splitlines()]
    back = [line[1:].strip("/") for line in lines if line.startswith("!")]
    if any(f"{one}/".startswith(f"{folder}/") and not _KEPT_FOR_GIT.fullmatch(posixpath.basename(one)) for one in back):
        return False
    ignored = {re.sub(r"/\*{1,2}$", "", line.removeprefix("**/").rstrip("/")).strip("/") for line in lines}
    inside = [line.strip() for line in tree.text(f"{folder}/.gitignore").splitlines()]
    names = {folder, *folder.split("/"), *map(str, PurePosixPath(folder).parents)}
    return bool(ignored & names) or "*" in inside


def _media_roots(project: Project) -> list[str]:
    """The folders in the project that its settings call MEDIA_ROOT, as far as a text can be put together of them."""
    names: dict[str, str] = {}
    found = []
    for path in reversed(project.chain):  # what is imported comes first
        names["__file__"] = f"{_ROOT}/{path}"
        nodes = [node for node in ast.walk(project.tree.module(path)) if isinstance(node, ast.Assign | ast.AnnAssign)]
        for node in sorted(nodes, key=lambda one: one.lineno):
            value = _value(node.value, names)
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets if value is not None else []:
                if isinstance(target, ast.Name):
                    names[target.id] = str(value)
                    found += [str(value)] if target.id == "MEDIA_ROOT" else []
    working = posixpath.join(_ROOT, posixpath.dirname(project.modules.manage))
    whole = [posixpath.normpath(posixpath.join(working, one)) for one in found if one]
    return [one.removeprefix(f"{_ROOT}/") for one in whole if one.startswith(f"{_ROOT}/") and one != working]


def _value(node: ast.AST | None, names: dict[str, str]) -> str | None:
    """The text or path of an expression; of a variable with a default it is the default."""
    found: str | None = None
    match node:
        case ast.Constant(value=str(text)):
            found = text
        case ast.Name(id=name):
            found = names.get(name)
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            found = _put_together(posixpath.join, [left, right], names)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            found = _put_together(_concatenated, [left, right], names)
        case ast.JoinedStr(values=parts):
            found = _put_together(_concatenated, parts, names)
        case ast.FormattedValue(value=inner) | ast.BoolOp(op=ast.Or(), values=[*_, inner]):
            found = _value(inner, names)
        case ast.Attribute(value=inner, attr="parent"):
            found = _put_together(posixpath.dirname, [inner], names)
        case ast.Subscript(value=ast.Attribute(value=inner, attr="parents"), slice=ast.Constant(value=int(count))):
            found = _value(inner, names)
            for _ in range(count + 1):
                found = found and posixpath.dirname(found)
        case ast.Call():
            found = _called(node, names)
    return found


def _called(node: ast.Call, names: dict[str, str]) -> str | None:
    function = node.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    if name in {"join", "joinpath", "Path"}:
        before = [function.value] if name == "joinpath" and isinstance(function, ast.Attribute) else []
        return _put_together(posixpath.join, [*before, *node.args], names)
    if name == "dirname":
        return _put_together(posixpath.dirname, node.args[:1], names)
    if name in _SAME:
        return _value(node.args[0] if node.args else getattr(function, "value", None), names)
    default = next((one.value for one in node.keywords if one.arg == "default"), None)
    return _value(default or (node.args[1] if len(node.args) > 1 else None), names)


def _put_together(how: Callable[..., str], parts: Sequence[ast.AST], names: dict[str, str]) -> str | None:
    values = [_value(part, names) for part in parts]
    return how(*values) if values and None not in values else None


def _concatenated(*texts: str) -> str:
    return "".join(texts)
