"""Pulumi.NAME.yaml: where the project is, with ports of its own, its processes and services."""

import json
import math
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml
from dotenv import dotenv_values

from infra.adoption import geodjango, release
from infra.adoption.choices import Choices
from infra.adoption.contract_variables import stand_in
from infra.adoption.image_files import for_env
from infra.adoption.project import Project
from infra.adoption.settings_file import settings_module
from infra.adoption.tree import WRITTEN_DOCKERFILE as DOCKERFILE
from infra.checkout import ROOT
from infra.ports import is_free_port

PORTS = {"web-port": 8000, "database-port": 5432, "media-port": 9000, "cache-port": 6379, "mail-port": 8025}


def stack_text(project: Project, choices: Choices, ports: Mapping[str, int], checkout: Path) -> str:
    """The stack's settings, without a salt, which `pulumi stack init` adds.

    A stack in the cloud gets no value that only stands in for one, and no way to send mails: both are up to a person.
    """
    lines: list[tuple[str, object]] = [
        ("platform", choices.platform),
        ("app-path", _path(project.tree.root, checkout)),
        ("dockerfile", DOCKERFILE),
        ("settings-module", settings_module(project)[0]),
    ]
    if choices.python_image:
        lines += [("python-image", choices.python_image)]
    if choices.postgres:
        lines += [("postgres-version", choices.postgres)]
    if project.facts["gis"] and choices.is_local:
        lines += [("postgres-image", geodjango.postgres_image(project, choices.postgres))]
    if project.release.commands:
        lines += [(release.SETTING, project.release.commands)]
    chosen = [one for one in project.found.processes if one.name in choices.processes]
    if chosen:
        lines += [
            (
                "processes",
                {
                    one.name: {
                        "command": one.command,
                        **({"stop-timeout": one.stop_timeout} if one.stop_timeout else {}),
                    }
                    for one in chosen
                },
            )
        ]
    if project.found.jobs:
        jobs = {one.name: {"command": one.command, "cron": one.cron} for one in project.found.jobs}
        lines += [("schedules", jobs)]
    lines += [("cache", "valkey")] if choices.cache else []
    if choices.is_local:
        lines += [("mail", "mailpit")] if choices.mail else []
        wanted = {one.name: stand_in(one) for one in for_env(project, choices)}
        lines += [("env", wanted)] if wanted else []
        lines += list(used_ports(choices, ports).items())
    return _config(lines, checkout)


def new_stack_text(folder: Path, ports: Mapping[str, int], checkout: Path) -> str:
    """The settings of a new project's stack, which serves the folder itself, with live reload."""
    lines: list[tuple[str, object]] = [
        ("platform", "local"),
        ("app-path", _path(folder, checkout)),
        ("debug", True),
        ("mount-source", True),
        ("web-command", "python manage.py runserver 0.0.0.0:8000"),
        *((key, port) for key, port in ports.items() if key not in {"cache-port", "mail-port"}),
    ]
    return _config(lines, checkout)


def _config(lines: list[tuple[str, object]], checkout: Path) -> str:
    """The file's text. Keys have the name of the Pulumi project before them."""
    name = project_name(checkout)
    config = {"config": {f"{name}:{key}": value for key, value in lines}}
    return yaml.safe_dump(config, sort_keys=False, allow_unicode=True, width=math.inf)


def project_name(checkout: Path) -> str:
    """The name in the checkout's Pulumi.yaml."""
    try:
        return str(yaml.safe_load((checkout / "Pulumi.yaml").read_text())["name"])
    except (OSError, yaml.YAMLError, KeyError, TypeError):
        return "django-stack"


def platform_in(file: Path) -> str:
    """The platform that a stack's file names; nothing without one."""
    return str(_config_of(file).get(f"{project_name(file.parent)}:platform", ""))


def project_in(file: Path, folder: Path) -> Path | None:
    """The project that a stack's file names, if it is another one than that in the folder, and still there."""
    named = str(_config_of(file).get(f"{project_name(file.parent)}:app-path", ""))
    other = (file.parent / named).resolve()
    is_same = other.is_relative_to(folder) or folder.is_relative_to(other)
    return other if named and not is_same and other.is_dir() else None


def settings_in(text: str, checkout: Path) -> dict[str, Any]:
    """The settings in the text of a stack's file, by their keys; those that are structures as text, too."""
    prefix = f"{project_name(checkout)}:"
    return {
        str(key).removeprefix(prefix): _structure(value)
        for key, value in _config_in(text).items()
        if str(key).startswith(prefix)
    }


def values_in(settings: Mapping[str, Any], checkout: Path) -> dict[str, object] | None:
    """The variables that a stack's settings give to the app, an encrypted one as a mapping; None if all of them are."""
    env, file = settings.get("env") or {}, settings.get("env-file")
    if not isinstance(env, dict) or env.keys() == {"secure"} or isinstance(file, dict):
        return None
    found = dotenv_values(checkout / str(file), interpolate=False) if file else {}
    return {**{name: value for name, value in found.items() if value is not None}, **env}


def _structure(value: object) -> object:
    """A list or mapping also where `pulumi config set` was given it as JSON."""
    if isinstance(value, str) and value.lstrip().startswith(("[", "{")):
        with suppress(ValueError):
            return json.loads(value)
    return value


def used_ports(choices: Choices, ports: Mapping[str, int]) -> dict[str, int]:
    without = {*([] if choices.cache else ["cache-port"]), *([] if choices.mail else ["mail-port"])}
    return {key: port for key, port in ports.items() if key not in without}


def free_ports(checkout: Path, stack: str, *, is_free: Callable[[int], bool] | None = None) -> dict[str, int]:
    """A port for each setting that neither another stack of the project has, nor a program of this machine.

    Those that the stack's own file has already stay.
    """
    own = _ports_in(checkout / f"Pulumi.{stack}.yaml")
    taken: set[int] = {*PORTS.values()}  # of a stack that says nothing
    for file in checkout.glob("Pulumi.*.yaml"):
        taken |= set(_ports_in(file).values()) if file.name != f"Pulumi.{stack}.yaml" else set()
    found: dict[str, int] = {}
    for key, first in PORTS.items():
        if key in own:
            found[key] = own[key]
            continue
        port = first + 10
        while port in taken or not (is_free or is_free_port)(port):
            port += 10
        taken.add(port)
        found[key] = port
    return found


def _ports_in(file: Path) -> dict[str, int]:
    config = _config_of(file)
    values = {key: config.get(f"{project_name(file.parent)}:{key}") for key in PORTS}
    return {key: int(str(value)) for key, value in values.items() if str(value).isdigit()}


def _config_of(file: Path) -> dict[str, object]:
    try:
        return _config_in(file.read_text())
    except OSError:
        return {}


def _config_in(text: str) -> dict[str, object]:
    try:
        config = yaml.safe_load(text)["config"]
    except (yaml.YAMLError, KeyError, TypeError):
        return {}
    return config if isinstance(config, dict) else {}


def _path(root: Path, checkout: Path) -> str:
    """Relative for a project in the checkout or beside it, so that a team can share the file."""
    beside = root.is_relative_to(ROOT) or root.parent == ROOT.parent
    return os.path.relpath(root, ROOT) if beside and checkout == ROOT else str(root)
