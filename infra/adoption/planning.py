"""The files that a project gets, and what is to be said about it."""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from infra import fixes
from infra.adoption import geodjango, release
from infra.adoption.choices import Choices
from infra.adoption.contract import Contract, overrides
from infra.adoption.contract_variables import is_of_mail, is_overwritten, stand_in
from infra.adoption.dependencies import dependency_files
from infra.adoption.files import Planned, State
from infra.adoption.image_files import (
    dockerfile_text,
    for_env,
    ignore_text,
    overrides_text,
    requirements_text,
)
from infra.adoption.older_django import removed
from infra.adoption.project import AdoptionError, Project
from infra.adoption.server import asgi_server, command, wsgi
from infra.adoption.settings_file import settings_module, settings_text
from infra.adoption.settings_modules import missing
from infra.adoption.stack_settings import settings_in, stack_text, values_in
from infra.adoption.tree import WRITTEN_DOCKERFILE as DOCKERFILE
from infra.adoption.tree import WRITTEN_FOLDER as FOLDER

_SHOWN = 5  # findings that are named in one line
ENV_FILES = (".env", ".env.production", ".envs/.production/.django", ".env-local", "config/.env")


@dataclass(frozen=True)
class Plan:
    """`said` is what was decided, `left` what stays behind and has to be done by hand, `doubts` what isn't sure."""

    files: list[Planned]
    said: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)


def plan(project: Project, choices: Choices, contract: Contract, ports: dict[str, int], checkout: Path) -> Plan:
    """Raises AdoptionError for a project that can't be served."""
    _refuse(project, contract)
    root = project.tree.root
    module, path = settings_module(project)
    image = choices.python_image
    files = [
        Planned(root / path, settings_text(project)),
        Planned(root / DOCKERFILE, dockerfile_text(project, image)),
        Planned(root / f"{DOCKERFILE}.dockerignore", ignore_text(project)),
        Planned(root / FOLDER / "requirements.txt", requirements_text(contract, project)),
        Planned(root / FOLDER / "overrides.txt", overrides_text(contract, project)),
        Planned(root / FOLDER / contract.file, contract.content),
        Planned(checkout / f"Pulumi.{choices.stack}.yaml", stack_text(project, choices, ports, checkout)),
    ]
    return Plan(
        files,
        _said(project, choices, contract, module, image),
        _left(project, choices, settings_in(_text_of(files[-1]), checkout), checkout),
        _doubts(project, choices),
    )


def _text_of(file: Planned) -> str:
    """What the file has in the end: it stays as it is if somebody edited it."""
    return file.path.read_text() if file.state() is State.EDITED else str(file.content)


def _refuse(project: Project, contract: Contract) -> None:
    name = project.tree.root
    folder = project.modules.manage.rpartition("/")[0]
    if project.dependencies.problem and folder and any(map(project.tree.has, dependency_files(folder))):
        raise AdoptionError(
            f"{name} names no dependencies itself, but its folder {folder} does. "
            f"Fix: django-stack adopt {shlex.quote(str(name / folder))}"
        )
    if project.dependencies.problem:
        raise AdoptionError(
            f"{name} names no dependencies: {project.dependencies.problem}. Fix: pip freeze > requirements.txt"
        )
    if started := {p: m for p, m in project.modules.forced.items() if not re.search(r"(?:wsgi|asgi)\.py$", p)}:
        path, module = next(iter(started.items()))
        raise AdoptionError(
            f"{path} puts the settings {module} in force whatever the environment says, so that the stack's never "
            f'would be. Fix: os.environ.setdefault("DJANGO_SETTINGS_MODULE", "{module}") in its place'
        )
    if absent := missing(project.tree, project.chain):
        raise AdoptionError(
            f"{absent[0]}, which isn't in {name}. Fix: write it, as the project's own documentation says, "
            "or name other settings with --settings"
        )
    lines = overrides(contract, project.dependencies, project.needs.overrides)[0]
    if any(line.startswith("django>=") for line in lines) and (gone := removed(project.tree)):
        said = project.dependencies.pinned("django") or project.dependencies.declared.get("django", "")
        shown = "; ".join(gone[:_SHOWN]) + (f"; and {len(gone) - _SHOWN} more" if len(gone) > _SHOWN else "")
        raise AdoptionError(
            f"{name} is written for Django {said}, and the package needs 5.2, which no longer has what the code "
            f"imports: {shown}. Fix: bring the project to Django 5.2 first, "
            "for instance in its folder by git ls-files '*.py' | xargs uvx django-upgrade --target-version 5.2"
        )


def _said(project: Project, choices: Choices, contract: Contract, module: str, image: str) -> list[str]:
    chosen = [one for one in project.found.processes if one.name in choices.processes]
    return [
        f"settings: {module}, which takes {project.settings} and applies the contract last",
        f"image: {DOCKERFILE} on {image}, with the requirements by {project.dependencies.tool}"
        + (f", scripts and styles built by Node {project.frontend.node}" if project.frontend.node else "")
        + (", translations compiled" if project.translations else ""),
        f"server: {' '.join(command(project.modules, project.dependencies))}",
        *_served_instead(project),
        *project.needs.changes,
        *overrides(contract, project.dependencies, project.needs.overrides)[1],
        *(f"{one.name}: `{one.command}` (from {one.source})" for one in chosen),
        *(f"schedule {one.name}: `{one.command}` at {one.cron}, UTC (from {one.source})" for one in project.found.jobs),
        *release.said(project.release),
        *(["cache and broker: Valkey"] if choices.cache else []),
        *(["mail: Mailpit, which shows the mails and sends none"] if choices.mail and choices.is_local else []),
        *([f"PostgreSQL {choices.postgres}"] if choices.postgres else []),
        *(
            [f"PostGIS: {geodjango.postgres_image(project, choices.postgres)}"]
            if project.facts["gis"] and choices.is_local
            else []
        ),
    ]


