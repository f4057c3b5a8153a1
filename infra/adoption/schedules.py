"""What a project runs at times: crontabs, django-crontab, uWSGI's, ofelia's and render.yaml's jobs."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from infra.adoption.commands import portable
from infra.adoption.dependencies import Dependencies
from infra.adoption.programs import mapping, render_blueprint
from infra.adoption.tree import Tree, called
from infra.contract import cron
from infra.contract.malformed import MalformedError

_NAME = re.compile(r"[^a-z0-9]+")
_LONGEST = 20  # characters of a name
_FIELDS = re.compile(r"\s*(@\w+|(?:[\w*/,?#L-]+\s+){4}[\w*/,?#L-]+)\s+(.+)")
_WORDLESS = ("django-cron", "django-apscheduler", "django-scheduler", "schedule")


@dataclass(frozen=True)
class Job:
    """A command and its times, for the setting `schedules`, with the file that says so."""

    name: str
    command: str
    cron: str
    source: str


@dataclass(frozen=True)
class Jobs:
    """`left` are those that could not be taken over, with the reason."""

    jobs: list[Job] = field(default_factory=list)
    left: list[str] = field(default_factory=list)


def read_jobs(tree: Tree, dependencies: Dependencies, chain: list[str]) -> Jobs:
    found = Jobs()
    for line, when, source in (
        *_crontabs(tree), *_django_crontab(tree, chain), *_uwsgi(tree), *_ofelia(tree), *_render(tree),
    ):  # fmt: skip
        _take(found, line, when, source)
    if "scheduler" in _addons(tree):
        found.left.append(
            "the jobs of Heroku's Scheduler are in no file: each is a command and a cron expression of schedules"
        )
    for name in _WORDLESS:
        if name in dependencies.declared:
            found.left.append(
                f"{name} keeps its times in code or in the database: see docs/schedules.md for its runner"
            )
    found.left.extend(
        f"{path} says when a service of systemd runs: a command and a cron expression of schedules"
        for path in tree.named(r"[\w.@-]+\.timer")
    )
    return found


def _take(found: Jobs, line: str, when: str, source: str) -> None:
    """Takes a job over, if it is a command of this image at times that a stack can have."""
    command = portable(re.split(r"\s(?:\d|&)?>{1,2}", line, maxsplit=1)[0].strip())
    expression = cron.NICKNAMES.get(when.lower(), " ".join(when.split()))
    try:
        cron.check(expression)
    except MalformedError as error:
        found.left.append(
            f"{source} runs `{line}` at {when!r}, which {str(error).rstrip('.')}: name a time in schedules"
        )
        return
    if not re.match(r"python manage\.py \w|celery ", command):
        found.left.append(f"{source} runs `{line}` at {when!r}: set it in schedules if the image has that command")
        return
    if any((one.command, one.cron) == (command, expression) for one in found.jobs):
        return
    word = re.search(r"manage\.py (?:shell -c .*?(\w+)\(\)|([\w-]+))", command) or ["", "", "job"]
    name = _NAME.sub("-", (word[1] or word[2] or "job").lower()).strip("-")[:_LONGEST].strip("-")
    name = name if name[:1].isalpha() else f"job-{name}".strip("-")
    taken = {one.name for one in found.jobs}
    unique = next(one for one in (name, *(f"{name}-{n}" for n in range(2, 1000))) if one not in taken)
    found.jobs.append(Job(unique, command, expression, source))


def _crontabs(tree: Tree) -> Iterator[tuple[str, str, str]]:
    for path in tree.paths:
        parts = path.lower().split("/")
        is_one = re.fullmatch(r"(?:.*[._-])?(?:crontab|cronfile|cronjobs?)(?:[._-]?\w+)?(?:\.txt|\.conf)?", parts[-1])
        in_folder = len(parts) > 1 and parts[-2] in {"cron.d", "crontabs", "cron"}
        if not (is_one or in_folder) or re.search(r"\.(?:py|sh|md|html?|js|css|png|svg|rst|ya?ml|json)$", parts[-1]):
            continue
        for line in tree.text(path).splitlines():
            if (match := _FIELDS.fullmatch(line)) and not line.lstrip().startswith("#"):
                command = match[2]
                if "cron.d" in parts or re.match(r"(?:root|www-data|django|app)\s", command):
                    command = command.partition(" ")[2].strip()
                yield command, match[1], path


def _django_crontab(tree: Tree, chain: list[str]) -> Iterator[tuple[str, str, str]]:
    """CRONJOBS: times, a function by its dotted path, and its arguments."""
    for path in chain:
        for node in ast.walk(tree.module(path)):
            if not (isinstance(node, ast.Assign) and any(called(one) == "CRONJOBS" for one in node.targets)):
                continue
            for entry in node.value.elts if isinstance(node.value, ast.List | ast.Tuple) else []:
                try:
                    when, function, *more = ast.literal_eval(entry)
                except (ValueError, TypeError):
                    continue
                words = [*more[0]] if more and isinstance(more[0], list | tuple) else []
                module, _, name = str(function).rpartition(".")
                if str(function) == "django.core.management.call_command" and words:
                    yield f"python manage.py {' '.join(map(str, words))}", str(when), path
                elif not words:
                    yield f'python manage.py shell -c "from {module} import {name}; {name}()"', str(when), path
                else:
                    yield str(function), str(when), path


def _uwsgi(tree: Tree) -> Iterator[tuple[str, str, str]]:
    """`cron = minute hour day month weekday command`, in which -1 is every and -5 each fifth."""
    for path in tree.named(r"\w*uwsgi\w*\.ini"):
        for line in re.findall(r"^\s*(?:unique-|legion-)?cron\s*=\s*(.+?)\s*$", tree.text(path), re.MULTILINE):
            if match := re.fullmatch(r"((?:-?\d+\s+){5})(.+)", line):
                fields = zip(match[1].split(), (0, 0, 31, 12, 0), strict=True)
                yield match[2], " ".join(_multiples(number, last) for number, last in fields), path


def _multiples(number: str, last: int) -> str:
    """A field of cron for one of uWSGI's; `last` for days and months, in which a step of cron's begins at 1."""
    if not number.startswith("-"):
        return number
    step = number[1:]
    if step == "1":
        return "*"
    return f"{step}-{last}/{step}" if last else f"*/{step}"


def _ofelia(tree: Tree) -> Iterator[tuple[str, str, str]]:
    """Labels of compose's services: https://github.com/mcuadros/ofelia"""
    for path in tree.named(r"(?:docker-)?compose[\w.-]*\.ya?ml"):
        jobs: dict[str, dict[str, str]] = {}
        for name, value in _labels(tree.text(path)):
            if match := re.fullmatch(r"ofelia\.job-(?:exec|run)\.([\w-]+)\.(schedule|command)", name):
                jobs.setdefault(match[1], {})[match[2]] = value
        for job in jobs.values():
            if {"schedule", "command"} <= set(job):
                yield job["command"], _without_seconds(job["schedule"]), path


