"""The commands that errors propose. Each works when it is pasted into a shell in the project's folder.

A command never contains the value of a secret: it reads the value from the stack's settings, or `pulumi` asks for it.
"""

import json
import os
import re
import shlex
from difflib import get_close_matches
from pathlib import Path

from infra.checkout import ROOT


def path(key: str, *names: str) -> str:
    """What is at `names` below a setting, as `pulumi config set --path` takes it."""
    for name in names:
        if re.fullmatch(r"[A-Za-z_][\w-]*", name, re.ASCII):
            key = f"{key}.{name}"
        else:
            escaped = name.replace("\\", "\\\\").replace('"', '\\"')
            key = f'{key}["{escaped}"]'
    return key


def set_value(stack: str, key: str, value: str) -> str:
    """Sets a setting, or what is at a path in it: `processes.worker.count`, `release-commands[0]`."""
    path = "--path " if "." in key or key.endswith("]") else ""
    return f"pulumi config set -s {shlex.quote(stack)} {path}{shlex.quote(key)} {_argument(value)}"


def set_text(stack: str, path: str, value: str) -> str:
    """Sets a text below a setting. Without the type, `pulumi` would store digits as a number. Versions before 3.150
    don't know the type; there `--secret` stores text.
    """
    return f"pulumi config set -s {shlex.quote(stack)} --type string --path {shlex.quote(path)} {_argument(value)}"


def ask_for(stack: str, key: str, *, secret: bool) -> str:
    """Makes `pulumi` ask for the value; a secret is not shown, and stored encrypted."""
    flags = ("--secret " if secret else "") + ("--path " if "." in key or key.endswith("]") else "")
    return f"pulumi config set -s {shlex.quote(stack)} {flags}{shlex.quote(key)}"


def encrypt(stack: str, keys: list[str]) -> str:
    """Encrypts values that are stored in plain text, of settings or of paths below them."""
    stack = shlex.quote(stack)
    path = "--path " if any("." in key for key in keys) else ""
    if len(keys) == 1:
        key = shlex.quote(keys[0])
        return f'pulumi config set -s {stack} --secret {path}{key} -- "$(pulumi config get -s {stack} {path}{key})"'
    names = " ".join(shlex.quote(key) for key in keys)
    one = f'pulumi config set -s {stack} --secret {path}"$key" -- "$(pulumi config get -s {stack} {path}"$key")"'
    return f"for key in {names}; do {one}; done"


def remove(stack: str, key: str) -> str:
    """Removes a setting, so that it has its default."""
    return f"pulumi config rm -s {shlex.quote(stack)} {_argument(key)}"


def remove_path(stack: str, path: str) -> str:
    """Removes a path below a setting."""
    return f"pulumi config rm -s {shlex.quote(stack)} --path {shlex.quote(path)}"


def upgrade_rds(stack: str, version: int) -> str:
    """Has RDS upgrade the database of a cloud stack."""
    settings = [set_value(stack, "postgres-version", str(version)), set_value(stack, "database-upgrade", "true")]
    return f"{' && '.join(settings)} && pulumi up -s {shlex.quote(stack)}"


def move(stack: str, old: str, new: str, *, secret: bool) -> str:
    """Gives one path the value of another, which is removed."""
    stack, old, new = map(shlex.quote, (stack, old, new))
    flags = "--secret --path" if secret else "--path"
    return (
        f'pulumi config set -s {stack} {flags} {new} -- "$(pulumi config get -s {stack} --path {old})" && '
        f"pulumi config rm -s {stack} --path {old}"
    )


def edit_json(stack: str, key: str, statement: str, *, secret: bool) -> str:
    """Changes an object that is stored as one JSON text, by a Python statement about `d`; numbers become text.

    `pulumi config set --path` would replace the whole object.
    """
    stack = shlex.quote(stack)
    if "os." in statement:
        statement = f"import os; {statement}"
    read, write = "d = json.load(sys.stdin, parse_int=str, parse_float=str)", "print(json.dumps(d))"
    program = "; ".join(filter(None, ["import json, sys", read, statement, write]))
    return (
        f'V="$(pulumi config get -s {stack} {key} | python3 -c {shlex.quote(program)})" && '
        f'pulumi config set -s {stack} {"--secret " if secret else ""}{key} -- "$V"'
    )


def rename_namespace(old: str, new: str, key: str = r"[^ ]", files: str = "Pulumi.*.yaml") -> str:
    """Changes the namespace of the keys in all stacks' files, or of one key; keeps a copy of each file."""
    name = re.sub(r"[.\\[\]*^$/]", r"\\\g<0>", old)
    change = rf"s/^\([^[:alnum:]]*\){name}:\({key}\)/\1{new}:\2/"
    return f"sed -i.bak {shlex.quote(change)} {files}"


def folder_of_shell(text: str) -> Path | None:
    """The folder that a shell makes of `~/site` or `$HOME/site`, which nothing expands in a setting."""
    expanded = os.path.expandvars(os.path.expanduser(text))  # noqa: PTH111  # pathlib's raises for an unknown user
    if expanded == text or not os.path.isdir(expanded):  # noqa: PTH112  # pathlib's raises for a null byte
        return None
    return Path(expanded)


def folder_like(path: Path) -> Path | None:
    """A folder with a Dockerfile and a similar name, beside a path that doesn't exist."""
    try:
        near = [folder for folder in path.parent.iterdir() if (folder / "Dockerfile").is_file()]
    except (OSError, ValueError):
        return None
    names = get_close_matches(path.name, [folder.name for folder in near if folder != ROOT / "app"], n=1)
    return path.parent / names[0] if names else None


def dockerfiles(folder: Path) -> list[str]:
    """The Dockerfiles down to three folders below this one, as paths within it."""
    found = {path for depth in range(4) for path in folder.glob("*/" * depth + "*ockerfile*")}
    files = [path for path in found if path.is_file() and not path.name.endswith(".dockerignore")]
    return sorted(str(path.relative_to(folder)) for path in files if "node_modules" not in path.parts)


def begin_dockerfile(folder: Path) -> str:
    """Copies the example's Dockerfile and puts the project's own wsgi module into its last line."""
    ours, theirs = shlex.quote(str(ROOT / "app" / "Dockerfile")), shlex.quote(str(folder / "Dockerfile"))
    module = next((found.parent.name for found in sorted(folder.glob("*/wsgi.py"))), "config")
    return f"sed {shlex.quote(f's/config[.]wsgi/{module}.wsgi/')} {ours} > {theirs}"


def default(key: str) -> str:
    """The default of a setting in Pulumi.yaml; nothing for one that isn't there.

    Pulumi also takes a key with the project's name before it, `value` for `default`, and a default alone (`cpu: 512`).
    """
    import yaml  # noqa: PLC0415  # only an error needs it

    project = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())
    config = project.get("config") or {}
    value = config.get(key, config.get(f"{project['name']}:{key}"))
    if isinstance(value, dict):
        value = value.get("default", value.get("value"))
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)


def host_in(text: str) -> str:
    """The host of something like https://www.example.com:8000/path."""
    host = text.lower().rpartition("://")[2].partition("/")[0].partition(":")[0].rstrip(".")
    try:
        return host if host.isascii() else host.encode("idna").decode()
    except UnicodeError:
        return host


def _argument(value: str) -> str:
    return ("-- " if value.startswith("-") else "") + shlex.quote(value)
