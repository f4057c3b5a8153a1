"""Which settings modules a project has, which of them production runs with, and where it is started."""

import ast
import posixpath
import re
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from infra.adoption.tree import MARK, WRITTEN_DOCKERFILE, Tree, called, dotted_name

_MODULE = re.compile(r"""DJANGO_SETTINGS_MODULE["']?\s*[,=:]\s*["']?([A-Za-z_][\w.]*)""")
_PRODUCTION = ("production", "prod", "live", "deploy", "deployment", "docker", "heroku")
_NOT_PRODUCTION = (
    "test", "tests", "testing", "dev", "develop", "development", "local", "ci", "docs", "build", "example", "static",
    "collectstatic", "pipeline", "debug",
)  # fmt: skip
# Files that say with which settings a site is served; manage.py is mostly for developers.
_SAY_HOW_IT_IS_SERVED = (
    r"Dockerfile.*|.*\.Dockerfile|wsgi\.py|asgi\.py|(?:docker-)?compose.*\.ya?ml|Procfile|fly\.toml|"
    r"\w*uwsgi\w*\.ini|render\.yaml|[\w.@-]+\.service"
)


@dataclass(frozen=True)
class SettingsModules:
    """What was found. Paths are relative to the project, modules dotted.

    `roots` are the folders on Python's path. `candidates` are the modules that could be production's, the likeliest
    first; `chain` are the files that the first one is made of, itself first.
    """

    manage: str = ""
    roots: list[str] = field(default_factory=lambda: [""])
    candidates: list[str] = field(default_factory=list)
    sure: bool = False
    wsgi: str = ""
    asgi: str = ""
    forced: dict[str, str] = field(default_factory=dict)  # files that name settings whatever the environment says


def read_settings_modules(tree: Tree) -> SettingsModules:
    manage = next(iter(tree.named(r"manage\.py")), "")
    folder = _parent(manage)
    roots = [folder]
    source = f"{folder}/src" if folder else "src"
    if any(path.startswith(f"{source}/") and path.endswith(".py") for path in tree.paths):
        roots.append(source)
    roots += _appended(tree, manage)
    named = {path: _MODULE.findall(tree.text(path)) for path in [manage, *tree.named(_SAY_HOW_IT_IS_SERVED)] if path}
    served = [name for path, names in named.items() if path != manage for name in names]
    mentioned = list(dict.fromkeys([*served, *named.get(manage, [])]))
    beside = [name for one in mentioned for name in _siblings(tree, one, roots)]
    found = [name for name in dict.fromkeys([*mentioned, *beside]) if tree.module_file(name, roots)]
    likely = sorted((name for name in found if _rank(name) < 2), key=_rank) or found
    return SettingsModules(
        manage=manage,
        roots=roots,
        candidates=likely,
        sure=len(likely) == 1 or (bool(likely) and _rank(likely[0]) == 0 and sum(_rank(n) == 0 for n in likely) == 1),
        wsgi=_server_module(tree, "wsgi", roots),
        asgi=_server_module(tree, "asgi", roots),
        forced={
            path: module
            for path in [manage, *tree.named(r"(?:wsgi|asgi|celery|celery_app)\.py")]
            if path and "test" not in path and (module := _forced(tree.module(path)))
        },
    )


def _forced(module: ast.Module) -> str:
    """The settings that a file puts in force whatever the environment says; nothing if it does so under a condition."""
    waiting: list[ast.AST] = [*module.body]
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            for target in node.targets:
                if (
                    isinstance(target, ast.Subscript)
                    and called(target.value) in {"os.environ", "environ"}
                    and isinstance(target.slice, ast.Constant)
                    and target.slice.value == "DJANGO_SETTINGS_MODULE"
                ):
                    return str(node.value.value)
        if isinstance(node, ast.FunctionDef) and node.name == "main":
            waiting += node.body
        if isinstance(node, ast.If) and "__main__" in ast.unparse(node.test):
            waiting += node.body
    return ""


def chain(tree: Tree, module: str, roots: list[str]) -> list[str]:
    """The project's files that the settings module is made of: itself, and what it imports with a star or by name
    from settings."""
    found: list[str] = []
    waiting = [module]
    seen: set[str] = set()
    while waiting:
        name = waiting.pop(0)
        if name in seen:
            continue
        seen.add(name)
        path = tree.module_file(name, roots)
        if not path or path in found:
            continue
        found.append(path)
        package = name if path.endswith("/__init__.py") else name.rpartition(".")[0]
        for node in ast.walk(tree.module(path)):
            if isinstance(node, ast.ImportFrom):
                base = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
                target = ".".join([*base, *([node.module] if node.module else [])])
                near = bool(node.level) and "settings" in path  # what these import in turn is the project's code
                if any(alias.name == "*" for alias in node.names) or "settings" in target or near:
                    waiting += [target, *(f"{target}.{alias.name}" for alias in node.names if alias.name != "*")]
    return found