def _served_instead(project: Project) -> list[str]:
    modules = project.modules
    if wsgi(modules) == modules.wsgi or asgi_server(modules, project.dependencies):
        return []
    why = "names its own settings" if modules.wsgi else "is missing"
    return [f"django_stack.wsgi is served, since the project's own wsgi.py {why}"]


def _without_value(project: Project, choices: Choices, values: Mapping[str, object]) -> list[str]:
    """The variables that the project's settings ask for and the stack has no value for, or one that stands in."""
    file = f"Pulumi.{choices.stack}.yaml"
    said = []
    for one in for_env(project, choices):
        fix = f"Fix: {fixes.ask_for(choices.stack, f'env.{one.name}', secret=True)}"
        if one.name not in values:
            said.append(f"{one.name} has no value in {file}, and {one.path} asks for it. {fix}")
        elif str(values[one.name]) == stand_in(one):
            said.append(f"{one.name} is {stand_in(one)!r} in {file}, since {one.path} asks for it. {fix}")
    return said


def _left(project: Project, choices: Choices, settings: Mapping[str, Any], checkout: Path) -> list[str]:
    """`settings` are those that the stack's file has in the end, whoever wrote them."""
    values = values_in(settings, checkout)
    left = _without_value(project, choices, values) if values is not None else []
    run = settings.get("processes") or ()
    left += [f"{one.name} ({one.source}) isn't run" for one in project.found.processes if one.name not in run]
    known = ("postgres", "redis", "valkey", "mailpit", "mailhog", "maildev", "nginx", "traefik", "caddy", "postgis")
    left += [
        f"{name} ({image}) of compose isn't run by the stack"
        for name, image in project.services.images.items()
        if not any(word in f"{name} {image}" for word in known)
    ]
    left += project.found.left + project.needs.left
    if project.own.path:
        left.append(f"{project.own.path} stays for what uses it now; {DOCKERFILE} takes none of its Debian packages"
                    if project.own.packages else f"{project.own.path} stays for what uses it now")  # fmt: skip
    left += release.left_behind(project.release, choices.stack, settings.get(release.SETTING) or [])
    file = next((path for path in ENV_FILES if project.tree.has(path)), "")
    if file and not settings.get("env-file"):
        path = shlex.quote(str(project.tree.root / file))
        left.append(
            f"{file} isn't read. To have the stack read it: pulumi config set -s {choices.stack} env-file {path}"
        )
    if not choices.is_local and "mail" not in settings and "EMAIL_URL" not in (values or ()):
        left.append(
            "how the site sends mails isn't said yet, and pulumi up asks for it. "
            f"Fix: {fixes.ask_for(choices.stack, 'env.EMAIL_URL', secret=True)}, or mail: ses, project or none"
        )
    elif choices.is_local and choices.mail:
        left.append(
            "a stack that really sends mails needs EMAIL_URL in env, or the project's own variables with mail: url"
        )
    return list(dict.fromkeys(left))


def _doubts(project: Project, choices: Choices) -> list[str]:
    doubts = list(project.frontend.doubts)
    if f":{project.python}-" not in f"{choices.python_image}-":
        doubts.append(
            f"whether it runs on {choices.python_image}: it names Python {project.python}, whose image isn't to be had"
        )
    wanted = project.services.postgres
    if wanted and wanted != str(choices.postgres or ""):
        doubts.append(f"whether PostgreSQL {choices.postgres or 'of the stack'} does: compose runs {wanted}")
    others = [one for one in project.modules.candidates if one != project.settings]
    is_sure = project.modules.sure and project.settings == project.modules.candidates[0]
    if others and not project.is_named and not is_sure:
        doubts.append(
            f"whether {project.settings} is what production runs with (also there: {', '.join(others)}); "
            "--settings says so"
        )
    nested = [
        one.name
        for one in project.variables
        if one.nested and not is_overwritten(one) and not (choices.mail and is_of_mail(one))
    ]
    if nested:
        doubts.append(f"whether {', '.join(nested)} are needed: they are asked for under a condition")
    if project.facts["asgi"] and not asgi_server(project.modules, project.dependencies):
        doubts.append("whether gunicorn (WSGI) does: the project has an ASGI server among its requirements")
    if project.facts["gis"] and "gdal" in project.dependencies:
        doubts.append("whether the package GDAL can be compiled: it has to be of the version of Debian's library")
    if project.facts["mysql"]:
        doubts.append("whether the project runs on PostgreSQL: its settings name MySQL alone")
    if project.facts["file-queue"]:
        doubts.append(
            "whether tasks reach the worker: huey keeps them in a file, which containers don't share; "
            "huey.RedisHuey with REDIS_URL keeps them in the stack's Valkey"
        )
    unknown = [one for one in project.tree.named(r"settings.*\.py") if not project.tree.module(one).body]
    doubts += [
        f"what {path} does: it has newer syntax than this Python, or errors"
        for path in unknown
        if project.tree.text(path).strip()
    ]
    return doubts
