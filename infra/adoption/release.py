"""What a project runs before a new version goes live, or after the first one: on Heroku, Render and Fly."""

import json
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from infra import command_line, fixes
from infra.adoption.commands import joined, portable
from infra.adoption.programs import lines_of, mapping, render_blueprint
from infra.adoption.services import Command, procfile
from infra.adoption.tree import Tree
from infra.command_line import CommandLineError
from infra.settings import MIGRATE

SETTING = "release-commands"
_MANAGE = re.compile(r"python manage\.py (\w+)(.*)")
# What takes a shell, other than && between programs.
_SHELL = re.compile(r"[;|<>$`]|(?:^|&&)\s*(?:cd|export|set|source|\.)\s")
_IN_THE_IMAGE = {"collectstatic", "compilemessages"}  # done while it is built
# With no other options `migrate` brings every app to its newest migration, as the stack's own does.
_OF_MIGRATE = {"--run-syncdb", "--fake-initial", "--skip-checks", "--traceback"}


@dataclass(frozen=True)
class Release:
    """`commands` are for the setting; none where its default does the same. `left` can't be taken over as it is.

    `once` are those that run after the first version alone.
    """

    commands: list[str] = field(default_factory=list)
    left: list[Command] = field(default_factory=list)
    once: list[Command] = field(default_factory=list)

    def whole(self) -> list[str]:
        """The setting with what can't be taken over, as far as somebody may want it."""
        return _with_migrate([*self.commands, *(text for one in self.left for text in _programs(one.line))])


def read_release(tree: Tree) -> Release:
    commands: list[str] = []
    left = []
    for one in dict.fromkeys(_lines(tree)):
        programs = _programs(re.sub(r"^cd \S+ && ", "", one.line))  # the image begins beside manage.py
        if all(map(_MANAGE.match, programs)):
            commands += [text for text in programs if text not in commands]
        else:
            left.append(one)
    whole = _with_migrate(commands)
    return Release([] if whole == [MIGRATE] else whole, left, list(_once(tree)))


def said(release: Release) -> list[str]:
    return [f"release: {', '.join(f'`{text}`' for text in release.commands)}"] if release.commands else []


def left_behind(release: Release, stack: str, commands: Sequence[object]) -> list[str]:
    """What there is to say of what isn't taken over, with the command that does it all the same.

    `commands` are those that the stack has by now.
    """
    once = [
        f"{one.source} runs `{one.line}` after the first version alone. "
        f"If it is needed: django-stack run -s {stack} -- {_pasted(one.line)}"
        for one in release.once
    ]
    if not release.left or all(one in commands for one in release.whole()):
        return once
    lines = ", ".join(f"`{one.line}` ({one.source})" for one in release.left)
    runs = " and ".join(f"`{text}`" for text in release.commands or [MIGRATE])
    fix = fixes.set_value(stack, SETTING, json.dumps(release.whole()))
    return [f"before a new version serves, {runs} runs, but not {lines}. If the image can run it: {fix}", *once]


def _lines(tree: Tree) -> Iterator[Command]:
    for name, line in procfile(tree):
        if name == "release":
            yield Command(name, line, "Procfile")
    for path, section, key in (("heroku.yml", "release", "command"), ("fly.toml", "deploy", "release_command")):
        found = mapping(tree, path).get(section)
        for line in lines_of(found.get(key) if isinstance(found, dict) else None):
            yield Command("release", line, path)
    for service in render_blueprint(tree):
        for line in lines_of(service.get("preDeployCommand")):
            yield Command("release", line, "render.yaml")


def _once(tree: Tree) -> Iterator[Command]:
    scripts = mapping(tree, "app.json").get("scripts")
    script = scripts.get("postdeploy") if isinstance(scripts, dict) else None
    for line in lines_of(script.get("command") if isinstance(script, dict) else script):
        yield Command("once", line, "app.json")
    for service in render_blueprint(tree):
        for line in lines_of(service.get("initialDeployHook")):
            yield Command("once", line, "render.yaml")


def _programs(line: str) -> list[str]:
    """The line as commands of the setting, without those whose work is done while the image is built."""
    programs = [] if _SHELL.search(line) else [portable(part) for part in joined(line)]
    if not programs or not all(programs):
        return [_in_a_shell(line)]
    return [_named(text) for text in programs if not ((found := _MANAGE.match(text)) and found[1] in _IN_THE_IMAGE)]


def _in_a_shell(line: str) -> str:
    try:
        command_line.split(line)
    except CommandLineError as error:
        return error.fix
    return line


def _pasted(line: str) -> str:
    """The line as words for the shell of whoever pastes it, which expands and runs nothing of it."""
    try:
        return shlex.join(command_line.split(line))
    except CommandLineError:
        return f"sh -c {shlex.quote(line)}"


def _named(command: str) -> str:
    """A migrate of everything, with the words of the setting's default."""
    found = _MANAGE.fullmatch(command)
    options = [word for word in found[2].split() if word not in {"--noinput", "--no-input"}] if found else []
    if found and found[1] == "migrate" and set(options) <= _OF_MIGRATE:
        return " ".join([MIGRATE, *options])
    return command


def _with_migrate(commands: list[str]) -> list[str]:
    """With the stack's own migrate first, unless one is among them."""
    options = [one.removeprefix(MIGRATE).split() for one in commands if one.startswith(MIGRATE)]
    return commands if any(set(one) <= _OF_MIGRATE for one in options) else [MIGRATE, *commands]