def missing(tree: Tree, files: list[str]) -> list[str]:
    """Modules beside these files that they import and that aren't there: most are copied from an example."""
    found = [*_examples(tree, files)]
    for path in files:
        for node in tree.module(path).body:  # one in a `try` has another way to go on
            if isinstance(node, ast.ImportFrom) and node.level and node.module:
                folder = PurePosixPath(path).parents[node.level - 1].as_posix()
                inside = posixpath.normpath(f"{folder}/{node.module.replace('.', '/')}")
                if (
                    not any(tree.has(one) for one in (f"{inside}.py", f"{inside}/__init__.py"))
                    and not (tree.root / inside).is_dir()
                ):
                    found.append(f"{path}:{node.lineno} imports {inside}.py")
    return found


def _examples(tree: Tree, files: list[str]) -> list[str]:
    """Modules that are named in a text, as for `import_module`, of which only an example is there."""
    examples = {
        re.sub(
            r"(?:[._](?:example|sample|dist|template))(?=\.py$)|(?<=\.py)[._](?:example|sample|dist|template)$", "", one
        ): one
        for one in tree.paths
        if re.search(r"[._](?:example|sample|dist|template)(?:\.py)?$", one)
    }
    found = {}
    for path in files:
        for node in ast.walk(tree.module(path)):
            if (
                isinstance(node, ast.Constant)
                and isinstance(node.value, str)
                and re.fullmatch(r"\w+(?:\.\w+)+", node.value)
            ):
                inside = f"{node.value.replace('.', '/')}.py"
                for module, example in examples.items():
                    if f"/{module}".endswith(f"/{inside}") and not tree.has(module):
                        found[module] = f"{path}:{node.lineno} imports {module} (of which {example} is the example)"
    return list(found.values())


def own_module(settings: str, tree: Tree, roots: list[str]) -> tuple[str, str]:
    """Dotted name and path of the stack's settings module: in the settings package, or beside the settings file."""
    path = tree.module_file(settings, roots)
    folder, name = _parent(path), PurePosixPath(path).stem
    in_package = "settings" in settings.rpartition(".")[0] or name == "__init__"
    if in_package:
        package = settings if name == "__init__" else settings.rpartition(".")[0]
        return f"{package}.stack", f"{folder}/stack.py"
    package = settings.rpartition(".")[0]
    own = f"{name}_stack"
    return (f"{package}.{own}" if package else own), (f"{folder}/{own}.py" if folder else f"{own}.py")


def taken_before(tree: Tree, roots: list[str]) -> str:
    """The settings that the stacks of an earlier adoption run with, if they are still there; nothing without one."""
    own = next(iter(_MODULE.findall(tree.text(WRITTEN_DOCKERFILE))), "")
    text = tree.text(tree.module_file(own, roots)) if own else ""
    found = re.search(r"^from ([\w.]+) import \*", text, re.MULTILINE) if text.startswith(MARK) else None
    return found[1] if found and tree.module_file(found[1], roots) else ""


def _rank(module: str) -> int:
    """0 for a name that says production, 2 for one that says something else, 1 for one that doesn't say."""
    last = module.rpartition(".")[2].lower()
    words = set(re.split(r"[_\d]+", last))
    if words & set(_PRODUCTION):
        return 0
    return 2 if words & {*_NOT_PRODUCTION, "base", "common", "defaults"} else 1


def _siblings(tree: Tree, module: str, roots: list[str]) -> list[str]:
    """The other modules of a settings package, which its name or the names of its modules give away."""
    path = tree.module_file(module, roots)
    folder = _parent(path)
    is_package = path.endswith("/__init__.py")
    package = module if is_package else module.rpartition(".")[0]
    if "settings" not in package and "settings" not in PurePosixPath(folder).name and _rank(module) != 2:
        return []
    files = [path for path in tree.python_files if _parent(path) == folder and not path.endswith("/__init__.py")]
    found = [f"{package}.{PurePosixPath(path).stem}" for path in files]
    if is_package:  # its other modules are parts of it, unless they say that they are production's
        return [name for name in found if _rank(name) == 0]
    return found if "settings" in f"{package}.{folder}" else [name for name in found if _rank(name) != 1]


def _server_module(tree: Tree, kind: str, roots: list[str]) -> str:
    """The dotted module with `application` in it, by the name that Django gives it."""
    packages = [path for path in tree.named(r"__init__\.py") if path.endswith(f"/{kind}/__init__.py")]
    for path in [*tree.named(rf"{kind}\.py"), *packages]:
        if "application" in tree.text(path) and "django" in tree.text(path).lower():
            root = max((root for root in roots if not root or path.startswith(f"{root}/")), key=len, default=None)
            if root is not None:
                return dotted_name(path, root)
    return ""


def _appended(tree: Tree, manage: str) -> list[str]:
    """Folders beside manage.py that it appends to Python's path."""
    text = tree.text(manage)
    found = re.findall(r"""sys\.path\.(?:append|insert)\([^)]*["']([\w-]+)["']\s*\)*""", text)
    folder = _parent(manage)
    return [f"{folder}/{name}" if folder else name for name in dict.fromkeys(found)]


def _parent(path: str) -> str:
    parent = PurePosixPath(path).parent.as_posix() if path else ""
    return "" if parent == "." else parent