def _labels(text: str) -> Iterator[tuple[str, str]]:
    try:
        content: Any = yaml.safe_load(text)
        services = content["services"].values()
    except (yaml.YAMLError, TypeError, KeyError, AttributeError):
        return
    for service in services:
        labels = service.get("labels") if isinstance(service, dict) else None
        if isinstance(labels, dict):
            yield from ((str(k), str(v)) for k, v in labels.items())
        for line in labels if isinstance(labels, list) else []:
            name, _, value = str(line).partition("=")
            yield name, value


def _without_seconds(expression: str) -> str:
    """Times of ofelia's as cron has them; as they are if cron has no such: its steps begin anew each hour or day."""
    fields = expression.split()
    if match := re.fullmatch(r"@every (\d+)([mh])", expression):
        number, there_are = int(match[1]), 60 if match[2] == "m" else 24
        if not number or there_are % number:
            return expression
        step = "0" if number == there_are else f"*/{number}"
        return f"{step} * * * *" if match[2] == "m" else f"0 {step} * * *"
    return " ".join(fields[1:]) if len(fields) == 6 and fields[0] == "0" else expression


def _render(tree: Tree) -> Iterator[tuple[str, str, str]]:
    for one in render_blueprint(tree):
        if one.get("type") == "cron":
            yield (
                str(one.get("startCommand") or one.get("dockerCommand") or ""),
                str(one.get("schedule", "")),
                "render.yaml",
            )


def _addons(tree: Tree) -> str:
    """The names of the add-ons in Heroku's app.json."""
    found = mapping(tree, "app.json").get("addons")
    return " ".join(map(str, found)) if isinstance(found, list) else ""
