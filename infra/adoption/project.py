"""All that is read of a project, together."""

import ast
import re
from dataclasses import dataclass, field
from pathlib import Path

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from infra.adoption.dependencies import Dependencies, read_dependencies
from infra.adoption.dockerfile import OwnDockerfile, read_dockerfile
from infra.adoption.frontend import Frontend, read_frontend
from infra.adoption.packages import Needs, read_needs
from infra.adoption.processes import Found, read_processes
from infra.adoption.release import Release, read_release
from infra.adoption.services import Services, read_services
from infra.adoption.settings_modules import SettingsModules, chain, read_settings_modules, taken_before
from infra.adoption.tree import Tree
from infra.adoption.variables import Variable, mentioned, required

PYTHONS = ("3.11", "3.12", "3.13", "3.14")  # that an image is looked for
NEWEST = "3.13"  # where a project says nothing


class AdoptionError(Exception):
    """The folder can't be adopted as it is; the message says why and what to do."""


@dataclass(frozen=True)
class Project:
    """What was read. `settings` is the settings module that production runs with; `is_named` if somebody said so."""

    tree: Tree
    modules: SettingsModules
    settings: str
    chain: list[str]
    variables: list[Variable]
    mentions: set[str]
    dependencies: Dependencies
    own: OwnDockerfile
    services: Services
    found: Found
    release: Release
    frontend: Frontend
    needs: Needs
    python: str
    is_named: bool = False
    translations: bool = False
    admin: list[str] = field(default_factory=list)  # paths at which Django's admin may be, the likeliest first
    facts: dict[str, bool] = field(default_factory=dict)


def read_project(folder: Path, settings: str = "") -> Project:
    """Reads a folder with a manage.py in it. `settings` is the settings module, if somebody named it.

    Raises AdoptionError.
    """
    tree = Tree(folder)
    modules = read_settings_modules(tree)
    if not modules.manage:
        raise AdoptionError(f"There is no manage.py in {folder}. Fix: name the folder of a Django project")
    is_named = bool(settings)
    settings = settings or taken_before(tree, modules.roots) or next(iter(modules.candidates), "")
    if not settings:
        raise AdoptionError(
            f"No settings module is named in {folder}/{modules.manage}, wsgi.py or a Dockerfile. "
            "Fix: django-stack adopt PATH --settings project.settings.production"
        )
    if not tree.module_file(settings, modules.roots):
        known = ", ".join(modules.candidates) or "none"
        raise AdoptionError(f"There is no settings module {settings} in {folder}; found: {known}")
    files = chain(tree, settings, modules.roots)
    text = "\n".join(map(tree.text, files))
    own = read_dockerfile(tree)
    dependencies = read_dependencies(tree, own)
    services = read_services(tree)
    facts = _facts(text, dependencies)
    started = [path for path in tree.named(r"(?:wsgi|asgi|manage)\.py|celery\w*\.py") if "test" not in path]
    return Project(
        tree=tree,
        modules=modules,
        settings=settings,
        chain=files,
        variables=required(tree, [*files, *(path for path in started if path not in files)]),
        mentions=mentioned(tree, files),
        dependencies=dependencies,
        own=own,
        services=services,
        found=read_processes(tree, own, services, dependencies, modules.roots, text, files),
        release=read_release(tree),
        frontend=read_frontend(tree, own, text),
        needs=read_needs(dependencies, _imports(tree), geodjango=facts["gis"]),
        python=_python(tree, own, dependencies),
        is_named=is_named,
        translations=_has_uncompiled(tree),
        admin=_admin(tree),
        facts=facts,
    )


def _python(tree: Tree, own: OwnDockerfile, dependencies: Dependencies) -> str:
    """The version of Python that the project runs on: its own image's, or what it says elsewhere."""
    for text in (own.python, tree.text(".python-version"), tree.text("runtime.txt")):
        if (found := re.search(r"3\.\d+", text)) and found[0] in PYTHONS:
            return found[0]
    try:
        allowed = SpecifierSet(dependencies.python)
    except InvalidSpecifier:  # Poetry's own way to say it
        said = re.search(r"3\.\d+", dependencies.python)
        return said[0] if said and said[0] in PYTHONS else NEWEST
    named = [one.version.removesuffix(".*") for one in allowed]
    fitting = [
        minor
        for minor in PYTHONS
        if any(
            allowed.contains(one) for one in (minor, f"{minor}.99", *(n for n in named if n.startswith(f"{minor}.")))
        )
    ]
    return max((one for one in fitting if one <= NEWEST), default=fitting[0] if fitting else NEWEST)


def _imports(tree: Tree) -> set[str]:
    found = set()
    for path in tree.python_files:
        if "test" in path or not re.search(r"psycopg", tree.text(path)):
            continue
        for node in ast.walk(tree.module(path)):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.partition(".")[0])
    return found


def _admin(tree: Tree) -> list[str]:
    """The paths of the admin in the project's urls.py; of one that the settings name, Django's usual one."""
    found: list[str] = []
    for path in tree.named(r"urls\.py"):
        for literal, other in re.findall(
            r"""path\(\s*r?(?:["']\^?([^"']*)["']|([\w.]+))\s*,\s*(?:include\()?\s*\w*admin\w*\.(?:site\.)?urls""",
            tree.text(path),
        ):
            found.append("admin/" if other else literal.rstrip("$"))
    return list(dict.fromkeys(found))


def _has_uncompiled(tree: Tree) -> bool:
    """Whether translations are there as texts without the compiled files that Django reads."""
    present = set(tree.paths)
    return any(path.removesuffix(".po") + ".mo" not in present for path in tree.paths if path.endswith("django.po"))


def _facts(text: str, dependencies: Dependencies) -> dict[str, bool]:
    return {
        "gis": "django.contrib.gis" in text or "backends.postgis" in text,
        "mysql": "backends.mysql" in text and "postgresql" not in text,
        "staticfiles": "staticfiles" in text,
        "file-queue": bool(re.search(r"SqliteHuey|FileHuey", text)),
        "mail": bool(re.search(r"^\s*(?:EMAIL_BACKEND|EMAIL_HOST|ANYMAIL|EMAIL_CONFIG)\b", text, re.MULTILINE)),
        "redis": bool(re.search(r"redis", text, re.I)) or "django-redis" in dependencies or "redis" in dependencies,
        "asgi": any(
            name in dependencies.declared for name in ("channels", "daphne", "uvicorn", "granian", "hypercorn")
        ),
    }
