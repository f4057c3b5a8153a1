"""Environment variables that a project's settings can't do without."""

import ast
from dataclasses import dataclass

from infra.adoption.tree import Tree, called

_STAND_INS = {
    "bool": "False", "int": "1", "float": "1", "json": "{}", "dict": "", "list": "", "tuple": "", "path": "/tmp",  # noqa: S108
    "db": "sqlite://:memory:", "db_url": "sqlite://:memory:", "dj_db_url": "sqlite://:memory:",
    "cache": "locmemcache://", "cache_url": "locmemcache://", "email": "consolemail://", "email_url": "consolemail://",
    "url": "http://localhost",
}  # fmt: skip
_NO_NAME = {"db": "DATABASE_URL", "cache": "CACHE_URL", "email": "EMAIL_URL", "email_url": "EMAIL_URL"}
_ENV_CLASSES = {"Env", "FileAwareEnv", "environ.Env", "environ.FileAwareEnv", "environs.Env"}
_DECOUPLED = {"config", "decouple.config"}


@dataclass(frozen=True)
class Variable:
    """A variable without a default: its name, the file that asks, and a value of the type that is asked for.

    `nested` is whether it is only asked for under a condition.
    """

    name: str
    path: str
    stand_in: str
    nested: bool = False


def required(tree: Tree, paths: list[str]) -> list[Variable]:
    """The variables that the files ask for without a default, each once, in the order of the files."""
    found: dict[str, Variable] = {}
    readers, casts, defaulted = _readers(tree, paths)
    for path in paths:
        imported = _imported_readers(tree, tree.module(path))
        readers, casts, defaulted = readers | imported[0], casts | imported[1], defaulted | imported[2]
    for path in paths:
        for node, nested, guards in _walk(tree.module(path)):
            for name, kind in _asked(node, readers, casts):
                if name not in defaulted and name not in guards:
                    known = found.get(name)
                    if known is None or known.nested > nested:
                        found[name] = Variable(name, path, _STAND_INS.get(kind, "unset"), nested)
    return list(found.values())


def mentioned(tree: Tree, paths: list[str]) -> set[str]:
    """Every name that the files ask the environment for, with or without a default."""
    names = set()
    for path in paths:
        for node in ast.walk(tree.module(path)):
            if isinstance(node, ast.Call | ast.Subscript):
                argument = node.slice if isinstance(node, ast.Subscript) else (node.args[0] if node.args else None)
                text = _constant(argument)
                if text and text.isupper() and text.replace("_", "").isalnum():
                    names.add(text)
    return names


def _readers(tree: Tree, paths: list[str]) -> tuple[set[str], dict[str, str], set[str]]:
    """Names of django-environ's or environs' readers, the types that they are told, and the names with a default."""
    readers, casts, defaulted = set(), {}, set()
    for path in paths:
        for node in ast.walk(tree.module(path)):
            if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Call):
                if called(node.value.func) not in _ENV_CLASSES:
                    continue
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                readers |= {target.id for target in targets if isinstance(target, ast.Name)}
                for keyword in node.value.keywords:
                    if keyword.arg and isinstance(keyword.value, ast.Tuple) and len(keyword.value.elts) == 2:
                        defaulted.add(keyword.arg)
                    elif keyword.arg:
                        casts[keyword.arg] = called(keyword.value)
    return readers, casts, defaulted


def _imported_readers(tree: Tree, module: ast.Module) -> tuple[set[str], dict[str, str], set[str]]:
    """As _readers, of another file of the project from which a reader is imported: `from config.env import env`."""
    readers: set[str] = set()
    casts: dict[str, str] = {}
    defaulted: set[str] = set()
    for node in module.body:
        if isinstance(node, ast.ImportFrom) and node.module:
            inside = f"{node.module.replace('.', '/')}.py"
            path = next((one for one in tree.python_files if f"/{one}".endswith(f"/{inside}")), "")
            if path:
                names, more_casts, more_defaulted = _readers(tree, [path])
                if taken := {alias.asname or alias.name for alias in node.names if alias.name in names}:
                    readers |= taken
                    casts |= more_casts
                    defaulted |= more_defaulted
    return readers, casts, defaulted


def _walk(module: ast.Module) -> list[tuple[ast.AST, bool, frozenset[str]]]:
    """Every node, with whether a condition is around it, and the texts in these conditions (`"NAME" in os.environ`).

    What is in functions isn't run by an import.
    """
    found: list[tuple[ast.AST, bool, frozenset[str]]] = []

    def visit(node: ast.AST, nested: bool, guards: frozenset[str]) -> None:
        found.append((node, nested, guards))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            return
        test = getattr(node, "test", None)
        branches = isinstance(node, ast.If | ast.IfExp | ast.Try | ast.While)
        within = guards | {_constant(part) for part in ast.walk(test)} if test is not None else guards
        for child in ast.iter_child_nodes(node):
            inside = branches and child is not test
            visit(child, nested or inside, within if inside else guards)

    visit(module, False, frozenset())
    return found


def _asked(node: ast.AST, readers: set[str], casts: dict[str, str]) -> list[tuple[str, str]]:
    """Name and type of a variable without which this expression raises; none, or one."""
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
        name = _constant(node.slice)
        return [(name, "")] if name and called(node.value) in {"os.environ", "environ", *readers} else []
    if not isinstance(node, ast.Call):
        return []
    function = called(node.func)
    reader, _, kind = function.partition(".")
    if any(keyword.arg == "default" for keyword in node.keywords):
        return []
    if reader in readers and kind not in {"read_env", "prefixed", "seal", "add_parser"}:
        name = _constant(node.args[0]) if node.args else _NO_NAME.get(kind, "")
        cast = next((called(k.value) for k in node.keywords if k.arg == "cast"), "") or casts.get(name, "")
        return [(name, kind or cast)] if name and len(node.args) < 2 else []
    if function in _DECOUPLED and len(node.args) == 1 and (name := _constant(node.args[0])) and name.isupper():
        cast = next((called(k.value) for k in node.keywords if k.arg == "cast"), "")
        return [(name, cast)]
    return []


def _constant(node: ast.AST | None) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
