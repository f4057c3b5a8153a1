"""Commands that run beside the site elsewhere: by supervisor, uWSGI or systemd, on Render, Heroku or Fly."""

import configparser
import json
import re
import tomllib
from pathlib import PurePosixPath

import yaml

from infra.adoption.services import Command
from infra.adoption.tree import Tree


def programs(tree: Tree) -> list[Command]:
    """The commands with the names that they have there; those that serve pages are among them."""
    return [
        *_supervised(tree),
        *_daemons(tree),
        *_units(tree),
        *render_services(tree, "worker", "pserv"),
        *_heroku(tree),
        *_fly(tree),
    ]


def render_services(tree: Tree, *kinds: str) -> list[Command]:
    """The commands of render.yaml's services of these kinds."""
    return [
        Command(str(one.get("name", "")), str(one.get("startCommand") or one.get("dockerCommand") or ""), "render.yaml")
        for one in render_blueprint(tree)
        if one.get("type") in kinds
    ]


def render_blueprint(tree: Tree) -> list[dict[str, object]]:
    """The services of a render.yaml; none without one."""
    services = mapping(tree, "render.yaml").get("services")
    return [one for one in services if isinstance(one, dict)] if isinstance(services, list) else []


def mapping(tree: Tree, path: str) -> dict[str, object]:
    """The content of a file in YAML, JSON or TOML; nothing if it can't be read."""
    loads = {".toml": tomllib.loads, ".json": json.loads}.get(PurePosixPath(path).suffix, yaml.safe_load)
    try:
        content = loads(tree.text(path))
    except (yaml.YAMLError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def lines_of(command: object) -> list[str]:
    """The lines of a command, which may be a list or a text of several."""
    texts = map(str, command) if isinstance(command, list) else [str(command or "")]
    lines = (line.strip() for text in texts for line in re.sub(r"(?:\\|(?<=&&))\s*\n", " ", text).splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def _heroku(tree: Tree) -> list[Command]:
    run = mapping(tree, "heroku.yml").get("run")
    return [
        Command(str(name), " && ".join(lines_of(one.get("command") if isinstance(one, dict) else one)), "heroku.yml")
        for name, one in (run.items() if isinstance(run, dict) else ())
        if name != "web"
    ]


def _fly(tree: Tree) -> list[Command]:
    processes = mapping(tree, "fly.toml").get("processes")
    return [
        Command(str(name), str(line), "fly.toml")
        for name, line in (processes.items() if isinstance(processes, dict) else ())
        if name not in {"app", "web"}
    ]


def _supervised(tree: Tree) -> list[Command]:
    found: dict[str, Command] = {}
    for path in tree.named(r"supervisor[\w.-]*\.(?:conf|ini)"):
        for section, values in _sections(tree.text(path)):
            if section.startswith("program:") and (line := values.get("command", "")):
                found.setdefault(line, Command(section.removeprefix("program:"), line, path))
    return list(found.values())


def _daemons(tree: Tree) -> list[Command]:
    """uWSGI starts them with itself."""
    found = []
    for path in tree.named(r"\w*uwsgi\w*\.ini"):
        for line in re.findall(r"^\s*(?:smart-)?attach-daemon2?\s*=\s*(.+?)\s*$", tree.text(path), re.MULTILINE):
            plain = re.search(r"\bcmd=([^,]+)", line)
            found.append(Command("daemon", plain[1] if plain else line, path, "%(" not in line))
    return found


def _units(tree: Tree) -> list[Command]:
    """systemd's services, without those that do something once."""
    found = []
    for path in tree.named(r"[\w.@-]+\.service"):
        values = dict(_sections(tree.text(path))).get("service", {})
        if (line := values.get("execstart", "")) and values.get("type") != "oneshot":
            found.append(Command(PurePosixPath(path).stem.rstrip("@"), line.lstrip("-@:+!"), path))
    return found


def _sections(text: str) -> list[tuple[str, dict[str, str]]]:
    """The sections of an INI file, with the last value of each name; those of systemd have names more than once."""
    joined = re.sub(r"\\\r?\n\s*", " ", text)
    parser = configparser.RawConfigParser(strict=False, allow_no_value=True, inline_comment_prefixes=(";",))
    try:
        parser.read_string(joined)
    except configparser.Error:
        return []
    return [
        (name if ":" in name else name.lower(), {k: v or "" for k, v in parser.items(name)})
        for name in parser.sections()
    ]
