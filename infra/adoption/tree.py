"""A project's files as texts, without what is installed, built or hidden in it."""

import ast
import os
import re
import tokenize
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from contextlib import suppress
from functools import cache, cached_property
from io import BytesIO
from pathlib import Path, PurePosixPath

MARK = "# Written by django-stack adopt"  # how each text that adoption writes begins
WRITTEN_FOLDER = "django-stack"  # can't be the name of a Python module
WRITTEN_DOCKERFILE = "Dockerfile.stack"
_PASSED_OVER = {"node_modules", "venv", "env", "__pycache__", "site-packages", "staticfiles", "build", "dist"}
_OWN_HIDDEN = {".devcontainer", ".envs"}  # none of the other hidden folders says how a project is run
_LARGEST = 500_000  # bytes of a file that is read
_MOST = 20_000  # files


class Tree:
    """The files of a folder. Paths are relative to it, with slashes."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._texts: dict[str, str] = {}

    @cached_property
    def paths(self) -> list[str]:
        """Every file, those of outer folders first, in the order of the names."""
        found = []
        for folder, folders, files in os.walk(self.root):
            folders[:] = sorted(
                name
                for name in folders
                if name not in _PASSED_OVER
                and not (name.startswith(".") and name not in _OWN_HIDDEN)
                and not Path(folder, name, "pyvenv.cfg").is_file()
            )
            if Path(folder) == self.root:
                folders[:] = [name for name in folders if name != WRITTEN_FOLDER]
            found += [
                Path(folder, name).relative_to(self.root).as_posix() for name in files if not _is_ours(folder, name)
            ]
            if len(found) > _MOST:
                break
        return sorted(found, key=lambda path: (path.count("/"), path))

    def has(self, path: str) -> bool:
        return (self.root / path).is_file()

    def text(self, path: str) -> str:
        """The text of a file; nothing if it isn't there, or can't be read as text."""
        if path not in self._texts:
            self._texts[path] = _text(self.root / path)
        return self._texts[path]

    def whole(self, path: str) -> str:
        """The text of a file however large it is, as lock files are."""
        return _text(self.root / path, largest=None)

    def named(self, pattern: str) -> list[str]:
        """The files whose name, without the folder, matches the expression as a whole."""
        return [path for path in self.paths if re.fullmatch(pattern, PurePosixPath(path).name)]

    def module(self, path: str) -> ast.Module:
        """The syntax tree of a Python file; an empty one if it has errors for this Python, such as newer syntax."""
        return _parsed(self.text(path))

    @cached_property
    def python_files(self) -> list[str]:
        return [path for path in self.paths if path.endswith(".py")]

    def module_file(self, dotted: str, roots: list[str]) -> str:
        """The file of a module by its dotted name, below one of the roots; nothing if it isn't the project's."""
        inside = dotted.replace(".", "/")
        for root in roots:
            for path in (f"{inside}.py", f"{inside}/__init__.py"):
                whole = f"{root}/{path}" if root else path
                if self.has(whole):
                    return whole
        return ""


def _is_ours(folder: str, name: str) -> bool:
    """Whether adoption wrote the file, so that it says nothing of the project."""
    return name.startswith(WRITTEN_DOCKERFILE) or (
        name.endswith("stack.py") and _text(Path(folder, name)).startswith(MARK)
    )


def _text(path: Path, largest: int | None = _LARGEST) -> str:
    try:
        if largest is not None and path.stat().st_size > largest:
            return ""
        text = _decoded(path.read_bytes(), is_python=path.suffix == ".py")
    except OSError:
        return ""
    return "" if "\0" in text else text.replace("\r\n", "\n").replace("\r", "\n")


def _decoded(content: bytes, *, is_python: bool) -> str:
    """UTF-8, or what the file says itself: PowerShell's `>` writes UTF-16, and an old settings.py has its own line."""
    encoding = "utf-8-sig"
    if content.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        encoding = "utf-16"
    elif is_python:
        with suppress(SyntaxError):  # an encoding that isn't known
            encoding, _ = tokenize.detect_encoding(BytesIO(content).readline)
    with suppress(UnicodeDecodeError, LookupError):
        return content.decode(encoding)
    return content.decode("latin-1")


@cache
def _parsed(text: str) -> ast.Module:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return ast.Module(body=[], type_ignores=[])


def dotted_name(path: str, root: str) -> str:
    """The dotted name of a Python file, seen from the folder that is on Python's path."""
    inside = path.removeprefix(f"{root}/") if root else path
    return inside.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def called(node: ast.expr) -> str:
    """What is called, as it is written: `env.bool`, `os.environ.get`; nothing for anything more involved."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = called(node.value)
        return f"{before}.{node.attr}" if before else ""
    return ""
